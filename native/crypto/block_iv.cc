#include "crypto/block_iv.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/coding.h"

namespace clustor {

namespace {

constexpr std::string_view kIvLabel = "WAL-Block-IV v1";
constexpr std::string_view kBlockKeyLabel = "clustor-block-key-v1";
constexpr std::string_view kCheckLabel = "clustor-key-check-v1";

std::span<const std::byte> Bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

// The published rule for IVs is the one place with the most significant byte first.
template <size_t kBytes>
void StoreBig(std::byte* to, uint64_t value) {
  for (size_t i = 0; i < kBytes; ++i) to[kBytes - 1 - i] = static_cast<std::byte>(value >> (8 * i));
}

StatusOr<uint64_t> KeyCheck(KeyView key, std::string_view which, uint32_t epoch) {
  StatusOr<HmacSha256> hmac = HmacSha256::Create(key);
  if (!hmac.ok()) return hmac.status();
  std::array<std::byte, 4> number;
  Store32(number.data(), epoch);
  hmac->Update(Bytes(kCheckLabel));
  hmac->Update(Bytes(which));
  hmac->Update(number);
  const StatusOr<Sha256Digest> digest = hmac->Finish();
  if (!digest.ok()) return digest.status();
  return Load64(digest->data());
}

}  // namespace

StatusOr<GcmIv> BlockIv(Sha256* hash, uint32_t dek_epoch, uint64_t segment_seq, uint64_t counter) {
  std::array<std::byte, 20> numbers;
  StoreBig<4>(numbers.data(), dek_epoch);
  StoreBig<8>(numbers.data() + 4, segment_seq);
  StoreBig<8>(numbers.data() + 12, counter);
  hash->Update(numbers);
  hash->Update(Bytes(kIvLabel));
  const StatusOr<Sha256Digest> digest = hash->Finish();
  if (!digest.ok()) return digest.status();
  GcmIv iv;
  std::copy_n(digest->begin(), iv.size(), iv.begin());
  return iv;
}

StatusOr<Sha256Digest> BlockKey(KeyView dek, uint32_t dek_epoch, std::span<const std::byte> salt) {
  StatusOr<HmacSha256> hmac = HmacSha256::Create(dek);
  if (!hmac.ok()) return hmac.status();
  std::array<std::byte, 4> number;
  Store32(number.data(), dek_epoch);
  hmac->Update(Bytes(kBlockKeyLabel));
  hmac->Update(number);
  hmac->Update(salt);
  return hmac->Finish();
}

StatusOr<uint64_t> DekCheck(KeyView dek, uint32_t epoch) { return KeyCheck(dek, "dek", epoch); }

StatusOr<uint64_t> MacCheck(KeyView mac, uint32_t epoch) { return KeyCheck(mac, "mac", epoch); }

}  // namespace clustor
