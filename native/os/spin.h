// Polling before sleeping: a wake-up costs 25-30 microseconds on a virtual machine, as much as a
// fifth of a sync.
#pragma once

#include <sched.h>
#include <time.h>

#include <algorithm>
#include <cstdint>

namespace clustor {

// CLOCK_MONOTONIC, nanoseconds.
inline uint64_t MonotonicNowNs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000ull + static_cast<uint64_t>(now.tv_nsec);
}

inline void RelaxProcessor() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// How long the calling thread has had a processor, nanoseconds.
inline uint64_t ThreadCpuNs() {
  timespec used;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<uint64_t>(used.tv_sec) * 1'000'000'000ull +
         static_cast<uint64_t>(used.tv_nsec);
}

// Looks some times, for about a microsecond; whether `found` said so.
template <typename Condition>
bool LookBriefly(Condition found) {
  for (int i = 0; i < 32; ++i) {
    if (found()) return true;
    RelaxProcessor();
  }
  return false;
}

// Polls until `found` says so or the time is up; whether it did. Keeps the processor all the while.
template <typename Condition>
bool LookUntil(Condition found, uint64_t look_ns_max) {
  const uint64_t until = MonotonicNowNs() + look_ns_max;
  do {
    if (LookBriefly(found)) return true;
  } while (MonotonicNowNs() < until);
  return false;
}

// The same for a longer time: whoever else wants the processor gets it.
template <typename Condition>
bool SpinUntil(Condition found, uint64_t spin_ns_max) {
  const uint64_t until = MonotonicNowNs() + spin_ns_max;
  do {
    if (LookBriefly(found)) return true;
    sched_yield();
  } while (MonotonicNowNs() < until);
  return found();
}

// Decides whether a thread polls before it sleeps: only while work keeps arriving sooner than a
// wake-up would take to pay for itself.
class SpinPolicy {
 public:
  explicit SpinPolicy(uint64_t spin_ns_max) : spin_ns_max_(spin_ns_max) {}

  bool ShouldSpin() const { return credit_ > 0; }
  uint64_t spin_ns_max() const { return spin_ns_max_; }
  void SpinPaidOff() { credit_ = std::min(credit_ + 1, kCreditMax); }
  void SpinWasted() { --credit_; }
  // Sleeping ended after so long: a short sleep says that a spin would have caught the work. Longer
  // ones say nothing, else work that comes a little later each time would be polled for in vain.
  void Slept(uint64_t nanoseconds) {
    if (nanoseconds < spin_ns_max_ + kWakeUpNs) credit_ = std::min(credit_ + 1, kCreditMax);
  }

 private:
  static constexpr int kCreditMax = 8;
  static constexpr uint64_t kWakeUpNs = 30'000;  // Which `nanoseconds` contains.
  const uint64_t spin_ns_max_;
  int credit_ = 0;
};

}  // namespace clustor
