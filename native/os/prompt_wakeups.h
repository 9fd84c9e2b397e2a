// PromptWakeups: asks the scheduler to let a thread run soon after it wakes up.
//
// A thread that syncs for others computes for microseconds and sleeps until the disk answers. On a
// machine where every processor is busy it then waits for the end of somebody else's turn, several
// milliseconds after each sync. A short slice gives it an earlier virtual deadline, so that it may
// interrupt them; its share of the processor stays what it was, and no privilege is needed
// (Linux from 6.12 on, EEVDF; sched_setattr(2), sched_runtime of SCHED_OTHER).
#pragma once

#include <cstdint>

namespace clustor {

// For the calling thread, until the end of the scope. A hint: does nothing on other systems, under
// another policy, or where it is not permitted.
class PromptWakeups {
 public:
  PromptWakeups();
  ~PromptWakeups();
  PromptWakeups(const PromptWakeups&) = delete;
  PromptWakeups& operator=(const PromptWakeups&) = delete;

 private:
  uint64_t slice_ns_before_;  // 0: nothing to give back.
};

// The slice of the calling thread, nanoseconds; 0: not known.
uint64_t SliceNs();

}  // namespace clustor
