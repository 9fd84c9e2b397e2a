#include "wal/spare.h"

#include "wal/zero_file.h"

namespace clustor {

void SpareStore::Prepare(uint64_t segment_seq, const std::atomic<bool>* cancelled) {
  const MutexLock lock(&mutex_);
  if (state_.load(std::memory_order_relaxed) != kNone) return;
  const std::string path = paths_.Spare(segment_seq);
  StatusOr<std::unique_ptr<File>> file = CreateZeroFile(env_, path, segment_bytes_, cancelled);
  state_.store(file.ok() ? kReady : kFailed, std::memory_order_relaxed);
  if (file.ok()) spare_ = {std::move(*file), path};
}

StatusOr<Spare> SpareStore::Take(uint64_t segment_seq, bool* late) {
  const MutexLock lock(&mutex_);
  *late = spare_.file == nullptr;
  state_.store(kTaken, std::memory_order_relaxed);
  if (!*late) return std::move(spare_);
  const std::string path = paths_.Spare(segment_seq);
  StatusOr<std::unique_ptr<File>> file = CreateZeroFile(env_, path, segment_bytes_, nullptr);
  if (!file.ok()) {
    // Not again in the background until somebody needs a segment.
    state_.store(kFailed, std::memory_order_relaxed);
    return file.status();
  }
  return Spare{std::move(*file), path};
}

void SpareStore::Used() {
  const MutexLock lock(&mutex_);
  state_.store(kNone, std::memory_order_relaxed);
}

void SpareStore::Return(Spare spare) {
  const MutexLock lock(&mutex_);
  spare_ = std::move(spare);
  state_.store(kReady, std::memory_order_relaxed);
}

}  // namespace clustor
