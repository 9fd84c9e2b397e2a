// WriteQueue: writes that wait for their commit group. Queueing only, nothing about files.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "base/mutex.h"
#include "wal/log.h"

namespace clustor {

struct QueuedWrite {
  Write write;
  uint64_t sequence = 0;
  uint64_t queued_ns = 0;

  uint64_t frame_bytes() const { return write.frames ? write.frames->bytes.bytes() : 0; }
  uint64_t entry_count() const { return write.frames ? write.frames->byte_lengths.size() : 0; }
};

// What ends a group.
struct GroupLimits {
  uint64_t bytes_max = 0;  // Of frames; a single write may pass it.
  uint32_t writes_max = 1;
};

GroupLimits GroupLimitsOf(const LogOptions& options);

class WriteQueue {
 public:
  // Returns the write's sequence number, or 0 when the queue is closed.
  uint64_t Push(Write write, uint64_t now_ns) EXCLUDES(mutex_);
  // Moves the writes of the next group out: in order, within the limits, at most one that truncates
  // and only in front.
  std::vector<QueuedWrite> TakeGroup(const GroupLimits& limits) EXCLUDES(mutex_);
  // Moves out everything.
  std::vector<QueuedWrite> TakeAll() EXCLUDES(mutex_);
  // Puts writes [from, end) of a taken group back in front.
  void PutBack(std::vector<QueuedWrite>* group, size_t from) EXCLUDES(mutex_);
  void Close() EXCLUDES(mutex_);

  bool IsEmpty() const EXCLUDES(mutex_);
  void Depth(uint64_t* writes, uint64_t* bytes) const EXCLUDES(mutex_);

 private:
  mutable Mutex mutex_;
  std::deque<QueuedWrite> writes_ GUARDED_BY(mutex_);
  uint64_t bytes_ GUARDED_BY(mutex_) = 0;
  uint64_t last_sequence_ GUARDED_BY(mutex_) = 0;
  bool closed_ GUARDED_BY(mutex_) = false;
};

}  // namespace clustor
