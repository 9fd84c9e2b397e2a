#include "os/awake_processor.h"

#include <algorithm>

#include "os/spin.h"

#if defined(__linux__)
#include <linux/futex.h>
#include <sched.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>
#endif

namespace clustor {

namespace {

// A wait that long gains nothing from tens of microseconds.
constexpr uint64_t kWaitNsMax = 10'000'000;
// The next wait of a busy log follows within this.
constexpr uint64_t kLingerNs = 150'000;
// Between two looks that far apart others ran: then the processor needs nobody to keep it awake,
// and would rather have the time.
constexpr uint64_t kLostNsMin = 500'000;
// It may lose this share of the time polled. Who has lost more pauses until that would have been
// affordable, and twice as long as the last time when it happens again.
constexpr uint64_t kLossShare = 50;
constexpr uint64_t kPauseNsMax = 4'000'000'000;

}  // namespace

bool AwakeWatch::Look(uint64_t now_ns, Waits waits) {
  const uint64_t gap_ns = now_ns - looked_ns_;
  looked_ns_ = now_ns;
  if (gap_ns < kLostNsMin) {
    polled_ns_ += gap_ns;
  } else if (!CanAfford(gap_ns, now_ns)) {
    return false;
  }
  return now_ns < waits.changed_ns + (waits.under_way > 0 ? kWaitNsMax : kLingerNs);
}

bool AwakeWatch::CanAfford(uint64_t lost_ns, uint64_t now_ns) {
  const bool can = lost_ns * kLossShare <= polled_ns_;
  polled_ns_ = 0;
  pause_ns_ = can ? 0 : std::min(std::max(lost_ns * kLossShare, 2 * pause_ns_), kPauseNsMax);
  paused_until_ns_ = now_ns + pause_ns_;
  return can;
}

#if defined(__linux__)

namespace {

// Whoever commits and the event loop may wait awake at a time.
constexpr double kProcessorsOfWaits = 2;

// False when the file does not hold this many numbers. "max" is no number.
bool ReadNumbers(const std::string& path, double* first, double* second) {
  FILE* file = fopen(path.c_str(), "re");
  if (file == nullptr) return false;
  const int got =
      second == nullptr ? fscanf(file, "%lf", first) : fscanf(file, "%lf %lf", first, second);
  fclose(file);
  return got == (second == nullptr ? 1 : 2);
}

// Unlike a mutex these never make a thread wait for one of a lower priority.
void FutexWait(const void* word, uint32_t expected) {
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, nullptr, nullptr, 0);
}

void FutexWake(const void* word) {
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

bool ComeLast() {
  const sched_param none = {};
  return sched_setscheduler(0, SCHED_IDLE, &none) == 0;
}

}  // namespace

// cgroups(7): version 2, then version 1.
double ProcessorQuota(const char* root) {
  const std::string groups = root;
  double quota = 0;
  double period = 0;
  const bool is_limited = ReadNumbers(groups + "/cpu.max", &quota, &period) ||
                          (ReadNumbers(groups + "/cpu/cpu.cfs_quota_us", &quota, nullptr) &&
                           ReadNumbers(groups + "/cpu/cpu.cfs_period_us", &period, nullptr));
  return is_limited && quota > 0 && period > 0 ? quota / period : 0;
}

bool MayWaitAwake() {
  const double quota = ProcessorQuota("/sys/fs/cgroup");
  return quota == 0 || quota > kProcessorsOfWaits;
}

AwakeProcessor* AwakeProcessor::OfProcess() {
  static AwakeProcessor* const awake = MayWaitAwake() ? new AwakeProcessor : nullptr;
  return awake;
}

AwakeProcessor::~AwakeProcessor() {
  stopping_.store(true);
  state_.store(State::kUseless);
  FutexWake(&state_);
  thread_.Join();
}

void AwakeProcessor::Begin() {
  processor_.store(sched_getcpu(), std::memory_order_relaxed);
  const uint64_t now_ns = MonotonicNowNs();
  changed_ns_.store(now_ns, std::memory_order_relaxed);
  waits_.fetch_add(1);
  State state = state_.load();
  if (state == State::kUnused && state_.compare_exchange_strong(state, State::kStarting)) {
    StartThread();
  } else if (state == State::kAsleep && now_ns >= paused_until_ns_.load() &&
             state_.compare_exchange_strong(state, State::kPolling)) {
    FutexWake(&state_);
  }
}

void AwakeProcessor::End() {
  changed_ns_.store(MonotonicNowNs(), std::memory_order_relaxed);
  waits_.fetch_sub(1);
}

void AwakeProcessor::StartThread() {
  if (!thread_.Start(Main, this)) state_.store(State::kUseless);
}

void* AwakeProcessor::Main(void* self) {
  static_cast<AwakeProcessor*>(self)->Run();
  return nullptr;
}

void AwakeProcessor::Run() {
  State expected = State::kStarting;
  state_.compare_exchange_strong(expected, ComeLast() ? State::kPolling : State::kUseless);
  // Whoever sees it among the busy threads can look its name up.
  prctl(PR_SET_NAME, "clustor-awake");
  AwakeWatch watch;
  while (state_.load() != State::kUseless) {
    Poll(&watch);
    expected = State::kPolling;
    state_.compare_exchange_strong(expected, State::kAsleep);
    while (state_.load() == State::kAsleep) {
      FutexWait(&state_, static_cast<uint32_t>(State::kAsleep));
    }
  }
}

// Until nobody waits any more, or would rather have the processor.
void AwakeProcessor::Poll(AwakeWatch* watch) {
  watch->Begin(MonotonicNowNs());
  do {
    if (!MoveTo(processor_.load(std::memory_order_relaxed))) {
      // Of processors that were taken from this process meanwhile, say.
      paused_until_ns_.store(MonotonicNowNs() + kPauseNsMax);
      return;
    }
    LookBriefly([this] { return stopping_.load(std::memory_order_relaxed); });
    // A thread that yields while it polls itself would else not run again before the next tick.
    sched_yield();
  } while (watch->Look(MonotonicNowNs(), waits()));
  paused_until_ns_.store(watch->paused_until_ns());
}

bool AwakeProcessor::MoveTo(int processor) {
  if (processor == polling_at_) return true;
  if (processor < 0 || processor >= CPU_SETSIZE) return false;
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(static_cast<size_t>(processor), &only);
  const bool moved = sched_setaffinity(0, sizeof(only), &only) == 0;
  polling_at_ = moved ? processor : -1;
  return moved;
}

AwakeWatch::Waits AwakeProcessor::waits() const {
  if (stopping_.load(std::memory_order_relaxed)) return {};
  return {waits_.load(), changed_ns_.load(std::memory_order_relaxed)};
}

#else

double ProcessorQuota(const char*) { return 0; }

bool MayWaitAwake() { return true; }

AwakeProcessor* AwakeProcessor::OfProcess() { return nullptr; }

AwakeProcessor::~AwakeProcessor() = default;

void AwakeProcessor::Begin() {}

void AwakeProcessor::End() {}

#endif

}  // namespace clustor
