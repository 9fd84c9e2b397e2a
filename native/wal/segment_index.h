// The index of a sealed segment, segment-<n>.idx: where its blocks are and what they hold
// (docs/wal-format.md, "Index of a segment"). Advisory: recovery, verification and reads do
// without. It spares offline tools the reading of blocks that they have no use for.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "base/mutex.h"
#include "base/status.h"
#include "os/env.h"
#include "wal/format.h"
#include "wal/paths.h"

namespace clustor {

struct IndexRow {
  uint64_t offset = 0;
  uint32_t previous_checksum = 0;  // As in the header of the block.
  uint32_t entry_count = 0;
  uint64_t first_index = 0;
  uint64_t last_index = 0;
  friend bool operator==(const IndexRow&, const IndexRow&) = default;
};

struct SegmentIndex {
  uint64_t segment_seq = 0;
  uint64_t first_block = 0;  // Row i is of block first_block + i.
  uint32_t header_checksum =
      0;  // The CRC of the segment's header: of which life of the file it is.
  std::vector<IndexRow> rows;
  friend bool operator==(const SegmentIndex&, const SegmentIndex&) = default;
};

std::vector<std::byte> EncodeSegmentIndex(const SegmentIndex& index);
// Nothing when the bytes are no index.
std::optional<SegmentIndex> DecodeSegmentIndex(std::span<const std::byte> bytes);

// Walks the headers of the blocks, as far as they lead from one to the next. Nothing when the file
// has no header that verifies. Errors: failed reads.
StatusOr<std::optional<SegmentIndex>> ReadSegmentIndex(File* segment);
// The index that stands beside the segment of this header; nothing when it is missing, damaged, or
// of another segment or an older life of the file.
std::optional<SegmentIndex> LoadSegmentIndex(Env* env, const LogPaths& paths,
                                             const SegmentHeader& segment,
                                             uint32_t header_checksum);
// Whether row i of the index is what the segment says.
bool AgreesWith(const SegmentIndex& index, size_t row, const SegmentHeader& segment, File* file);

// Removes the index of a segment that goes. That it is not there, or stays, is no failure.
void RemoveIndex(Env* env, const LogPaths& paths, uint64_t segment_seq);

// Writes the indexes that are missing, in the background. Nothing is synced, and no failure is one
// of the log: what is not written now is tried again after the next open.
class SegmentIndexer {
 public:
  SegmentIndexer(Env* env, const LogPaths& paths) : env_(env), paths_(paths) {}

  // The segment is sealed. Any thread.
  void Add(uint64_t segment_seq) EXCLUDES(mutex_);
  bool HasWork() const { return waiting_.load(std::memory_order_acquire) > 0; }
  // Looks at one segment and writes its index unless it is there; false when there is nothing to
  // do.
  bool Step() EXCLUDES(mutex_);

 private:
  std::optional<uint64_t> Next() EXCLUDES(mutex_);
  void Write(uint64_t segment_seq);

  Env* const env_;
  const LogPaths& paths_;
  std::atomic<size_t> waiting_{0};  // As many as are in sealed_.
  Mutex mutex_;
  std::deque<uint64_t> sealed_ GUARDED_BY(mutex_);
};

}  // namespace clustor
