#include "wal/log.h"

#include <atomic>
#include <utility>

#include "base/mutex.h"
#include "wal/anchor.h"
#include "wal/boot_record.h"
#include "wal/committer.h"
#include "wal/open.h"
#include "wal/reader.h"
#include "wal/recovery.h"
#include "wal/rewrite_flip.h"
#include "wal/segment_cipher.h"
#include "wal/settle.h"

namespace clustor {

namespace {

StatusOr<SegmentHeader> PatternOf(const LogOptions& options) {
  SegmentHeader pattern;
  pattern.merkle_leaves = options.merkle_leaves;
  pattern.encoding = options.encoding == LogEncoding::kJson ? kEncodingJson : kEncodingBinary;
  pattern.block_alignment = options.block_alignment;
  pattern.segment_bytes = options.segment_bytes_max;
  RETURN_IF_ERROR(ChooseKeys(options.keys.get(), &pattern));
  return pattern;
}

void AddIdentity(const LogIdentity& identity, SegmentHeader* pattern) {
  pattern->replica = identity.replica;
  pattern->incarnation = identity.incarnation;
  pattern->partition = identity.partition;
}

bool IsDamage(const Status& verdict) {
  return verdict.code() == StatusCode::kLogCorrupt || verdict.code() == StatusCode::kLogRolledBack;
}

}  // namespace

class Log::Impl {
 public:
  Impl(Env* env, LogOptions options, LogPaths paths, CommitterPool* pool, CompletionSink* sink)
      : env_(env),
        options_(std::move(options)),
        paths_(std::move(paths)),
        pool_(pool),
        sink_(sink) {}

  Status Open();
  uint64_t Submit(Write write);
  uint64_t SubmitQuietly(Write write);
  void CommitThrough(uint64_t sequence);
  StatusOr<FrameRead> Read(uint64_t first_index, uint64_t last_index, uint64_t bytes_max) const;
  StatusOr<EntryProof> Prove(uint64_t index) const;
  StatusOr<SegmentRoot> MerkleRoot(uint64_t segment_seq) const;
  Status TruncatePrefix(uint64_t before);
  StatusOr<ScrubStep> Scrub(ScrubCursor* cursor, uint64_t bytes_max);
  void Quarantine(const Status& damage);
  Status SetKeys(std::shared_ptr<const KeyRing> keys);
  Status GiveUp(const std::vector<NonceRange>& ranges) { return committer_->GiveUp(ranges); }
  LogStats Stats() const { return committer_->Stats(); }
  Status Close() EXCLUDES(close_mutex_);
  bool Pump();

  RecoveryReport* report() { return &report_; }

 private:
  bool NoteBoot(const Status& damage) const;
  StatusOr<DirectoryScan> Scan(const LogIdentity& identity) const;
  Status CheckLedgerCodec(const LedgerScan& ledger) const;
  void ScheduleMaintenance();

  // Constant after Open.
  Env* const env_;
  LogOptions options_;  // Without the keys.
  const LogPaths paths_;
  CommitterPool* const pool_;
  CompletionSink* const sink_;
  std::unique_ptr<Committer> committer_;
  RecoveryReport report_;
  LogIdentity identity_;
  uint64_t opened_ms_ = 0;

