#include "wal/sync_companion.h"

#include <utility>

#include "os/prompt_wakeups.h"

namespace clustor {

namespace {

// A sync that another one overlaps ends within this of it, mostly; and the next group of a busy log
// follows within it.
constexpr uint64_t kSpinNsMax = 50'000;

}  // namespace

bool SyncCompanion::Begin(File* file) {
  if (!started_) started_ = thread_.Start(Main, this);
  if (!started_) return false;
  const MutexLock lock(&mutex_);
  file_ = file;
  state_.store(State::kRequested, std::memory_order_release);
  changed_.Signal();
  return true;
}

Status SyncCompanion::Wait() {
  const auto done = [this] { return state_.load(std::memory_order_acquire) == State::kDone; };
  SpinUntil(done, kSpinNsMax);
  const MutexLock lock(&mutex_);
  while (!done()) changed_.Wait(&mutex_);
  state_.store(State::kIdle, std::memory_order_release);
  return std::move(status_);
}

void SyncCompanion::Stop() {
  if (!started_) return;
  {
    const MutexLock lock(&mutex_);
    state_.store(State::kStopping, std::memory_order_release);
    changed_.Signal();
  }
  thread_.Join();
  started_ = false;
  state_.store(State::kIdle, std::memory_order_release);
}

void* SyncCompanion::Main(void* self) {
  const PromptWakeups prompt;
  static_cast<SyncCompanion*>(self)->Run();
  return nullptr;
}

void SyncCompanion::Run() {
  SpinPolicy spin(kSpinNsMax);
  while (File* file = TakeFile(&spin)) {
    Status synced = file->SyncData();
    const MutexLock lock(&mutex_);
    status_ = std::move(synced);
    state_.store(State::kDone, std::memory_order_release);
    changed_.Signal();
  }
}

File* SyncCompanion::TakeFile(SpinPolicy* spin) {
  const auto called = [this] {
    const State state = state_.load(std::memory_order_acquire);
    return state == State::kRequested || state == State::kStopping;
  };
  if (!called() && spin->ShouldSpin()) {
    if (SpinUntil(called, spin->spin_ns_max())) {
      spin->SpinPaidOff();
    } else {
      spin->SpinWasted();
    }
  }
  const MutexLock lock(&mutex_);
  while (!called()) {
    const uint64_t asleep_since = MonotonicNowNs();
    changed_.Wait(&mutex_);
    spin->Slept(MonotonicNowNs() - asleep_since);
  }
  return state_.load(std::memory_order_acquire) == State::kStopping ? nullptr : file_;
}

}  // namespace clustor
