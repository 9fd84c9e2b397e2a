// Catalog: which segment, and where in it, holds which durable entry. Read by readers, changed by
// the committer once a block is durable.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/status.h"
#include "wal/format.h"

namespace clustor {

// A block with live entries: those from first_index to the next span's first_index - 1.
struct BlockSpan {
  uint64_t first_index = 0;
  uint32_t offset_sectors = 0;  // Offset in the segment / 512.
  uint32_t bytes = 0;           // Without padding.

  uint64_t offset() const { return uint64_t{offset_sectors} * 512; }
};

struct SegmentSpans {
  uint64_t segment_seq = 0;
  uint64_t file_bytes = 0;
  StoredForm form;
  uint32_t dek_epoch = 0;
  uint32_t mac_epoch = 0;
  std::vector<BlockSpan> blocks;
};

// Epoch 0 stands for the segments without: which segment is the oldest such one, by epoch.
struct KeyEpochs {
  std::map<uint32_t, uint64_t> dek;
  std::map<uint32_t, uint64_t> mac;
};

struct IndexRange {
  uint64_t first = 0;
  uint64_t last = 0;
};

// One block to read, and which of its entries are meant.
struct ReadStep {
  uint64_t segment_seq = 0;
  StoredForm form;
  uint32_t dek_epoch = 0;  // 0: not encrypted.
  uint64_t offset = 0;
  uint32_t bytes = 0;
  uint64_t first_index = 0;
  uint64_t last_index = 0;
};

// A segment with live entries, and the blocks that hold them.
struct SegmentPlan {
  uint64_t segment_seq = 0;
  uint64_t first_index = 0;
  uint64_t last_index = 0;  // first_index - 1 when no entry of the segment is live.
  std::vector<ReadStep> steps;
};

class Catalog {
 public:
  // The state after recovery.
  void Reset(std::deque<SegmentSpans> segments, uint64_t first_index, uint64_t last_index)
      EXCLUDES(mutex_);

  void AddSegment(const SegmentHeader& header) EXCLUDES(mutex_);
  // Publishes entries of the tail segment. REQUIRES: first_index is last_index() + 1 or below (a
  // truncation comes first).
  void AddBlock(const BlockSpan& block, uint64_t last_index) EXCLUDES(mutex_);
  // Entries at and above from are gone.
  void TruncateSuffix(uint64_t from) EXCLUDES(mutex_);

  // Segments, oldest first and below `keep_from`, whose entries all lie below `before`.
  std::vector<uint64_t> RemovableSegments(uint64_t before, uint64_t keep_from) const
      EXCLUDES(mutex_);
  // Forgets the `count` oldest segments. Returns the first index that is left.
  uint64_t RemoveOldest(size_t count) EXCLUDES(mutex_);
  // What the first index would be without the `count` oldest segments.
  uint64_t FirstIndexWithout(size_t count) const EXCLUDES(mutex_);

  // The blocks that hold first_index .. last_index, at most about bytes_max of them, at least one.
  // Errors: kIndexCompacted, kIndexOutOfRange, kInvalidArgument.
  StatusOr<std::vector<ReadStep>> Plan(uint64_t first_index, uint64_t last_index,
                                       uint64_t bytes_max) const EXCLUDES(mutex_);

  // The whole segment that holds the entry. Errors: kIndexCompacted, kIndexOutOfRange.
  StatusOr<SegmentPlan> PlanSegmentOf(uint64_t index) const EXCLUDES(mutex_);
  // The whole segment. Errors: kIndexOutOfRange when the log has no such segment.
  StatusOr<SegmentPlan> PlanSegment(uint64_t segment_seq) const EXCLUDES(mutex_);

  // The epochs of keys that segments need, and which of them have none.
  KeyEpochs Epochs() const EXCLUDES(mutex_);
  // The oldest segment that is not below segment_seq, 0 when there is none.
  uint64_t SegmentFrom(uint64_t segment_seq) const EXCLUDES(mutex_);
  // The entries of the blocks of a segment at and behind an offset; nothing when there are none.
  std::optional<IndexRange> EntriesFrom(uint64_t segment_seq, uint64_t offset) const
      EXCLUDES(mutex_);

  uint64_t first_index() const EXCLUDES(mutex_);
  uint64_t last_index() const EXCLUDES(mutex_);
  uint64_t segments() const EXCLUDES(mutex_);
  uint64_t file_bytes() const EXCLUDES(mutex_);

 private:
  uint64_t FirstIndexFrom(size_t segment) const REQUIRES(mutex_);
  Status CheckIndexes(uint64_t first_index, uint64_t last_index) const REQUIRES(mutex_);
  SegmentPlan PlanWhole(size_t segment) const REQUIRES(mutex_);

  mutable Mutex mutex_;
  std::deque<SegmentSpans> segments_ GUARDED_BY(mutex_);
  uint64_t first_index_ GUARDED_BY(mutex_) = 1;
  uint64_t last_index_ GUARDED_BY(mutex_) = 0;
};

}  // namespace clustor
