// Key rings for tests.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>

#include "crypto/key_ring.h"

namespace clustor::test {

// A key that is the same wherever `seed` is.
inline std::array<std::byte, kKeyBytes> KeyOf(uint32_t seed) {
  std::array<std::byte, kKeyBytes> key;
  for (size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::byte>(seed * 131 + i * 7 + 1);
  return key;
}

// Dek epochs, each with the key of its number; the last one is active.
inline std::shared_ptr<const KeyRing> RingOf(std::initializer_list<uint32_t> dek_epochs,
                                             bool allows_plain = false) {
  auto ring = std::make_shared<KeyRing>();
  uint32_t active = 0;
  for (const uint32_t epoch : dek_epochs) {
    ring->AddDek(epoch, KeyOf(epoch));
    active = epoch;
  }
  ring->SetActive(active, 0);
  ring->AllowPlain(allows_plain);
  return ring;
}

// The same, for logs that also have segments from before there were keys.
inline std::shared_ptr<const KeyRing> LaterRingOf(std::initializer_list<uint32_t> dek_epochs) {
  return RingOf(dek_epochs, true);
}

// The same, but new segments are not encrypted.
inline std::shared_ptr<const KeyRing> ReadingRingOf(std::initializer_list<uint32_t> dek_epochs) {
  auto ring = std::make_shared<KeyRing>();
  for (const uint32_t epoch : dek_epochs) ring->AddDek(epoch, KeyOf(epoch));
  return ring;
}

}  // namespace clustor::test
