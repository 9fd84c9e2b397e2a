#include "os/prompt_wakeups.h"

#if defined(__linux__)
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace clustor {

#if defined(__linux__)

namespace {

// The shortest that Linux grants.
constexpr uint64_t kShortSliceNs = 100'000;

// struct sched_attr of sched_setattr(2), its first version; C libraries do not declare it.
struct SchedulingAttributes {
  uint32_t size = sizeof(SchedulingAttributes);
  uint32_t policy = 0;
  uint64_t flags = 0;
  int32_t nice = 0;
  uint32_t priority = 0;
  uint64_t runtime_ns = 0;  // SCHED_OTHER: the slice.
  uint64_t deadline_ns = 0;
  uint64_t period_ns = 0;
};

// False also when the thread has a policy without slices.
bool ReadAttributes(SchedulingAttributes* attributes) {
  return syscall(SYS_sched_getattr, 0, attributes, sizeof(*attributes), 0) == 0 &&
         attributes->policy == SCHED_OTHER;
}

void SetSlice(uint64_t slice_ns) {
  SchedulingAttributes attributes;
  if (!ReadAttributes(&attributes)) return;
  attributes.size = sizeof(attributes);
  attributes.runtime_ns = slice_ns;
  syscall(SYS_sched_setattr, 0, &attributes, 0);
}

}  // namespace

uint64_t SliceNs() {
  SchedulingAttributes attributes;
  return ReadAttributes(&attributes) ? attributes.runtime_ns : 0;
}

PromptWakeups::PromptWakeups() : slice_ns_before_(SliceNs()) {
  if (slice_ns_before_ > kShortSliceNs) SetSlice(kShortSliceNs);
}

PromptWakeups::~PromptWakeups() {
  if (slice_ns_before_ > kShortSliceNs) SetSlice(slice_ns_before_);
}

#else

uint64_t SliceNs() { return 0; }

PromptWakeups::PromptWakeups() : slice_ns_before_(SliceNs()) {}

PromptWakeups::~PromptWakeups() = default;

#endif

}  // namespace clustor
