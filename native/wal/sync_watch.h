// SyncWatch: how long the running sync of a log has been under way, for whoever watches for a disk
// that hangs. A sync that never returns keeps its thread; only others can tell.
#pragma once

#include <atomic>
#include <cstdint>

#include "os/env.h"

namespace clustor {

class SyncWatch {
 public:
  // Each is one relaxed store: an age is all that readers take from it, nothing is ordered by it.
  void Begin(uint64_t now_ns) { since_ns_.store(now_ns, std::memory_order_relaxed); }
  void End() { since_ns_.store(0, std::memory_order_relaxed); }

  // Nanoseconds since Begin, at least 1; 0 when no sync is running. Any thread.
  uint64_t AgeNs(uint64_t now_ns) const {
    const uint64_t since = since_ns_.load(std::memory_order_relaxed);
    if (since == 0) return 0;
    return now_ns > since ? now_ns - since : 1;
  }

 private:
  std::atomic<uint64_t> since_ns_{0};
};

// Watches a step off the hot path that syncs.
class WatchedSync {
 public:
  WatchedSync(Env* env, SyncWatch* watch) : watch_(watch) { watch_->Begin(env->MonotonicNs()); }
  ~WatchedSync() { watch_->End(); }
  WatchedSync(const WatchedSync&) = delete;
  WatchedSync& operator=(const WatchedSync&) = delete;

 private:
  SyncWatch* const watch_;
};

}  // namespace clustor
