// SpareStore: keeps one zero-filled segment file ready, so that rotation never waits for zeros.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "base/mutex.h"
#include "base/status.h"
#include "os/env.h"
#include "wal/paths.h"

namespace clustor {

struct Spare {
  std::unique_ptr<File> file;
  std::string path;
};

class SpareStore {
 public:
  SpareStore(Env* env, LogPaths paths, uint64_t segment_bytes)
      : env_(env), paths_(std::move(paths)), segment_bytes_(segment_bytes) {}

  // True when Prepare should run in the background. Any thread.
  bool Wanted() const { return state_.load(std::memory_order_relaxed) == kNone; }
  // Makes the spare for segment_seq when there is none; a failure is left to Take to meet again.
  void Prepare(uint64_t segment_seq, const std::atomic<bool>* cancelled) EXCLUDES(mutex_);
  // Hands out the spare, or makes one now (*late = true). Waits for a Prepare that is under way.
  StatusOr<Spare> Take(uint64_t segment_seq, bool* late) EXCLUDES(mutex_);
  // After Take, exactly one of these: the file became a segment, or it comes back unused. Until
  // then Prepare keeps off, for it may not touch a file under that name.
  void Used() EXCLUDES(mutex_);
  void Return(Spare spare) EXCLUDES(mutex_);

 private:
  enum State : int { kNone, kReady, kTaken, kFailed };

  // Constant after construction.
  Env* const env_;
  const LogPaths paths_;
  const uint64_t segment_bytes_;

  std::atomic<int> state_{kNone};  // Relaxed: a hint; spare_ is the truth.
  Mutex mutex_;
  Spare spare_ GUARDED_BY(mutex_);
};

}  // namespace clustor
