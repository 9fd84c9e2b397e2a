#include "wal/block_sealer.h"

#include <utility>

namespace clustor {

Status BlockSealer::UseKeys(Env* env, std::shared_ptr<const KeyRing> keys) {
  if (keys != nullptr) RETURN_IF_ERROR(env->RandomBytes(salt_));
  keys_ = std::move(keys);
  return Status::Ok();
}

Status BlockSealer::UseSegment(const SegmentHeader& header, uint64_t first_counter) {
  StatusOr<std::unique_ptr<SegmentCipher>> cipher = SegmentCipher::Create(header, keys_);
  if (!cipher.ok()) return cipher.status();
  cipher_ = std::move(*cipher);
  next_counter_ = first_counter;
  return Status::Ok();
}

void BlockSealer::Prepare(BlockHeader* header) {
  header->flags |= kBlockFlagEncrypted;
  header->stored_bytes = header->plaintext_bytes + kGcmTagBytes;
  header->first_crypto_counter = next_counter_;
  header->key_salt = salt_;
  next_counter_ += CryptoCounters(header->plaintext_bytes);
}

}  // namespace clustor
