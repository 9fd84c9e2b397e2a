// CommitterPool: the few threads of the process that write logs. Every log is written by at most
// one of them at a time; a log that has work is queued for the next free thread. One further thread
// makes spare segments and removes files, off the hot path.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "base/status.h"
#include "os/awake_processor.h"

namespace clustor {

struct CommitterPoolOptions {
  // Threads that commit. Syncs of different logs overlap up to this number.
  uint32_t threads = 4;
  // Longest time a thread polls for work before it sleeps, microseconds; 0 never polls. Polling
  // happens only while it keeps paying off: a wake-up costs 25-30 microseconds on a virtual
  // machine, as much as a fifth of a sync.
  uint32_t spin_us_max = 150;
  // Keeps processors awake during steps that ask for it; null: nobody does. Outlives the pool.
  AwakeProcessor* awake = nullptr;
};

// One unit of work that the pool drives; the commit engine of a log implements it.
class CommitTask {
 public:
  virtual ~CommitTask() = default;
  // Does one unit of work; true when there is more to do now. Never runs twice at a time.
  virtual bool RunCommitStep() = 0;
  // The same for background work; runs on the maintenance thread, beside commit steps.
  virtual bool RunMaintenanceStep() = 0;

  // When a maintenance step is wanted although nobody schedules one, CLOCK_MONOTONIC nanoseconds;
  // 0: never. It is looked at after every step and runs then or later.
  uint64_t maintenance_due_ns() const {
    return maintenance_due_ns_.load(std::memory_order_relaxed);
  }
  // Whether the next step will likely be a short wait for the disk and little else.
  bool waits_briefly() const { return waits_briefly_.load(std::memory_order_relaxed); }

 protected:
  // From within a step.
  void SetMaintenanceDue(uint64_t due_ns) {
    maintenance_due_ns_.store(due_ns, std::memory_order_relaxed);
  }
  void SetWaitsBriefly(bool waits) { waits_briefly_.store(waits, std::memory_order_relaxed); }

 private:
  friend class CommitterPool;
  // Relaxed: who sets it takes the pool's mutex afterwards, before anybody acts on it.
  std::atomic<uint64_t> maintenance_due_ns_{0};
  std::atomic<bool> waits_briefly_{false};
  // Guarded by the pool's mutex.
  bool commit_queued_ = false;
  bool commit_running_ = false;
  bool maintenance_queued_ = false;
  bool maintenance_running_ = false;
  uint64_t timer_ns_ = 0;  // When its timer goes off, 0: it has none.
};

class CommitterPool {
 public:
  // Starts no thread: they start with the first work. Any thread.
  explicit CommitterPool(CommitterPoolOptions options);
  // Joins the threads. REQUIRES: every log on this pool was closed.
  ~CommitterPool();
  CommitterPool(const CommitterPool&) = delete;
  CommitterPool& operator=(const CommitterPool&) = delete;

  // Queues the task unless it is queued already. Any thread; never blocks on I/O.
  void Schedule(CommitTask* task);
  void ScheduleMaintenance(CommitTask* task);
  // Runs one commit step of the task on the calling thread, queued or not; waits for the step that
  // another thread has under way first. Whoever may block saves two wake-ups by it.
  void RunHere(CommitTask* task);
  // Returns when the task is neither queued nor running; it must not be scheduled again.
  void Remove(CommitTask* task);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace clustor
