// BlockSealer: what the committer encrypts blocks with: the cipher of the tail, the salt of this
// process, the counters. Under the commit lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/status.h"
#include "crypto/key_ring.h"
#include "os/env.h"
#include "wal/format.h"
#include "wal/nonce_plan.h"
#include "wal/segment_cipher.h"

namespace clustor {

class BlockSealer {
 public:
  // nonces outlives the sealer.
  explicit BlockSealer(NoncePlan* nonces) : nonces_(nonces) {}

  // Draws a salt of its own for these keys; null: none. Errors: kIo.
  Status UseKeys(Env* env, std::shared_ptr<const KeyRing> keys);
  // Blocks go into this segment from now on; counters below `seen` are in blocks that are there.
  // Errors: of SegmentCipher.
  Status UseSegment(const SegmentHeader& header, uint64_t seen);
  // The same segment and counters with the new keys.
  Status KeepSegment(const SegmentHeader& header);
  // No more blocks go into it.
  void LeaveSegment() { cipher_.reset(); }
  void ForgetKeys() { keys_.reset(); }

  // Whether the blocks of the segment are encrypted.
  bool is_on() const { return cipher_ != nullptr; }

  // Makes the header of a block with plaintext_bytes that of an encrypted one, and uses up its
  // counters: they are never given again, whatever becomes of the block. Errors: kInternal when
  // they are not reserved; then nothing may be sealed.
  Status Prepare(BlockHeader* header);
  // See SegmentCipher::Seal.
  Status Seal(const BlockHeader& header, std::span<const std::byte> encoded,
              std::span<std::byte> frames, std::byte* tag) {
    return cipher_->Seal(header, encoded, frames, tag);
  }

 private:
  NoncePlan* const nonces_;
  std::shared_ptr<const KeyRing> keys_;
  KeySalt salt_{};
  std::unique_ptr<SegmentCipher> cipher_;
};

}  // namespace clustor
