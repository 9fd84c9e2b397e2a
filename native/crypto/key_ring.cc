#include "crypto/key_ring.h"

#include <algorithm>

#include "crypto/hash.h"

namespace clustor {

SecretKey::SecretKey(KeyView bytes) { std::copy(bytes.begin(), bytes.end(), bytes_.begin()); }

SecretKey::~SecretKey() { ZeroSecret(bytes_); }

void KeyRing::AddDek(uint32_t epoch, KeyView bytes) {
  deks_[epoch] = std::make_unique<SecretKey>(bytes);
}

void KeyRing::AddMac(uint32_t epoch, KeyView bytes) {
  macs_[epoch] = std::make_unique<SecretKey>(bytes);
}

void KeyRing::SetActive(uint32_t dek_epoch, uint32_t mac_epoch) {
  active_dek_ = dek_epoch;
  active_mac_ = mac_epoch;
}

std::optional<KeyView> KeyRing::Dek(uint32_t epoch) const {
  const auto found = deks_.find(epoch);
  if (found == deks_.end()) return std::nullopt;
  return found->second->view();
}

std::optional<KeyView> KeyRing::Mac(uint32_t epoch) const {
  const auto found = macs_.find(epoch);
  if (found == macs_.end()) return std::nullopt;
  return found->second->view();
}

}  // namespace clustor
