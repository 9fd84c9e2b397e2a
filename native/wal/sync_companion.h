// SyncCompanion: a second thread of one log that syncs its ledger while the thread that commits
// syncs its segment.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/mutex.h"
#include "base/status.h"
#include "os/env.h"
#include "os/spin.h"
#include "os/thread.h"

namespace clustor {

class SyncCompanion {
 public:
  SyncCompanion() = default;
  ~SyncCompanion() { Stop(); }
  SyncCompanion(const SyncCompanion&) = delete;
  SyncCompanion& operator=(const SyncCompanion&) = delete;

  // Begins to sync the file; Wait must follow before anything else is done to it. Starts the thread
  // at the first call. False, and nothing was begun, when the system has no thread to give.
  bool Begin(File* file) EXCLUDES(mutex_);
  // Waits for the sync and returns how it ended.
  Status Wait() EXCLUDES(mutex_);
  // Ends the thread. REQUIRES: no sync is under way. A later Begin starts it again.
  void Stop() EXCLUDES(mutex_);

 private:
  enum class State : uint8_t { kIdle, kRequested, kDone, kStopping };

  static void* Main(void* self);
  void Run();
  File* TakeFile(SpinPolicy* spin) EXCLUDES(mutex_);

  Thread thread_;         // Of the thread that commits.
  bool started_ = false;  // The same.

  Mutex mutex_;
  CondVar changed_;
  // Changed under mutex_ with release, so that both threads may poll it with acquire.
  std::atomic<State> state_{State::kIdle};
  File* file_ GUARDED_BY(mutex_) = nullptr;
  Status status_ GUARDED_BY(mutex_);
};

}  // namespace clustor
