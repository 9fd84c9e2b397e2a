// Frames: encoded log entries, the unit that is logged, sent and read back (docs/wal-format.md,
// "Frame"). Every function here is pure and may run on any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/slab.h"
#include "base/status.h"

namespace clustor {

// A run of neighbouring entries of one term and one kind.
struct EntryRun {
  uint64_t term = 0;
  uint8_t kind = 0;
  uint64_t count = 0;
  friend bool operator==(const EntryRun&, const EntryRun&) = default;
};

// Contiguous entries without their bytes, as columns. Empty when last_index + 1 == first_index.
struct FrameRange {
  uint64_t first_index = 0;
  uint64_t last_index = 0;
  std::vector<EntryRun> runs;          // Counts add up to byte_lengths.size().
  std::vector<uint32_t> byte_lengths;  // Whole frame bytes per entry, in index order.
};

// Bytes of a frame that are not payload: 12 header, 17 term|index|kind, 4 checksum.
inline constexpr size_t kEntryFrameOverheadBytes = 33;
// Where the payload begins in the frame of an entry.
inline constexpr size_t kEntryPayloadOffset = 29;

// The bytes a frame takes for a payload of payload_bytes.
constexpr size_t FrameBytes(size_t payload_bytes) {
  return payload_bytes + kEntryFrameOverheadBytes;
}

// Encodes one entry at dst, which has room for FrameBytes(payload.size()) bytes, and returns that
// number. REQUIRES: payload.size() fits the log's payload limit (below 2^32 - 64 in any case);
// term and index below 2^53. payload may overlap nothing of dst, except that a payload already in
// its place (dst + kEntryPayloadOffset) is fine and is not copied.
size_t EncodeFrame(std::byte* dst, uint64_t term, uint64_t index, uint8_t kind,
                   std::span<const std::byte> payload);

// Checks a run of entry frames that fills `bytes` exactly: length fields before use, every CRC,
// indexes contiguous, terms never falling, positions below 2^53. An empty run is refused.
// Errors: kFrameCorrupt with offset (in `bytes`) and, when known, the index.
StatusOr<FrameRange> ParseFrames(std::span<const std::byte> bytes);

// Appends `count` entries of (term, kind) to a run-length list.
void AppendRun(std::vector<EntryRun>* runs, uint64_t term, uint8_t kind, uint64_t count);

}  // namespace clustor
