#include "wal/committer_pool.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <set>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "os/prompt_wakeups.h"
#include "os/spin.h"
#include "os/thread.h"

namespace clustor {

class CommitterPool::Impl {
 public:
  explicit Impl(CommitterPoolOptions options)
      : options_(options), threads_(std::max(1u, options.threads)) {}
  ~Impl();

  void Schedule(CommitTask* task) EXCLUDES(mutex_);
  void ScheduleMaintenance(CommitTask* task) EXCLUDES(mutex_);
  void RunHere(CommitTask* task) EXCLUDES(mutex_);
  void Remove(CommitTask* task) EXCLUDES(mutex_);

 private:
  static void* WorkerMain(void* self);
  static void* MaintenanceMain(void* self);
  void Work();
  void Maintain();
  CommitTask* TakeWork(SpinPolicy* spin) EXCLUDES(mutex_);
  bool RunStep(CommitTask* task);
  void Claim(CommitTask* task) EXCLUDES(mutex_);
  void Unqueue(CommitTask* task) REQUIRES(mutex_);
  void StepEnded(CommitTask* task, bool more) REQUIRES(mutex_);
  void QueueCommit(CommitTask* task) REQUIRES(mutex_);
  bool SpinForWork(const SpinPolicy& spin);
  void EnsureWorker() REQUIRES(mutex_);
  void QueueMaintenance(CommitTask* task) REQUIRES(mutex_);
  void SetTimer(CommitTask* task) REQUIRES(mutex_);
  void QueueDueTimers() REQUIRES(mutex_);
  void WaitForMaintenance() REQUIRES(mutex_);

  const CommitterPoolOptions options_;

