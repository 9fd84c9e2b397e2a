#include "wal/committer.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "wal/histogram.h"
#include "wal/key_epochs.h"
#include "wal/poison.h"

namespace clustor {

namespace {

// New segments have this form; what fits into one of them can be written whatever the tail is.
// What a write may take so that a segment of this header can hold it.
PlanLimits PlanLimitsOf(const LogOptions& options, const SegmentHeader& pattern) {
  return {pattern.blocks_end() - kSegmentHeaderBytes - BlockOverheadBytesMax(pattern.form()),
          options.payload_bytes_max, pattern.form()};
}

SpareLimits SpareLimitsOf(const LogOptions& options) {
  return {options.segment_bytes_max, options.headroom_bytes, options.spares_max};
}

// What writes with entries leave of a tail that has no successor.
constexpr uint64_t kTailReserveBytesMax = 64 << 10;

}  // namespace

Committer::Committer(Env* env, LogPaths paths, const LogOptions& options, SegmentHeader pattern,
                     DurableWriter::Threads threads, CompletionSink* sink)
    : env_(env),
      paths_(paths),
      group_limits_(GroupLimitsOf(options)),
      plan_limits_(PlanLimitsOf(options, pattern)),
      stall_ns_(uint64_t{options.sync_stall_ms} * 1'000'000),
      awake_ns_max_(uint64_t{options.awake_us_max} * 1'000),
      sink_(sink),
      keys_(options.keys),
      spares_(env, paths, SpareLimitsOf(options), {pattern.cipher, pattern.dek_epoch}),
      indexer_(env, paths_),
      ledger_(env, paths, options),
      tail_(env, paths, std::move(pattern), &spares_),
      sealer_(ledger_.nonces()),
      writer_(env, options, threads, &tail_, &ledger_, &sync_watch_) {}

Status Committer::Start(CommitterStart start) {
  const MutexLock lock(&commit_mutex_);
  end_ = std::move(start.end);
  chain_ = start.chain;
  end_segment_ = start.end_segment;
  RETURN_IF_ERROR(sealer_.UseKeys(env_, keys_.Get()));
  ledger_.nonces()->ExpectEncryption(tail_.WillEncrypt());
  if (!tail_.HasRoom(0)) {
    // No append waits yet: a first segment of written zeros, which costs every sync into it less.
    spares_.Prepare(&cancelled_);
    RETURN_IF_ERROR(Rotate(RoomFor::kEntries));
  } else if (tail_.HasCurrentKeys()) {
    RETURN_IF_ERROR(sealer_.UseSegment(tail_.header(), start.next_counter));
  } else {
    ledger_.nonces()->LeaveSegment(tail_.segment_seq(), start.next_counter);
  }
  RETURN_IF_ERROR(ReserveAhead());
  spares_.MakeHeadroom();
  NoteState();
  UpdateMaintenance();
  return Status::Ok();
}

bool Committer::Step() {
  std::optional<Completion> completion;
  Group group;  // Lives as long as the block, which may stand in its memory.
  {
    const MutexLock lock(&commit_mutex_);
    group = queue_.TakeGroup(group_limits_);
    if (group.empty()) return false;
    completion = CommitGroup(&group);
    UpdateMaintenance();
  }
  if (completion) {
    const uint64_t through = completion->through_sequence;
    sink_->OnComplete(std::move(*completion));
    completed_through_.store(through, std::memory_order_release);
  }
  const MutexLock lock(&commit_mutex_);
  AddToSeal();
  return !queue_.IsEmpty();
}

std::optional<Completion> Committer::CommitGroup(Group* group) {
  if (!poison_.ok()) return FailAll(*group, poison_);
  if (!quarantine_.ok()) return FailAll(*group, quarantine_);
  StageTimes times;
  times.start = env_->MonotonicNs();
  if (group->front().write.shortages_heard < shortages_) return RefuseFirst(group, shortage_);
  GroupPlan plan = PlanGroup(*group, end_, plan_limits_);
  if (plan.writes == 0) return RefuseFirst(group, std::move(plan.refused));
  if (plan.writes < group->size()) queue_.PutBack(group, plan.writes);
  // Making room syncs as well, now and then.
  sync_watch_.Begin(times.start);
  Status done = Execute(group, &plan, &times);
  sync_watch_.End();
  if (done.ok()) {
    Count(*group, plan, built_, times);
    ExpectWait(plan, times);
    return Complete(group->back().sequence, Status::Ok());
  }
  if (done.IsShortage()) {
    shortage_ = done;
    ++shortages_;
    const MutexLock lock(&stats_mutex_);
    ++stats_.shortages;
  } else {
    poison_ = Poisoned(done);
    done = poison_;
    NoteState();
  }
  return FailAll(*group, std::move(done));
}

std::optional<Completion> Committer::RefuseFirst(Group* group, Status why) {
  const Write& write = group->front().write;
  const bool behind_shortage =
      !shortage_.ok() && write.frames && write.frames->first_index > end_.last_index + 1;
  if (behind_shortage) why = shortage_;
  const uint64_t sequence = group->front().sequence;
  Group rest(std::make_move_iterator(group->begin() + 1), std::make_move_iterator(group->end()));
  queue_.PutBack(&rest, 0);
  return Complete(sequence, std::move(why));
}

Completion Committer::FailAll(const Group& group, Status why) {
  const Group behind = queue_.TakeAll();
  const uint64_t through = behind.empty() ? group.back().sequence : behind.back().sequence;
  return Complete(through, std::move(why));
}

Completion Committer::Complete(uint64_t through_sequence, Status status) const {
  return {through_sequence, std::move(status), end_.last_index, end_.last_term, shortages_};
}

Status Committer::Execute(Group* group, GroupPlan* plan, StageTimes* times) {
  Status room = EnsureRoom(plan);
  // Votes in front of the entry that finds no space need not share its fate.
  if (room.IsShortage() && KeepStateWrites(group)) {
    *plan = PlanGroup(*group, end_, plan_limits_);
    room = EnsureRoom(plan);
  }
  RETURN_IF_ERROR(room);
  StatusOr<BuiltBlock> built =
      builder_.Build(*plan,
                     {tail_.segment_seq(), tail_.block_alignment(), tail_.form(), tail_.salt(),
                      chain_, tail_.offset(), tail_.mac()},
                     sealer_.is_on() ? &sealer_ : nullptr);
  if (!built.ok()) return built.status();
  built_ = std::move(*built);
  times->encoded = env_->MonotonicNs();
  const Proof proof = {chain_.block + 1, tail_.segment_seq(), plan->last_index, plan->last_term,
                       plan->entry_count > 0};
  RETURN_IF_ERROR(writer_.Write(&built_, proof, times));
  Publish(*plan, built_);
  return Status::Ok();
}

// Reduces the group to the writes without entries that it begins with; false when all or none are.
bool Committer::KeepStateWrites(Group* group) {
  const auto entry = std::find_if(group->begin(), group->end(), [](const QueuedWrite& queued) {
    return queued.write.frames.has_value();
  });
  if (entry == group->begin() || entry == group->end()) return false;
  queue_.PutBack(group, static_cast<size_t>(entry - group->begin()));
  return true;
}

// While nothing is ready to follow the tail, entries leave its end to votes. And they never go into
// the headroom: it is all that votes have.
bool Committer::TailHasRoom(uint64_t block_bytes, RoomFor what) const {
  if (what == RoomFor::kState) return tail_.HasRoom(block_bytes);
  if (tail_.is_headroom()) return false;
  if (tail_.IsEmpty() || spares_.HasSuccessor()) return tail_.HasRoom(block_bytes);
  return tail_.HasRoom(block_bytes + std::min(kTailReserveBytesMax, tail_.segment_bytes() / 8));
}

Status Committer::Rotate(RoomFor what) {
  const bool is_first = !tail_.HasRoom(0);
  const uint64_t sealed = tail_.segment_seq();
  bool late = false;
  Status rotated = tail_.Rotate(chain_, end_.last_index + 1, &late);
  if (rotated.IsShortage() && what == RoomFor::kState) {
    Status helped = tail_.RotateIntoHeadroom(chain_, end_.last_index + 1);
    // Without headroom the first failure says more.
    if (helped.ok() || !helped.IsShortage()) rotated = std::move(helped);
  }
  RETURN_IF_ERROR(rotated);
  catalog_.AddSegment(tail_.header());
  RETURN_IF_ERROR(sealer_.UseSegment(tail_.header(), 0));
  StatusOr<std::unique_ptr<SegmentMac>> mac = SegmentMac::Create(tail_.header(), keys_.Get().get());
  if (!mac.ok()) return mac.status();
  tail_.UseMac(std::move(*mac));
  if (is_first) return Status::Ok();
  indexer_.Add(sealed);
  const MutexLock lock(&stats_mutex_);
  ++stats_.rotations;
  if (late) ++stats_.late_spares;
  return Status::Ok();
}

// What an open reserves with a sync of its own. For want of space the first block tries again.
Status Committer::ReserveAhead() {
  ledger_.nonces()->Propose();
  const Status reserved = ledger_.RecordNonces();
  return reserved.IsShortage() ? Status::Ok() : reserved;
}

// W9: counters are reserved durably before a block is sealed with them. Usually they were, along
// with an earlier proof.
Status Committer::EnsureNonces(const GroupPlan& plan, RoomFor what) {
  const uint64_t counters =
      CryptoCounters(BlockBuilder::BytesMax(plan, tail_.block_alignment(), tail_.form()));
  if (ledger_.nonces()->Covers(counters)) return Status::Ok();
  ledger_.nonces()->ProposeFor(counters);
  RETURN_IF_ERROR(ledger_.RecordNonces());
  {
    const MutexLock lock(&stats_mutex_);
    ++stats_.nonce_late_reservations;
  }
  return writer_.EnsureRoom(what);
}

// Everything that may need space from the file system happens here, before a byte is written.
Status Committer::EnsureRoom(GroupPlan* plan) {
  const RoomFor what = plan->entry_count > 0 ? RoomFor::kEntries : RoomFor::kState;
  RETURN_IF_ERROR(writer_.EnsureRoom(what));
  const uint64_t block_bytes = BlockBuilder::BytesMax(*plan, tail_.block_alignment(), tail_.form());
  if (!TailHasRoom(block_bytes, what) || !tail_.HasCurrentKeys()) RETURN_IF_ERROR(Rotate(what));
  if (sealer_.is_on()) RETURN_IF_ERROR(EnsureNonces(*plan, what));
  // The first block of a segment repeats the hard state, so that older segments can go.
  if (tail_.IsEmpty() && !plan->hard_state) plan->hard_state = end_.hard_state;
  return Status::Ok();
}

void Committer::Publish(const GroupPlan& plan, const BuiltBlock& block) {
  if (plan.truncate_from) {
    end_.terms.Truncate(*plan.truncate_from);
    catalog_.TruncateSuffix(*plan.truncate_from);
  }
  for (const TermRuns::Run& run : plan.terms) end_.terms.Append(run.first_index, run.term);
  if (plan.hard_state) end_.hard_state = *plan.hard_state;
  end_.last_index = plan.last_index;
  end_.last_term = plan.last_term;
  if (plan.entry_count > 0) {
    shortage_ = Status::Ok();
    catalog_.AddBlock({plan.first_index, static_cast<uint32_t>(tail_.offset() / 512),
                       static_cast<uint32_t>(block.unpadded_bytes)},
                      plan.last_index);
  }
  ++chain_.block;
  chain_.checksum = block.checksum;
  end_segment_ = tail_.segment_seq();
  unsealed_ = true;
  tail_.Advance(block.bytes.bytes());
}

// Brings the newest block into what will seal its segment. That takes as long as writing it, and
// nobody waits for it before the next block: it is done once the writes of this one have heard.
void Committer::AddToSeal() {
  if (!unsealed_) return;
  unsealed_ = false;
  SegmentMac* mac = tail_.mac();
  if (mac == nullptr) return;
  mac->Add(built_.header, built_.bytes.Slice(0, built_.unpadded_bytes));
}

void Committer::Count(const Group& group, const GroupPlan& plan, const BuiltBlock& block,
                      const StageTimes& times) {
  {
    const MutexLock lock(&stats_mutex_);
    StageHistograms* stages = &stats_.stages;
    for (const QueuedWrite& queued : group) {
      AddSample(&stages->queue_wait, times.start - std::min(times.start, queued.queued_ns));
    }
    AddSample(&stages->encode, times.encoded - times.start);
    AddSample(&stages->write, times.written - times.encoded);
    AddSample(&stages->sync, times.synced - times.written);
    AddSample(&stages->ledger, times.proven - times.synced);
    ++stats_.blocks;
    ++stats_.segment_syncs;
    if (writer_.SyncsLedger()) ++stats_.ledger_syncs;
    stats_.sync_stalls += (times.synced - times.written > stall_ns_ ? 1u : 0u) +
                          (times.proven - times.synced > stall_ns_ ? 1u : 0u);
    stats_.bytes_written += block.bytes.bytes();
    stats_.frame_bytes_written += plan.frame_bytes;
    stats_.entries_written += plan.entry_count;
  }
  NoteState();
}

// The next group will be like this one.
void Committer::ExpectWait(const GroupPlan& plan, const StageTimes& times) {
  SetWaitsBriefly(plan.IsSmall() && times.proven - times.start <= awake_ns_max_);
}

void Committer::NoteState() {
  const MutexLock lock(&stats_mutex_);
  stats_.last_index = end_.last_index;
  stats_.durable_index = end_.last_index;
  stats_.durable_term = end_.last_term;
  stats_.durable_block = chain_.block;
  stats_.durable_checksum = chain_.checksum;
  stats_.tail_segment = tail_.segment_seq();
  stats_.tail_offset = tail_.offset();
  stats_.ledger_bytes = ledger_.used_bytes();
  stats_.ledger_switches = ledger_.switches();
  stats_.ledger_syncs += writer_.confirms() - stats_.confirms;
  stats_.confirms = writer_.confirms();
  unconfirmed_since_ns_ = writer_.UnconfirmedSinceNs();
  stats_.poisoned = !poison_.ok();
  if (stats_.poisoned) stats_.poison = poison_;
  stats_.quarantined = !quarantine_.ok();
  if (stats_.quarantined) stats_.quarantine = quarantine_;
}

// A spare is made once the tail is a quarter full: a log that hardly grows needs none.
void Committer::UpdateMaintenance() {
  const bool wants_spare = spares_.Wanted() && tail_.offset() > tail_.segment_bytes() / 4;
  wants_spare_.store(wants_spare, std::memory_order_relaxed);
  wants_ledger_.store(ledger_.WantsNext(), std::memory_order_relaxed);
  const bool wanted =
      wants_spare || ledger_.WantsNext() || spares_.WantsHeadroom() || indexer_.HasWork();
  wants_maintenance_.store(poison_.ok() && wanted, std::memory_order_release);
  SetMaintenanceDue(poison_.ok() ? writer_.ConfirmDueNs() : 0);
}

bool Committer::RunMaintenanceStep() {
  if (maintenance_due_ns() != 0) ConfirmDueBy(env_->MonotonicNs());
  if (!wants_maintenance_.exchange(false, std::memory_order_acq_rel)) return false;
  if (wants_spare_.load(std::memory_order_relaxed)) spares_.Prepare(&cancelled_);
  if (wants_ledger_.load(std::memory_order_relaxed)) ledger_.PrepareNext(&cancelled_);
  if (spares_.WantsHeadroom()) spares_.MakeHeadroom();
  // What appends wait for comes first; one at a time, so that a close need not wait for many.
  if (indexer_.Step() && indexer_.HasWork() && !cancelled_.load(std::memory_order_relaxed)) {
    wants_maintenance_.store(true, std::memory_order_release);
  }
  return true;
}

bool Committer::ConfirmNow() { return ConfirmDueBy(UINT64_MAX); }

bool Committer::ConfirmDueBy(uint64_t now_ns) {
  const MutexLock lock(&commit_mutex_);
  const uint64_t due_ns = writer_.ConfirmDueNs();
  if (!poison_.ok() || due_ns == 0 || due_ns > now_ns) return false;
  const Status confirmed = Confirm();
  UpdateMaintenance();
  return confirmed.ok();
}

// A shortage is no failure of the log: what it could not confirm is durable, and confirmed later.
Status Committer::Confirm() {
  const WatchedSync watched(env_, &sync_watch_);
  Status confirmed = writer_.Confirm();
  if (!confirmed.ok() && !confirmed.IsShortage()) poison_ = confirmed;
  NoteState();
  return confirmed;
}

void Committer::Finish() {
  ConfirmNow();
  const MutexLock lock(&commit_mutex_);
  writer_.Stop();
}

Status Committer::TruncatePrefix(uint64_t before) {
  std::vector<uint64_t> removable;
  {
    const MutexLock lock(&commit_mutex_);
    if (!poison_.ok()) return poison_;
    if (!quarantine_.ok()) return quarantine_;
    // The newest block holds the hard state chain: its segment stays.
    removable = catalog_.RemovableSegments(before, end_segment_);
    if (removable.empty()) return Status::Ok();
    const LogPrefix prefix = {removable.back() + 1, catalog_.FirstIndexWithout(removable.size())};
    // The segments that go are followed by one whose end is proven.
    RETURN_IF_ERROR(Confirm());
    const WatchedSync watched(env_, &sync_watch_);
    Status recorded = ledger_.RecordPrefix(prefix);
    if (!recorded.ok()) {
      if (recorded.IsShortage()) return recorded;
      poison_ = Poisoned(recorded);
      NoteState();
      return poison_;
    }
    catalog_.RemoveOldest(removable.size());
    NoteState();
  }
  for (const uint64_t segment_seq : removable) RETURN_IF_ERROR(RemoveSegment(segment_seq));
  return Status::Ok();
}

// Nothing of the segment is part of the log any more.
Status Committer::RemoveSegment(uint64_t segment_seq) {
  RemoveIndex(env_, paths_, segment_seq);
  if (spares_.Recycle(segment_seq)) {
    const MutexLock lock(&stats_mutex_);
    ++stats_.recycled_segments;
  } else {
    RETURN_IF_ERROR(env_->RemoveFile(paths_.Segment(segment_seq)));
  }
  return env_->SyncDirectory(paths_.wal);
}

bool Committer::Quarantine(Status why) {
  const MutexLock lock(&commit_mutex_);
  if (!quarantine_.ok()) return false;
  quarantine_ = std::move(why);
  NoteState();
  return true;
}

void Committer::CountScrubbed(uint64_t bytes) {
  const MutexLock lock(&stats_mutex_);
  stats_.scrubbed_bytes += bytes;
}

Status Committer::SetKeys(std::shared_ptr<const KeyRing> keys) {
  SegmentHeader pattern;
  RETURN_IF_ERROR(ChooseKeys(keys.get(), &pattern));
  const MutexLock lock(&commit_mutex_);
  if (!poison_.ok()) return poison_;
  if (!quarantine_.ok()) return quarantine_;
  RETURN_IF_ERROR(CheckEpochs(catalog_.Epochs(), keys.get()));
  // Also refuses another key under the epoch of the tail.
  RETURN_IF_ERROR(SegmentCipher::Create(tail_.header(), keys).status());
  RETURN_IF_ERROR(SegmentMac::Create(tail_.header(), keys.get()).status());
  RETURN_IF_ERROR(sealer_.UseKeys(env_, keys));
  keys_.Set(std::move(keys));
  tail_.ChangeKeys(pattern);
  plan_limits_.frame_bytes_max =
      tail_.pattern().blocks_end() - kSegmentHeaderBytes - BlockOverheadBytesMax(plan_limits_.form);
  ledger_.nonces()->ExpectEncryption(pattern.IsEncrypted());
  spares_.SetContent({pattern.cipher, pattern.dek_epoch});
  if (tail_.HasCurrentKeys()) return sealer_.KeepSegment(tail_.header());
  sealer_.LeaveSegment();
  return Status::Ok();
}

Status Committer::GiveUp(const std::vector<NonceRange>& ranges) {
  const MutexLock lock(&commit_mutex_);
  if (!poison_.ok()) return poison_;
  for (const NonceRange& range : ranges) {
    ledger_.nonces()->Abandon(range.segment_seq, range.first, range.first + range.count);
  }
  while (ledger_.nonces()->HasAbandoned()) {
    ledger_.nonces()->Propose();
    Status recorded = ledger_.RecordNonces();
    if (!recorded.ok() && !recorded.IsShortage()) poison_ = recorded;
    RETURN_IF_ERROR(recorded);
  }
  return Status::Ok();
}

void Committer::ForgetKeys() {
  const MutexLock lock(&commit_mutex_);
  sealer_.LeaveSegment();
  sealer_.ForgetKeys();
  tail_.UseMac(nullptr);
  keys_.Set(nullptr);
}

LogStats Committer::Stats() const {
  LogStats stats;
  uint64_t unconfirmed_since_ns = 0;
  {
    const MutexLock lock(&stats_mutex_);
    stats = stats_;
    unconfirmed_since_ns = unconfirmed_since_ns_;
  }
  const uint64_t now_ns = env_->MonotonicNs();
  if (unconfirmed_since_ns != 0 && now_ns > unconfirmed_since_ns) {
    stats.unconfirmed_ns = now_ns - unconfirmed_since_ns;
  }
  stats.sync_in_flight_ns = sync_watch_.AgeNs(now_ns);
  stats.first_index = catalog_.first_index();
  stats.segments = catalog_.segments();
  stats.segment_bytes = catalog_.file_bytes();
  queue_.Depth(&stats.queued_writes, &stats.queued_bytes);
  return stats;
}

}  // namespace clustor
