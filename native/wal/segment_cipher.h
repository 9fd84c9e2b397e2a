// SegmentCipher: encrypts and decrypts the blocks of one segment (docs/wal-format.md, section 10).
// Belongs to one thread at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/status.h"
#include "crypto/aead.h"
#include "crypto/hash.h"
#include "crypto/key_ring.h"
#include "wal/format.h"

namespace clustor {

class SegmentCipher {
 public:
  // For a segment with this header; null when it is not encrypted. keys may be null.
  // Errors: kKeyUnknownEpoch (no key of that epoch is there), kKeyWrong (it is another key),
  // kLogUnprotected (it is not encrypted, and the ring demands it), kCryptoUnavailable,
  // kOutOfMemory.
  static StatusOr<std::unique_ptr<SegmentCipher>> Create(const SegmentHeader& header,
                                                         std::shared_ptr<const KeyRing> keys);

  // Encrypts the frames of a block in place and writes the tag of kGcmTagBytes behind them.
  // `encoded` is the header as it is stored. REQUIRES: no block of this segment was sealed with the
  // same salt and counter. Errors: kOutOfMemory; nothing of the frames is left in the clear then.
  Status Seal(const BlockHeader& header, std::span<const std::byte> encoded,
              std::span<std::byte> frames, std::byte* tag);

  // Decrypts a block whose checksum holds. `plaintext` has header.plaintext_bytes. False when the
  // tag does not hold, so the block was not written by a holder of the key: `plaintext` is then
  // zeroed. Errors: kOutOfMemory. REQUIRES: the header is one that IsSealed accepts.
  StatusOr<bool> Open(const BlockHeader& header, std::span<const std::byte> encoded,
                      std::span<const std::byte> stored, std::span<std::byte> plaintext);

 private:
  // u8 1, then the fields of the segment header, then the block header.
  static constexpr size_t kAadBytes = 1 + kSegmentFieldBytes + kBlockHeaderBytes;

  SegmentCipher(const SegmentHeader& header, std::shared_ptr<const KeyRing> keys, Sha256 hash);
  Status UseSalt(const KeySalt& salt);
  // The IV of the block; fills in the AAD.
  StatusOr<GcmIv> Prepare(const BlockHeader& header, std::span<const std::byte> encoded);

  const uint64_t segment_seq_;
  const uint32_t dek_epoch_;
  const std::shared_ptr<const KeyRing> keys_;
  Sha256 hash_;
  std::array<std::byte, kAadBytes> aad_;
  // Of the salt used last: a segment has one salt per process that wrote into it.
  KeySalt salt_{};
  std::optional<AesGcm> block_cipher_;
};

// Crypto counters that a block consumes; it uses the first of them.
constexpr uint64_t CryptoCounters(uint64_t plaintext_bytes) {
  return (plaintext_bytes + kCryptoBlockBytes - 1) / kCryptoBlockBytes;
}

// Fills in what the header of a new segment says of encryption and of its trailer: the active
// epochs of the ring and the check values of their keys. No ring, or no active epoch: without.
// Errors: kKeyUnknownEpoch, kCryptoUnavailable, kOutOfMemory.
Status ChooseKeys(const KeyRing* keys, SegmentHeader* pattern);

// The refusal of a segment that lacks what the ring demands: `what` is "encrypted" or "sealed".
Status Unprotected(uint64_t segment_seq, const char* what);

// Whether segments with these headers are encrypted and sealed under the same keys.
bool HaveSameKeys(const SegmentHeader& a, const SegmentHeader& b);

}  // namespace clustor
