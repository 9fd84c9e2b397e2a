// Committer: the commit step of one log. Plans a group, writes its block, syncs, writes the proof,
// syncs, publishes, completes. It owns no thread: a pool, a pump or a fuzzer calls Step.
//
// Lock order: commit_mutex_, then any one of: the queue's, the catalog's, the spare store's, the
// ledger's, the key holder's, stats_mutex_.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/mutex.h"
#include "base/status.h"
#include "os/env.h"
#include "wal/block_builder.h"
#include "wal/block_sealer.h"
#include "wal/catalog.h"
#include "wal/committer_pool.h"
#include "wal/durable_writer.h"
#include "wal/group_plan.h"
#include "wal/ledger.h"
#include "wal/log.h"
#include "wal/segment_index.h"
#include "wal/segment_tail.h"
#include "wal/spare.h"
#include "wal/stats.h"
#include "wal/sync_watch.h"
#include "wal/write_queue.h"

namespace clustor {

// Where the log stands when the committer takes over from recovery.
struct CommitterStart {
  LogEnd end;
  ChainEnd chain;
  uint64_t end_segment = 0;   // Segment of the newest block, 0 when there is none.
  uint64_t next_counter = 0;  // Behind the crypto counters of the tail's blocks.
};

class Committer final : public CommitTask {
 public:
  // threads: whether it may start one of its own.
  Committer(Env* env, LogPaths paths, const LogOptions& options, SegmentHeader pattern,
            DurableWriter::Threads threads, CompletionSink* sink);

  // For recovery, before the first Step.
  Ledger* ledger() { return &ledger_; }
  SegmentTail* tail() { return &tail_; }
  Catalog* catalog() { return &catalog_; }
  SpareStore* spares() { return &spares_; }
  SegmentIndexer* indexer() { return &indexer_; }
  // Makes the first segment of a new log.
  Status Start(CommitterStart start) EXCLUDES(commit_mutex_);

  WriteQueue* queue() { return &queue_; }

  // Commits one group; true when more writes wait. One thread at a time.
  bool Step() EXCLUDES(commit_mutex_);
  bool RunCommitStep() override { return Step(); }
  // Writes up to this sequence number have completed, and the sink has heard of it.
  uint64_t completed_through() const { return completed_through_.load(std::memory_order_acquire); }
  // Makes a spare segment, the next ledger or the index of a sealed segment when one is wanted, and
  // confirms the newest block when that is due; true when it made something.
  bool RunMaintenanceStep() override;
  // Confirms the newest block, due or not; true when there was something to confirm.
  bool ConfirmNow() EXCLUDES(commit_mutex_);
  // After the last Step: confirms and ends the thread of the writer.
  void Finish() EXCLUDES(commit_mutex_);
  bool WantsMaintenance() const { return wants_maintenance_.load(std::memory_order_acquire); }
  void CancelMaintenance() { cancelled_.store(true, std::memory_order_relaxed); }

  Status TruncatePrefix(uint64_t before) EXCLUDES(commit_mutex_);
  // From now on every write fails with this. False when the log is quarantined already.
  bool Quarantine(Status why) EXCLUDES(commit_mutex_);
  void CountScrubbed(uint64_t bytes) EXCLUDES(stats_mutex_);
  // See Log::SetKeys.
  Status SetKeys(std::shared_ptr<const KeyRing> keys) EXCLUDES(commit_mutex_);
  // See Log::GiveUp.
  Status GiveUp(const std::vector<NonceRange>& ranges) EXCLUDES(commit_mutex_);
  // For readers. Empty after ForgetKeys, when nothing is read or written any more.
  const KeyHolder* keys() const { return &keys_; }
  void ForgetKeys() EXCLUDES(commit_mutex_);
  LogStats Stats() const EXCLUDES(stats_mutex_);

 private:
  using Group = std::vector<QueuedWrite>;

