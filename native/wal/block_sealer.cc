#include "wal/block_sealer.h"

#include <utility>

namespace clustor {

Status BlockSealer::UseKeys(Env* env, std::shared_ptr<const KeyRing> keys) {
  if (keys != nullptr) RETURN_IF_ERROR(env->RandomBytes(salt_));
  keys_ = std::move(keys);
  return Status::Ok();
}

Status BlockSealer::UseSegment(const SegmentHeader& header, uint64_t seen) {
  nonces_->UseSegment(header.segment_seq, header.IsEncrypted(), seen);
  return KeepSegment(header);
}

Status BlockSealer::KeepSegment(const SegmentHeader& header) {
  StatusOr<std::unique_ptr<SegmentCipher>> cipher = SegmentCipher::Create(header, keys_);
  if (!cipher.ok()) return cipher.status();
  cipher_ = std::move(*cipher);
  return Status::Ok();
}

Status BlockSealer::Prepare(BlockHeader* header) {
  const uint64_t counters = CryptoCounters(header->plaintext_bytes);
  // W9: no counter is used before its reservation is durable.
  if (!nonces_->Covers(counters)) {
    return Status(StatusCode::kInternal, "a block was to be sealed with counters not reserved");
  }
  header->flags |= kBlockFlagEncrypted;
  header->stored_bytes = header->plaintext_bytes + kGcmTagBytes;
  header->first_crypto_counter = nonces_->Take(counters);
  header->key_salt = salt_;
  return Status::Ok();
}

}  // namespace clustor
