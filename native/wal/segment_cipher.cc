#include "wal/segment_cipher.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "crypto/block_iv.h"

namespace clustor {

namespace {

constexpr std::byte kAadVersion{1};

Status KeyError(StatusCode code, const SegmentHeader& header, const char* what) {
  StatusDetails details;
  details.segment = static_cast<int64_t>(header.segment_seq);
  details.message = "segment " + std::to_string(header.segment_seq) +
                    " is encrypted under dek epoch " + std::to_string(header.dek_epoch) + ": " +
                    what + ". Nothing was changed.";
  return Status(code, std::move(details));
}

Status CheckDek(const SegmentHeader& header, const KeyRing* keys) {
  if (keys == nullptr) {
    return KeyError(StatusCode::kKeyUnknownEpoch, header, "no keys were given");
  }
  const std::optional<KeyView> dek = keys->Dek(header.dek_epoch);
  if (!dek) {
    return KeyError(StatusCode::kKeyUnknownEpoch, header, "the key ring has no key of that epoch");
  }
  const StatusOr<uint64_t> check = DekCheck(*dek, header.dek_epoch);
  if (!check.ok()) return check.status();
  if (*check == header.dek_check) return Status::Ok();
  return KeyError(StatusCode::kKeyWrong, header,
                  "the key ring has another key of that epoch than it was written with");
}

}  // namespace

Status Unprotected(uint64_t segment_seq, const char* what) {
  StatusDetails details;
  details.segment = static_cast<int64_t>(segment_seq);
  details.message = "segment " + std::to_string(segment_seq) + " is not " + what +
                    " although the key ring has an active key for that: either it is older than "
                    "the keys, then allow plain segments, once, and rewrite the log; or somebody "
                    "put it there. Nothing was changed.";
  return Status(StatusCode::kLogUnprotected, std::move(details));
}

StatusOr<std::unique_ptr<SegmentCipher>> SegmentCipher::Create(
    const SegmentHeader& header, std::shared_ptr<const KeyRing> keys) {
  if (header.cipher == kCipherNone) {
    if (keys != nullptr && keys->MustBeEncrypted()) {
      return Unprotected(header.segment_seq, "encrypted");
    }
    return std::unique_ptr<SegmentCipher>();
  }
  RETURN_IF_ERROR(CheckDek(header, keys.get()));
  StatusOr<Sha256> hash = Sha256::Create();
  if (!hash.ok()) return hash.status();
  return std::unique_ptr<SegmentCipher>(
      new SegmentCipher(header, std::move(keys), std::move(*hash)));
}

SegmentCipher::SegmentCipher(const SegmentHeader& header, std::shared_ptr<const KeyRing> keys,
                             Sha256 hash)
    : segment_seq_(header.segment_seq),
      dek_epoch_(header.dek_epoch),
      keys_(std::move(keys)),
      hash_(std::move(hash)) {
  std::array<std::byte, kSegmentHeaderBytes> encoded;
  EncodeSegmentHeader(header, encoded);
  aad_[0] = kAadVersion;
  std::memcpy(aad_.data() + 1, encoded.data(), kSegmentFieldBytes);
}

Status SegmentCipher::UseSalt(const KeySalt& salt) {
  if (block_cipher_ && salt == salt_) return Status::Ok();
  StatusOr<Sha256Digest> key = BlockKey(*keys_->Dek(dek_epoch_), dek_epoch_, salt);
  if (!key.ok()) return key.status();
  StatusOr<AesGcm> cipher = AesGcm::Create(*key);
  ZeroSecret(*key);
  if (!cipher.ok()) return cipher.status();
  block_cipher_ = std::move(*cipher);
  salt_ = salt;
  return Status::Ok();
}

StatusOr<GcmIv> SegmentCipher::Prepare(const BlockHeader& header,
                                       std::span<const std::byte> encoded) {
  RETURN_IF_ERROR(UseSalt(header.key_salt));
  std::memcpy(aad_.data() + 1 + kSegmentFieldBytes, encoded.data(), kBlockHeaderBytes);
  return BlockIv(&hash_, dek_epoch_, segment_seq_, header.first_crypto_counter);
}

Status SegmentCipher::Seal(const BlockHeader& header, std::span<const std::byte> encoded,
                           std::span<std::byte> frames, std::byte* tag) {
  const StatusOr<GcmIv> iv = Prepare(header, encoded);
  if (!iv.ok()) {
    ZeroSecret(frames);
    return iv.status();
  }
  const StatusOr<GcmTag> sealed = block_cipher_->Seal(*iv, aad_, frames);
  if (!sealed.ok()) return sealed.status();
  std::memcpy(tag, sealed->data(), sealed->size());
  return Status::Ok();
}

StatusOr<bool> SegmentCipher::Open(const BlockHeader& header, std::span<const std::byte> encoded,
                                   std::span<const std::byte> stored,
                                   std::span<std::byte> plaintext) {
  const StatusOr<GcmIv> iv = Prepare(header, encoded);
  if (!iv.ok()) return iv.status();
  GcmTag tag;
  std::memcpy(tag.data(), stored.data() + header.plaintext_bytes, tag.size());
  return block_cipher_->Open(*iv, aad_, stored.first(header.plaintext_bytes), tag, plaintext);
}

namespace {

Status ChooseMac(const KeyRing* keys, SegmentHeader* pattern) {
  pattern->mac_epoch = 0;
  pattern->mac_check = 0;
  const uint32_t epoch = keys == nullptr ? 0 : keys->active_mac();
  if (epoch == 0) return Status::Ok();
  const std::optional<KeyView> mac = keys->Mac(epoch);
  if (!mac) {
    return Status(StatusCode::kKeyUnknownEpoch,
                  "the key ring has no key of its active mac epoch " + std::to_string(epoch));
  }
  const StatusOr<uint64_t> check = MacCheck(*mac, epoch);
  if (!check.ok()) return check.status();
  pattern->mac_epoch = epoch;
  pattern->mac_check = *check;
  return Status::Ok();
}

}  // namespace

Status ChooseKeys(const KeyRing* keys, SegmentHeader* pattern) {
  pattern->cipher = kCipherNone;
  pattern->dek_epoch = 0;
  pattern->dek_check = 0;
  RETURN_IF_ERROR(ChooseMac(keys, pattern));
  const uint32_t epoch = keys == nullptr ? 0 : keys->active_dek();
  if (epoch == 0) return Status::Ok();
  const std::optional<KeyView> dek = keys->Dek(epoch);
  if (!dek) {
    return Status(StatusCode::kKeyUnknownEpoch,
                  "the key ring has no key of its active dek epoch " + std::to_string(epoch));
  }
  const StatusOr<uint64_t> check = DekCheck(*dek, epoch);
  if (!check.ok()) return check.status();
  pattern->cipher = kCipherAes256Gcm;
  pattern->dek_epoch = epoch;
  pattern->dek_check = *check;
  return Status::Ok();
}

bool HaveSameKeys(const SegmentHeader& a, const SegmentHeader& b) {
  return a.cipher == b.cipher && a.dek_epoch == b.dek_epoch && a.dek_check == b.dek_check &&
         a.mac_epoch == b.mac_epoch && a.mac_check == b.mac_check;
}

}  // namespace clustor