  std::optional<Completion> CommitGroup(Group* group) REQUIRES(commit_mutex_);
  std::optional<Completion> RefuseFirst(Group* group, Status why) REQUIRES(commit_mutex_);
  Completion FailAll(const Group& group, Status why) REQUIRES(commit_mutex_);
  Status Execute(Group* group, GroupPlan* plan, StageTimes* times) REQUIRES(commit_mutex_);
  bool KeepStateWrites(Group* group) REQUIRES(commit_mutex_);
  Status EnsureRoom(GroupPlan* plan) REQUIRES(commit_mutex_);
  bool ConfirmDueBy(uint64_t now_ns) EXCLUDES(commit_mutex_);
  Status Confirm() REQUIRES(commit_mutex_);
  bool TailHasRoom(uint64_t block_bytes, RoomFor what) const REQUIRES(commit_mutex_);
  Status Rotate(RoomFor what) REQUIRES(commit_mutex_);
  Status ReserveAhead() REQUIRES(commit_mutex_);
  Status EnsureNonces(const GroupPlan& plan, RoomFor what) REQUIRES(commit_mutex_);
  void Publish(const GroupPlan& plan, const BuiltBlock& block) REQUIRES(commit_mutex_);
  void AddToSeal() REQUIRES(commit_mutex_);
  void Count(const Group& group, const GroupPlan& plan, const BuiltBlock& block,
             const StageTimes& times) REQUIRES(commit_mutex_);
  void ExpectWait(const GroupPlan& plan, const StageTimes& times);
  void NoteState() REQUIRES(commit_mutex_);
  void UpdateMaintenance() REQUIRES(commit_mutex_);
  Status RemoveSegment(uint64_t segment_seq);
  Completion Complete(uint64_t through_sequence, Status status) const REQUIRES(commit_mutex_);

  // Constant after construction.
  Env* const env_;
  const LogPaths paths_;
  const GroupLimits group_limits_;
  PlanLimits plan_limits_ GUARDED_BY(commit_mutex_);  // Constant but for SetKeys.
  const uint64_t stall_ns_;
  const uint64_t awake_ns_max_;
  CompletionSink* const sink_;

  // Synchronize themselves.
  WriteQueue queue_;
  Catalog catalog_;
  KeyHolder keys_;
  SpareStore spares_;
  SegmentIndexer indexer_;
  SyncWatch sync_watch_;

  Mutex commit_mutex_;
  Ledger ledger_;     // Guarded by commit_mutex_, except PrepareNext.
  SegmentTail tail_;  // Guarded by commit_mutex_.
  BlockSealer sealer_ GUARDED_BY(commit_mutex_);
  DurableWriter writer_;  // Guarded by commit_mutex_.
  BlockBuilder builder_ GUARDED_BY(commit_mutex_);
  BuiltBlock built_ GUARDED_BY(commit_mutex_);
  bool unsealed_ GUARDED_BY(commit_mutex_) =
      false;  // built_ is durable and not in its segment's MAC.
  LogEnd end_ GUARDED_BY(commit_mutex_);
  ChainEnd chain_ GUARDED_BY(commit_mutex_);
  uint64_t end_segment_ GUARDED_BY(commit_mutex_) = 0;
  Status poison_ GUARDED_BY(commit_mutex_);
  Status quarantine_ GUARDED_BY(commit_mutex_);
  // The shortage that failed the last group, until an entry is appended again: writes that were
  // built on the failed ones get the same code.
  Status shortage_ GUARDED_BY(commit_mutex_);
  uint64_t shortages_ GUARDED_BY(commit_mutex_) = 0;  // Completion::shortages.

  // Acquire/release: set by the committer, seen by whoever schedules maintenance.
  std::atomic<bool> wants_maintenance_{false};
  std::atomic<uint64_t> completed_through_{0};  // Release after the sink, acquire when polled.
  std::atomic<bool> wants_spare_{false};        // Relaxed, as wants_maintenance_ orders it.
  std::atomic<bool> wants_ledger_{false};       // Likewise.
  std::atomic<bool> cancelled_{false};          // Relaxed: a hint to stop early.

  mutable Mutex stats_mutex_;
  LogStats stats_ GUARDED_BY(stats_mutex_);
  uint64_t unconfirmed_since_ns_ GUARDED_BY(stats_mutex_) = 0;
};

}  // namespace clustor