  Mutex mutex_;
  CondVar work_;         // Commit work, or the end.
  CondVar maintenance_;  // Maintenance work, or the end.
  CondVar idle_;         // A task stopped running.
  std::deque<CommitTask*> ready_ GUARDED_BY(mutex_);
  std::deque<CommitTask*> maintenance_ready_ GUARDED_BY(mutex_);
  std::set<std::pair<uint64_t, CommitTask*>> timers_ GUARDED_BY(mutex_);  // By timer_ns_.
  std::vector<Thread> threads_;
  Thread maintenance_thread_;
  uint32_t threads_started_ GUARDED_BY(mutex_) = 0;
  uint32_t sleeping_ GUARDED_BY(mutex_) = 0;
  uint32_t busy_ GUARDED_BY(mutex_) = 0;  // Workers that run a task.
  bool maintenance_started_ GUARDED_BY(mutex_) = false;
  bool stopping_ GUARDED_BY(mutex_) = false;
  // Release on change, acquire when polled: what spinning workers look at without the mutex.
  std::atomic<uint32_t> ready_count_{0};
  std::atomic<uint32_t> spinning_{0};
};

CommitterPool::Impl::~Impl() {
  {
    const MutexLock lock(&mutex_);
    stopping_ = true;
    ready_count_.fetch_add(1, std::memory_order_release);
    work_.Broadcast();
    maintenance_.Broadcast();
  }
  for (Thread& thread : threads_) thread.Join();
  maintenance_thread_.Join();
}

void CommitterPool::Impl::EnsureWorker() {
  if (threads_started_ < threads_.size() && threads_[threads_started_].Start(WorkerMain, this)) {
    ++threads_started_;
  }
}

void CommitterPool::Impl::Schedule(CommitTask* task) {
  const MutexLock lock(&mutex_);
  if (task->commit_queued_) return;
  task->commit_queued_ = true;
  // A running task is queued again by its worker.
  if (!task->commit_running_) QueueCommit(task);
}

// Wakes a thread for the task, unless one polls for it already.
void CommitterPool::Impl::QueueCommit(CommitTask* task) {
  ready_.push_back(task);
  ready_count_.store(static_cast<uint32_t>(ready_.size()), std::memory_order_release);
  if (spinning_.load(std::memory_order_acquire) >= ready_.size()) return;
  if (sleeping_ > 0) {
    work_.Signal();
  } else if (busy_ == threads_started_) {
    EnsureWorker();
  }
}

void CommitterPool::Impl::ScheduleMaintenance(CommitTask* task) {
  const MutexLock lock(&mutex_);
  QueueMaintenance(task);
}

void CommitterPool::Impl::QueueMaintenance(CommitTask* task) {
  if (task->maintenance_queued_) return;
  task->maintenance_queued_ = true;
  if (task->maintenance_running_) return;
  maintenance_ready_.push_back(task);
  if (!maintenance_started_) {
    maintenance_started_ = maintenance_thread_.Start(MaintenanceMain, this);
  }
  maintenance_.Signal();
}

// A timer that is set stays: when it goes off too early, the step sees that and asks for another.
void CommitterPool::Impl::SetTimer(CommitTask* task) {
  const uint64_t due_ns = task->maintenance_due_ns();
  if (due_ns == 0 || task->timer_ns_ != 0) return;
  task->timer_ns_ = due_ns;
  timers_.insert({due_ns, task});
  if (!maintenance_started_) {
    maintenance_started_ = maintenance_thread_.Start(MaintenanceMain, this);
  }
  if (timers_.begin()->second == task) maintenance_.Signal();
}

void CommitterPool::Impl::QueueDueTimers() {
  if (timers_.empty()) return;
  const uint64_t now_ns = MonotonicNowNs();
  while (!timers_.empty() && timers_.begin()->first <= now_ns) {
    CommitTask* task = timers_.begin()->second;
    timers_.erase(timers_.begin());
    task->timer_ns_ = 0;
    QueueMaintenance(task);
  }
}

bool CommitterPool::Impl::RunStep(CommitTask* task) {
  const AwakeProcessor::Waiting waiting(task->waits_briefly() ? options_.awake : nullptr);
  return task->RunCommitStep();
}

void CommitterPool::Impl::RunHere(CommitTask* task) {
  Claim(task);
  const bool more = RunStep(task);
  const MutexLock lock(&mutex_);
  StepEnded(task, more);
  if (task->commit_queued_) QueueCommit(task);
}

void CommitterPool::Impl::Claim(CommitTask* task) {
  const MutexLock lock(&mutex_);
  while (task->commit_running_) idle_.Wait(&mutex_);
  Unqueue(task);
  task->commit_queued_ = false;
  task->commit_running_ = true;
}

void CommitterPool::Impl::StepEnded(CommitTask* task, bool more) {
  task->commit_running_ = false;
  task->commit_queued_ = task->commit_queued_ || more;
  SetTimer(task);
  idle_.Broadcast();
}

void CommitterPool::Impl::Unqueue(CommitTask* task) {
  std::erase(ready_, task);
  ready_count_.store(static_cast<uint32_t>(ready_.size()), std::memory_order_release);
}

void CommitterPool::Impl::Remove(CommitTask* task) {
  const MutexLock lock(&mutex_);
  Unqueue(task);
  std::erase(maintenance_ready_, task);
  while (task->commit_running_ || task->maintenance_running_) {
    // Its worker does not queue it again.
    task->commit_queued_ = false;
    task->maintenance_queued_ = false;
    idle_.Wait(&mutex_);
  }
  Unqueue(task);
  std::erase(maintenance_ready_, task);
  if (task->timer_ns_ != 0) timers_.erase({task->timer_ns_, task});
  task->timer_ns_ = 0;
  task->commit_queued_ = false;
  task->maintenance_queued_ = false;
}

bool CommitterPool::Impl::SpinForWork(const SpinPolicy& spin) {
  // One poller is enough, and more would take the processor from those who bring the work.
  if (spinning_.fetch_add(1, std::memory_order_acq_rel) > 0) {
    spinning_.fetch_sub(1, std::memory_order_acq_rel);
    return false;
  }
  const bool found = SpinUntil([this] { return ready_count_.load(std::memory_order_acquire) > 0; },
                               spin.spin_ns_max());
  spinning_.fetch_sub(1, std::memory_order_acq_rel);
  return found;
}

CommitTask* CommitterPool::Impl::TakeWork(SpinPolicy* spin) {
  if (ready_count_.load(std::memory_order_acquire) == 0 && spin->ShouldSpin()) {
    if (SpinForWork(*spin)) {
      spin->SpinPaidOff();
    } else {
      spin->SpinWasted();
    }
  }
  const MutexLock lock(&mutex_);
  while (ready_.empty() && !stopping_) {
    ++sleeping_;
    const uint64_t asleep_since = MonotonicNowNs();
    work_.Wait(&mutex_);
    spin->Slept(MonotonicNowNs() - asleep_since);
    --sleeping_;
  }
  if (stopping_) return nullptr;
  CommitTask* task = ready_.front();
  ready_.pop_front();
  ready_count_.store(static_cast<uint32_t>(ready_.size()), std::memory_order_release);
  task->commit_queued_ = false;
  task->commit_running_ = true;
  ++busy_;
  return task;
}

void CommitterPool::Impl::Work() {
  SpinPolicy spin(uint64_t{options_.spin_us_max} * 1000);
  while (CommitTask* task = TakeWork(&spin)) {
    const bool more = RunStep(task);
    const MutexLock lock(&mutex_);
    --busy_;
    StepEnded(task, more);
    if (!task->commit_queued_) continue;
    // This thread takes it, or what stands in front of it.
    ready_.push_back(task);
    ready_count_.store(static_cast<uint32_t>(ready_.size()), std::memory_order_release);
  }
}

void CommitterPool::Impl::Maintain() {
  for (;;) {
    CommitTask* task;
    {
      const MutexLock lock(&mutex_);
      WaitForMaintenance();
      if (stopping_) return;
      task = maintenance_ready_.front();
      maintenance_ready_.pop_front();
      task->maintenance_queued_ = false;
      task->maintenance_running_ = true;
    }
    const bool more = task->RunMaintenanceStep();
    const MutexLock lock(&mutex_);
    task->maintenance_running_ = false;
    if (more || task->maintenance_queued_) {
      task->maintenance_queued_ = true;
      maintenance_ready_.push_back(task);
    }
    SetTimer(task);
    idle_.Broadcast();
  }
}

void CommitterPool::Impl::WaitForMaintenance() {
  for (;;) {
    QueueDueTimers();
    if (!maintenance_ready_.empty() || stopping_) return;
    if (timers_.empty()) {
      maintenance_.Wait(&mutex_);
    } else {
      const uint64_t now_ns = MonotonicNowNs();
      const uint64_t due_ns = timers_.begin()->first;
      maintenance_.WaitFor(&mutex_, due_ns - std::min(now_ns, due_ns));
    }
  }
}

void* CommitterPool::Impl::WorkerMain(void* self) {
  const PromptWakeups prompt;
  static_cast<Impl*>(self)->Work();
  return nullptr;
}

void* CommitterPool::Impl::MaintenanceMain(void* self) {
  static_cast<Impl*>(self)->Maintain();
  return nullptr;
}

CommitterPool::CommitterPool(CommitterPoolOptions options)
    : impl_(std::make_unique<Impl>(options)) {}

CommitterPool::~CommitterPool() = default;

void CommitterPool::Schedule(CommitTask* task) { impl_->Schedule(task); }

void CommitterPool::ScheduleMaintenance(CommitTask* task) { impl_->ScheduleMaintenance(task); }

void CommitterPool::RunHere(CommitTask* task) { impl_->RunHere(task); }

void CommitterPool::Remove(CommitTask* task) { impl_->Remove(task); }

}  // namespace clustor
