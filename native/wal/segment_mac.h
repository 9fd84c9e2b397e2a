// SegmentMac: gathers, block by block, what the trailer of a segment is made from. On the commit
// path a block is staged when it is built, and counts once it is durable: what is never committed
// leaves no trace.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/pieces.h"
#include "base/status.h"
#include "crypto/hash.h"
#include "crypto/key_ring.h"
#include "wal/format.h"
#include "wal/segment_trailer.h"

namespace clustor {

// What the last page of a segment holds.
enum class TrailerState : uint8_t {
  kNone,   // No trailer of this segment: zeros, a torn one, or one of an older life of the file.
  kValid,  // The trailer of exactly these blocks.
  kWrong,  // A trailer of this segment, but of other blocks, or made without the key.
};

// Of one segment; belongs to one thread at a time.
class SegmentMac {
 public:
  // For a segment of this header, under the key of its mac_epoch. Null when that is 0. Errors:
  // kKeyUnknownEpoch, kKeyWrong, kLogUnprotected, kCryptoUnavailable, kOutOfMemory.
  static StatusOr<std::unique_ptr<SegmentMac>> Create(const SegmentHeader& header,
                                                      const KeyRing* keys);

  // The next block, of which these are the frames as they are stored, not encrypted. `offset` is
  // the block's. No frame stands in two pieces.
  void Stage(const Pieces& plaintext, uint64_t offset);
  // The block that was staged last belongs to the segment. `stored`: all of it without padding.
  void Add(const BlockHeader& header, const Pieces& stored);

  // The trailer of the blocks so far. More can be added afterwards. Errors: kOutOfMemory.
  StatusOr<SegmentTrailer> Finish();
  // Judges the last page of the segment. Errors: kOutOfMemory.
  StatusOr<TrailerState> Check(std::span<const std::byte> page);

 private:
  struct Lanes {
    CrcLanes entries;
    CrcLanes offsets;
  };

  SegmentMac(const SegmentHeader& header, HmacSha256 key, Sha256 content);
  void StageFrames(std::span<const std::byte> frames, uint64_t offset);

  const uint64_t segment_seq_;
  HmacSha256 key_;
  Sha256 content_;
  Lanes lanes_;
  Lanes staged_;
  uint64_t first_index_ = 0;
  uint64_t last_index_ = 0;
  uint32_t entry_count_ = 0;
};

}  // namespace clustor
