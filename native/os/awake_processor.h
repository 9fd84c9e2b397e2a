// AwakeProcessor: keeps the processor of a thread that waits for a disk from going to sleep.
//
// A thread in fdatasync leaves its processor idle, and an idle processor goes to sleep: the answer
// of a fast disk then waits until it is awake again, 20 to 50 microseconds on a virtual machine,
// whose hypervisor has to schedule it. So another thread polls there meanwhile, under the policy
// SCHED_IDLE: it runs only while nobody else wants the processor, and whoever wakes up there
// interrupts it at once. No privilege is needed (sched(7)).
#pragma once

#include <atomic>
#include <cstdint>

#include "os/thread.h"

namespace clustor {

// Decides whether the polling thread goes on. It reads no clock, so that a test can turn one.
class AwakeWatch {
 public:
  struct Waits {
    uint32_t under_way = 0;
    uint64_t changed_ns = 0;  // When the newest of them began, or the last one ended.
  };

  // Polling begins.
  void Begin(uint64_t now_ns) { looked_ns_ = now_ns; }
  // Another look, at most some microseconds after the one before it unless somebody else had the
  // processor; whether to go on.
  bool Look(uint64_t now_ns, Waits waits);
  // Polling is not worth while before.
  uint64_t paused_until_ns() const { return paused_until_ns_; }

 private:
  bool CanAfford(uint64_t lost_ns, uint64_t now_ns);

  uint64_t looked_ns_ = 0;
  uint64_t polled_ns_ = 0;  // Since others had the processor.
  uint64_t pause_ns_ = 0;
  uint64_t paused_until_ns_ = 0;
};

class AwakeProcessor {
 public:
  // The one of this process, which lives until it ends: its thread could take half a second to end
  // where all processors are busy, for it comes last. Null where the system has nothing of the
  // kind, or MayWaitAwake says no.
  static AwakeProcessor* OfProcess();

  // Keeps the processor of the calling thread awake for a scope, in which it waits for a disk, and
  // for some microseconds after it. A hint: costs nothing when `awake` is null.
  class Waiting {
   public:
    explicit Waiting(AwakeProcessor* awake) : awake_(awake) {
      if (awake_ != nullptr) awake_->Begin();
    }
    ~Waiting() {
      if (awake_ != nullptr) awake_->End();
    }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;

   private:
    AwakeProcessor* const awake_;
  };

  AwakeProcessor() = default;
  // REQUIRES: no scope is open. Waits for the thread.
  ~AwakeProcessor();
  AwakeProcessor(const AwakeProcessor&) = delete;
  AwakeProcessor& operator=(const AwakeProcessor&) = delete;

  // Whether its thread polls now.
  bool IsPolling() const { return state_.load() == State::kPolling; }
  // False once the system has refused it the policy, or a thread.
  bool IsUseful() const { return state_.load() != State::kUseless; }

 private:
  // kUnused: it has no thread yet. kUseless: nor will it ever have one.
  enum class State : uint32_t { kUnused, kStarting, kAsleep, kPolling, kUseless };

  static void* Main(void* self);
  void Begin();
  void End();
  void StartThread();
  void Run();
  void Poll(AwakeWatch* watch);
  bool MoveTo(int processor);
  AwakeWatch::Waits waits() const;

  Thread thread_;
  // A wait that begins just as the thread falls asleep goes without: the next one wakes it.
  std::atomic<State> state_{State::kUnused};
  std::atomic<uint32_t> waits_{0};
  // Relaxed: hints.
  std::atomic<uint64_t> changed_ns_{0};
  std::atomic<uint64_t> paused_until_ns_{0};
  std::atomic<int> processor_{0};
  int polling_at_ = -1;  // Of the thread.
  std::atomic<bool> stopping_{false};
};

// Processors that control groups grant this process the time of; 0: they set no limit. `root` is
// where they are mounted.
double ProcessorQuota(const char* root);

// Whether threads of this process may use their processors while they wait. Where a control group
// grants two or fewer, that time would be missed elsewhere: who has used it up stands still.
bool MayWaitAwake();

}  // namespace clustor