  std::atomic<bool> open_{false};  // Release when opened or closed, acquire where it is checked.
  Mutex close_mutex_;              // Held while closing; before every other lock.
  Mutex submit_mutex_;             // After close_mutex_, before the locks of queue and pool.
  std::unique_ptr<FileLock> lock_ GUARDED_BY(close_mutex_);
};

Status Log::Impl::Open() {
  StatusOr<SegmentHeader> pattern = PatternOf(options_);
  if (!pattern.ok()) return pattern.status();
  if (!options_.unsafe_file_system) RETURN_IF_ERROR(CheckFileSystems(env_, paths_));
  StatusOr<std::unique_ptr<FileLock>> lock = ClaimDirectories(env_, paths_);
  if (!lock.ok()) return lock.status();
  if (options_.anchor) RETURN_IF_ERROR(CheckAnchorExists(env_, *options_.anchor, paths_));
  const StatusOr<LogIdentity> identity =
      ClaimIdentity(env_, paths_, options_.identity, &report_.created);
  if (!identity.ok()) return identity.status();
  report_.incarnation = identity->incarnation;
  RETURN_IF_ERROR(FinishRewrite(env_, paths_));
  const uint64_t start_ns = env_->MonotonicNs();
  StatusOr<DirectoryScan> scan = Scan(*identity);
  if (!scan.ok()) return scan.status();
  report_.scan_ns = env_->MonotonicNs() - start_ns;
  identity_ = *identity;
  opened_ms_ = env_->WallClockMs();
  if (scan->ledger) RETURN_IF_ERROR(CheckLedgerCodec(*scan->ledger));
  if (!scan->verdict.ok()) {
    // Of a log that is another's, or another version's, nothing at all is changed.
    if (IsDamage(scan->verdict)) {
      FillReport(&*scan, &report_);
      report_.boot_record_written = NoteBoot(scan->verdict);
    }
    return scan->verdict;
  }
  if (!scan->ledger) scan->end.block = options_.start.block - 1;
  AddIdentity(*identity, &*pattern);
  const auto threads =
      pool_ == nullptr ? DurableWriter::Threads::kNone : DurableWriter::Threads::kCompanion;
  committer_ =
      std::make_unique<Committer>(env_, paths_, options_, std::move(*pattern), threads, sink_);
  // From here on the committer alone holds the keys, and lets them go when they change.
  options_.keys.reset();
  RETURN_IF_ERROR(Recover(env_, paths_, &*scan, committer_.get(), &report_));
  report_.boot_record_written = NoteBoot(Status::Ok());
  const MutexLock hold(&close_mutex_);
  lock_ = std::move(*lock);
  open_.store(true, std::memory_order_release);
  // What was found and not confirmed yet, and indexes that are missing.
  const bool due = committer_->maintenance_due_ns() != 0 || committer_->WantsMaintenance();
  if (pool_ != nullptr && due) pool_->ScheduleMaintenance(committer_.get());
  return Status::Ok();
}

// Whatever keeps the record from being written, a full disk most of all, is no reason to do without
// the log.
bool Log::Impl::NoteBoot(const Status& damage) const {
  const BootRecord record = {identity_, opened_ms_, damage};
  return WriteBootRecord(env_, paths_, record, report_).ok();
}

StatusOr<DirectoryScan> Log::Impl::Scan(const LogIdentity& identity) const {
  const ScanOptions options = ScanOptionsOf(options_);
  StatusOr<DirectoryScan> scan = ScanDirectory(env_, paths_, identity, options);
  if (!scan.ok() || !scan->verdict.ok()) return scan;
  if (scan->ledger && !CheckLedgerCodec(*scan->ledger).ok()) return scan;
  const StatusOr<bool> restored = RestoreFromCopy(env_, paths_, *scan);
  if (!restored.ok()) return restored.status();
  return *restored ? ScanDirectory(env_, paths_, identity, options) : std::move(scan);
}

Status Log::Impl::CheckLedgerCodec(const LedgerScan& ledger) const {
  if (ledger.codec == options_.ledger_codec) return Status::Ok();
  StatusDetails details;
  details.path = paths_.Ledger();
  details.message = "the ledger " + details.path + " is in the " + LedgerCodecName(ledger.codec) +
                    " codec, this log is set to " + LedgerCodecName(options_.ledger_codec) +
                    ". Nothing was changed.";
  return Status(StatusCode::kCodecMismatch, std::move(details));
}

void Log::Impl::ScheduleMaintenance() {
  if (committer_->WantsMaintenance()) pool_->ScheduleMaintenance(committer_.get());
}

uint64_t Log::Impl::Submit(Write write) {
  // Held until the log is scheduled: Close must not take it from the pool in between.
  const MutexLock hold(&submit_mutex_);
  const uint64_t sequence = committer_->queue()->Push(std::move(write), env_->MonotonicNs());
  if (sequence == 0 || pool_ == nullptr) return sequence;
  pool_->Schedule(committer_.get());
  ScheduleMaintenance();
  return sequence;
}

uint64_t Log::Impl::SubmitQuietly(Write write) {
  return committer_->queue()->Push(std::move(write), env_->MonotonicNs());
}

void Log::Impl::CommitThrough(uint64_t sequence) {
  while (committer_->completed_through() < sequence) {
    if (pool_ == nullptr) {
      committer_->Step();
    } else {
      pool_->RunHere(committer_.get());
    }
  }
  if (pool_ != nullptr) ScheduleMaintenance();
}

StatusOr<FrameRead> Log::Impl::Read(uint64_t first_index, uint64_t last_index,
                                    uint64_t bytes_max) const {
  if (!open_.load(std::memory_order_acquire)) {
    return Status(StatusCode::kClosed, "the log is closed");
  }
  return ReadEntries(env_, paths_, *committer_->catalog(), committer_->keys(), first_index,
                     last_index, bytes_max);
}

StatusOr<EntryProof> Log::Impl::Prove(uint64_t index) const {
  if (!open_.load(std::memory_order_acquire)) {
    return Status(StatusCode::kClosed, "the log is closed");
  }
  return ProveEntry(env_, paths_, *committer_->catalog(), committer_->keys(), index);
}

StatusOr<SegmentRoot> Log::Impl::MerkleRoot(uint64_t segment_seq) const {
  if (!open_.load(std::memory_order_acquire)) {
    return Status(StatusCode::kClosed, "the log is closed");
  }
  return RootOfSegment(env_, paths_, *committer_->catalog(), committer_->keys(), segment_seq);
}

Status Log::Impl::TruncatePrefix(uint64_t before) {
  if (!open_.load(std::memory_order_acquire)) {
    return Status(StatusCode::kClosed, "the log is closed");
  }
  return committer_->TruncatePrefix(before);
}

StatusOr<ScrubStep> Log::Impl::Scrub(ScrubCursor* cursor, uint64_t bytes_max) {
  if (!open_.load(std::memory_order_acquire)) {
    return Status(StatusCode::kClosed, "the log is closed");
  }
  const LogStats stats = Stats();
  const ScrubTarget target = {env_,
                              &paths_,
                              committer_->catalog(),
                              committer_->keys(),
                              stats.tail_segment,
                              stats.tail_offset};
  StatusOr<ScrubStep> step = ScrubNext(target, bytes_max, cursor);
  if (step.ok()) committer_->CountScrubbed(step->bytes);
  if (step.status().code() == StatusCode::kLogCorrupt) Quarantine(step.status());
  return step;
}

void Log::Impl::Quarantine(const Status& damage) {
  if (!open_.load(std::memory_order_acquire)) return;
  StatusDetails details = damage.details();
  details.message = "the log is quarantined and takes no writes: " + details.message +
                    "; what verifies can be read";
  if (committer_->Quarantine(Status(StatusCode::kLogQuarantined, std::move(details)))) {
    // As at open: that the record cannot be written changes nothing.
    NoteBoot(damage);
  }
}

Status Log::Impl::SetKeys(std::shared_ptr<const KeyRing> keys) {
  if (!open_.load(std::memory_order_acquire)) {
    return Status(StatusCode::kClosed, "the log is closed");
  }
  return committer_->SetKeys(std::move(keys));
}

Status Log::Impl::Close() {
  const MutexLock hold(&close_mutex_);
  if (committer_ == nullptr) return Status::Ok();
  if (open_.load(std::memory_order_acquire)) {
    {
      const MutexLock stop(&submit_mutex_);
      committer_->queue()->Close();
    }
    committer_->CancelMaintenance();
    if (pool_ != nullptr) pool_->Remove(committer_.get());
    // The pool lets go of the log before this thread commits what is left.
    while (committer_->Step()) {
    }
    committer_->Finish();
    open_.store(false, std::memory_order_release);
    committer_->ForgetKeys();
    lock_.reset();
  }
  return committer_->Stats().poison;
}

bool Log::Impl::Pump() {
  const bool was_empty = committer_->queue()->IsEmpty();
  committer_->Step();
  if (committer_->RunMaintenanceStep() || !was_empty) return true;
  return committer_->ConfirmNow();
}

Log::Log(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Log::~Log() {
  const Status closed = impl_->Close();
  // Whoever wants to know why a log was poisoned calls Close.
  if (!closed.ok()) return;
}

StatusOr<std::unique_ptr<Log>> Log::Open(Env* env, LogOptions options, CommitterPool* pool,
                                         CompletionSink* sink) {
  RETURN_IF_ERROR(CheckOptions(options));
  LogPaths paths = PathsOf(options.directory, options.wal_directory);
  auto impl = std::make_unique<Impl>(env, std::move(options), std::move(paths), pool, sink);
  RETURN_IF_ERROR(impl->Open());
  return std::unique_ptr<Log>(new Log(std::move(impl)));
}

const RecoveryReport& Log::recovery() const { return *impl_->report(); }

void Log::ReleaseRecoveredEntries() {
  FrameRange* entries = &impl_->report()->entries;
  entries->runs = {};
  entries->byte_lengths = {};
}

uint64_t Log::Submit(Write write) { return impl_->Submit(std::move(write)); }

uint64_t Log::SubmitQuietly(Write write) { return impl_->SubmitQuietly(std::move(write)); }

void Log::CommitThrough(uint64_t sequence) { impl_->CommitThrough(sequence); }

StatusOr<FrameRead> Log::Read(uint64_t first_index, uint64_t last_index, uint64_t bytes_max) {
  return impl_->Read(first_index, last_index, bytes_max);
}

StatusOr<EntryProof> Log::Prove(uint64_t index) { return impl_->Prove(index); }

StatusOr<SegmentRoot> Log::MerkleRoot(uint64_t segment_seq) {
  return impl_->MerkleRoot(segment_seq);
}

Status Log::TruncatePrefix(uint64_t before) { return impl_->TruncatePrefix(before); }

StatusOr<ScrubStep> Log::Scrub(ScrubCursor* cursor, uint64_t bytes_max) {
  return impl_->Scrub(cursor, bytes_max);
}

void Log::Quarantine(const Status& damage) { impl_->Quarantine(damage); }

Status Log::SetKeys(std::shared_ptr<const KeyRing> keys) { return impl_->SetKeys(std::move(keys)); }

Status Log::GiveUp(const std::vector<NonceRange>& ranges) { return impl_->GiveUp(ranges); }

LogStats Log::Stats() const { return impl_->Stats(); }

Status Log::Close() { return impl_->Close(); }

bool Log::Pump() { return impl_->Pump(); }

}  // namespace clustor
