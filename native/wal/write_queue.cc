#include "wal/write_queue.h"

#include <utility>

namespace clustor {

GroupLimits GroupLimitsOf(const LogOptions& options) {
  if (options.durability == Durability::kStrict) return {UINT64_MAX, 1};
  return {options.group_bytes_max, options.group_writes_max};
}

uint64_t WriteQueue::Push(Write write, uint64_t now_ns) {
  const MutexLock lock(&mutex_);
  if (closed_) return 0;
  writes_.push_back({std::move(write), ++last_sequence_, now_ns});
  bytes_ += writes_.back().frame_bytes();
  return last_sequence_;
}

std::vector<QueuedWrite> WriteQueue::TakeGroup(const GroupLimits& limits) {
  const MutexLock lock(&mutex_);
  std::vector<QueuedWrite> group;
  uint64_t bytes = 0;
  while (!writes_.empty() && group.size() < limits.writes_max) {
    QueuedWrite& next = writes_.front();
    const uint64_t next_bytes = next.frame_bytes();
    const bool first = group.empty();
    if (!first && (next.write.truncate_from || bytes + next_bytes > limits.bytes_max)) break;
    bytes += next_bytes;
    group.push_back(std::move(next));
    writes_.pop_front();
  }
  bytes_ -= bytes;
  return group;
}

std::vector<QueuedWrite> WriteQueue::TakeAll() {
  const MutexLock lock(&mutex_);
  std::vector<QueuedWrite> all(std::make_move_iterator(writes_.begin()),
                               std::make_move_iterator(writes_.end()));
  writes_.clear();
  bytes_ = 0;
  return all;
}

void WriteQueue::PutBack(std::vector<QueuedWrite>* group, size_t from) {
  const MutexLock lock(&mutex_);
  for (size_t i = group->size(); i > from; --i) {
    bytes_ += (*group)[i - 1].frame_bytes();
    writes_.push_front(std::move((*group)[i - 1]));
  }
  group->resize(from);
}

void WriteQueue::Close() {
  const MutexLock lock(&mutex_);
  closed_ = true;
}

bool WriteQueue::IsEmpty() const {
  const MutexLock lock(&mutex_);
  return writes_.empty();
}

void WriteQueue::Depth(uint64_t* writes, uint64_t* bytes) const {
  const MutexLock lock(&mutex_);
  *writes = writes_.size();
  *bytes = bytes_;
}

}  // namespace clustor
