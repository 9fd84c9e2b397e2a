#include "wal/ledger.h"

#include <span>
#include <utility>
#include <vector>

#include "base/planted_bug.h"
#include "wal/poison.h"
#include "wal/zero_file.h"

namespace clustor {

namespace {

// What writes with entries leave of a file that has no successor.
constexpr uint64_t kReserveBytesMax = 64 << 10;
// Records that EnsureRoom makes room for: entry and block, and a prefix or transition behind them.
constexpr size_t kRoomRecords = 3;
// Crypto counters that are reserved ahead. A write takes at most a reservation or two along; under
// the inline setting writes of the ledger are far between.
constexpr uint64_t kNoncesAhead = NoncePlan::kRangeMax / 2;
constexpr uint64_t kNoncesAheadInline = 2 * NoncePlan::kRangeMax;

}  // namespace

Ledger::Ledger(Env* env, LogPaths paths, const LogOptions& options)
    : env_(env),
      paths_(std::move(paths)),
      codec_(options.ledger_codec),
      slot_bytes_(LedgerSlotBytes(options.ledger_codec)),
      bytes_max_(options.ledger_bytes_max),
      settings_{options.ledger, options.durability},
      entry_tag_(options.ledger == LedgerSetting::kInline ? LedgerTag::kEntryInline
                                                          : LedgerTag::kEntryOrdered),
      prefix_{options.start.segment, options.start.index},
      nonces_(options.ledger == LedgerSetting::kInline ? kNoncesAheadInline : kNoncesAhead) {}

LedgerRecord Ledger::Record(LedgerTag tag, uint64_t term, uint64_t index, uint64_t segment_seq) {
  return {term, index, segment_seq, static_cast<uint8_t>(tag), env_->WallClockMs()};
}

void Ledger::Add(const LedgerRecord& record) {
  EncodeLedgerSlot(codec_, record, pending_.data() + pending_bytes_);
  pending_bytes_ += slot_bytes_;
}

Status Ledger::WriteAdded() {
  return file_->WriteAt(offset_, std::span(pending_).first(pending_bytes_));
}

Status Ledger::Create() {
  StatusOr<std::unique_ptr<File>> file =
      CreateZeroFile(env_, paths_.LedgerNext(), bytes_max_, nullptr);
  if (!file.ok()) return file.status();
  recorded_settings_ = settings_;
  return SwitchTo(std::move(*file));
}

Status Ledger::Adopt(const LedgerScan& scan) {
  StatusOr<std::unique_ptr<File>> file = env_->OpenFile(paths_.Ledger(), OpenMode::kReadWrite);
  if (!file.ok()) return file.status();
  file_ = std::move(*file);
  file_bytes_ = scan.file_bytes;
  // On a fresh page: a write that tears takes none of the records along that this open relied on.
  offset_ = NextLedgerPageSlot(scan.end_offset, slot_bytes_);
  newest_ = {scan.proven_block, scan.proof_segment, scan.proof_last_index, 0, false};
  newest_is_exact_ = scan.proof_is_exact;
  recorded_block_ = scan.proof_is_exact ? scan.proven_block : 0;
  newest_entry_ = scan.newest_entry;
  recorded_settings_ = scan.settings;
  prefix_ = {scan.prefix_segment, scan.prefix_index};
  nonces_.Adopt(scan.nonces);
  if (scan.nonzero_end > offset_) {
    RETURN_IF_ERROR(WriteZeros(file_.get(), offset_, scan.nonzero_end));
  }
  // Also makes durable what an earlier process left unsynced and this one just relied on.
  return file_->SyncData();
}

Status Ledger::EnsureRoom(RoomFor what) {
  const bool spares_rest =
      what == RoomFor::kEntries && next_state_.load(std::memory_order_relaxed) != kReady;
  const uint64_t rest = spares_rest ? std::min(kReserveBytesMax, file_bytes_ / 4) : 0;
  const size_t nonce_records = nonces_.IsIdle() ? 0 : NoncePlan::kTogetherMax;
  return HasRoomFor(kRoomRecords + nonce_records, rest) ? Status::Ok() : Switch();
}

bool Ledger::HasRoomFor(uint64_t records, uint64_t rest) const {
  return offset_ + records * slot_bytes_ + rest <= file_bytes_;
}

Status Ledger::Switch() {
  StatusOr<std::unique_ptr<File>> next = TakeNext();
  Status switched = next.ok() ? SwitchTo(std::move(*next)) : next.status();
  if (switched.ok()) ++switches_;
  const MutexLock lock(&next_mutex_);
  next_state_.store(kNone, std::memory_order_relaxed);
  return switched;
}

StatusOr<std::unique_ptr<File>> Ledger::TakeNext() {
  const MutexLock lock(&next_mutex_);
  next_state_.store(kTaken, std::memory_order_relaxed);
  if (next_ != nullptr) return std::move(next_);
  return CreateZeroFile(env_, paths_.LedgerNext(), bytes_max_, nullptr);
}

// What a file begins with: all that the file before it says and recovery needs.
void Ledger::AddOpening() {
  if (recorded_settings_) {
    Add(Record(LedgerTag::kTransition, static_cast<uint64_t>(recorded_settings_->ledger),
               static_cast<uint64_t>(recorded_settings_->durability), 0));
  }
  Add(Record(LedgerTag::kPrefix, 0, prefix_.first_index, prefix_.first_segment));
  for (const NonceRange& range : nonces_.Live()) Add(Record(range));
  if (newest_entry_) Add(*newest_entry_);
  if (newest_.block == 0) return;
  if (newest_is_exact_) {
    Add(Record(LedgerTag::kBlock, newest_.block, newest_.last_index, newest_.segment_seq));
  } else {
    // A block record would be held against the block; a claim only says that it is there.
    Add(Record(LedgerTag::kClaim, newest_.block + 1, 0, 0));
  }
}

Status Ledger::SwitchTo(std::unique_ptr<File> file) {
  pending_bytes_ = 0;
  AddOpening();
  const std::span<const std::byte> opening = std::span(pending_).first(pending_bytes_);
  RETURN_IF_ERROR(file->WriteAt(0, opening));
  RETURN_IF_ERROR(file->SyncData());
  RETURN_IF_ERROR(env_->RenameFile(paths_.LedgerNext(), paths_.Ledger()));
  const Status synced = env_->SyncDirectory(paths_.wal);
  // Whether the old or the new file is the ledger after a crash is not known: no proof could be
  // relied on.
  if (!synced.ok()) return Poisoned(synced);
  file_ = std::move(file);
  file_bytes_ = bytes_max_;
  offset_ = NextLedgerPageSlot(pending_bytes_, slot_bytes_);
  pending_bytes_ = 0;
  if (newest_is_exact_) recorded_block_ = newest_.block;
  entry_is_recorded_ = true;
  return Status::Ok();
}

LedgerRecord Ledger::Record(const NonceRange& range) {
  return Record(range.tag, range.first, range.count, range.segment_seq);
}

void Ledger::AddNonces() {
  if (nonces_.IsIdle()) return;
  for (const NonceRange& range : nonces_.Propose()) Add(Record(range));
}

void Ledger::AddEntry(LedgerTag tag, const Proof& proof) {
  pending_entry_.reset();
  if (!proof.has_entries) return;
  pending_entry_ = Record(tag, proof.last_term, proof.last_index, proof.segment_seq);
  Add(*pending_entry_);
}

Status Ledger::WriteProof(const Proof& proof) {
  pending_bytes_ = 0;
  pending_proof_ = proof;
  pending_recorded_block_ = proof.block;
  AddEntry(entry_tag_, proof);
  Add(Record(LedgerTag::kBlock, proof.block, proof.last_index, proof.segment_seq));
  AddNonces();
  return WriteAdded();
}

Status Ledger::WriteClaim(const Proof& proof) {
  pending_bytes_ = 0;
  pending_proof_ = proof;
  pending_recorded_block_ = recorded_block_;
  AddEntry(LedgerTag::kEntryOverlapped, proof);
  Add(Record(LedgerTag::kClaim, proof.block, proof.last_index, proof.segment_seq));
  AddNonces();
  return WriteAdded();
}

// The entry record goes along only when it names an entry that no record names yet: then its block
// is one that nothing proves, as ApplyLedgerRecord relies on.
Status Ledger::WriteConfirmation() {
  pending_bytes_ = 0;
  pending_proof_ = newest_;
  pending_recorded_block_ = newest_.block;
  pending_entry_.reset();
  if (!entry_is_recorded_) {
    pending_entry_ = newest_entry_;
    Add(*pending_entry_);
  }
  Add(Record(LedgerTag::kBlock, newest_.block, newest_.last_index, newest_.segment_seq));
  AddNonces();
  return WriteAdded();
}

Status Ledger::Sync() {
  if (!IsPlanted(PlantedBug::kSkipLedgerSync)) RETURN_IF_ERROR(file_->SyncData());
  CountSynced();
  return Status::Ok();
}

void Ledger::CountSynced() {
  offset_ += pending_bytes_;
  pending_bytes_ = 0;
  if (nonces_.HasPending()) {
    nonces_.CountSynced();
    StartPage();
  }
  newest_ = pending_proof_;
  newest_is_exact_ = true;
  recorded_block_ = pending_recorded_block_;
  if (!pending_entry_) return;
  newest_entry_ = pending_entry_;
  entry_is_recorded_ = true;
}

Status Ledger::Rollback() {
  nonces_.Drop();
  RETURN_IF_ERROR(WriteZeros(file_.get(), offset_, offset_ + pending_bytes_));
  pending_bytes_ = 0;
  return file_->SyncData();
}

void Ledger::NoteDurable(const Proof& proof) {
  newest_ = proof;
  newest_is_exact_ = true;
  if (!proof.has_entries) return;
  newest_entry_ = Record(entry_tag_, proof.last_term, proof.last_index, proof.segment_seq);
  entry_is_recorded_ = false;
}

void Ledger::StartPage() { offset_ = NextLedgerPageSlot(offset_, slot_bytes_); }

// On a page that no other write touches.
Status Ledger::WriteAlone(const LedgerRecord& record) {
  StartPage();
  RETURN_IF_ERROR(EnsureRoom(RoomFor::kState));
  pending_bytes_ = 0;
  Add(record);
  const Status written = WriteAdded();
  if (!written.ok()) {
    const Status undone = Rollback();
    return undone.ok() ? written : Poisoned(undone);
  }
  const Status synced = file_->SyncData();
  if (!synced.ok()) return Poisoned(synced);
  offset_ += pending_bytes_;
  pending_bytes_ = 0;
  StartPage();
  return Status::Ok();
}

Status Ledger::RecordNonces() {
  const std::span<const NonceRange> ranges = nonces_.pending();
  if (ranges.empty()) return Status::Ok();
  std::vector<std::byte> bytes(ranges.size() * slot_bytes_);
  for (size_t i = 0; i < ranges.size(); ++i) {
    EncodeLedgerSlot(codec_, Record(ranges[i]), bytes.data() + i * slot_bytes_);
  }
  StartPage();
  Status written = HasRoomFor(ranges.size(), 0) ? Status::Ok() : Switch();
  pending_bytes_ = 0;
  if (written.ok()) {
    pending_bytes_ = bytes.size();
    written = file_->WriteAt(offset_, bytes);
  }
  if (!written.ok()) {
    const Status undone = Rollback();
    return undone.ok() ? written : Poisoned(undone);
  }
  const Status synced = file_->SyncData();
  if (!synced.ok()) return Poisoned(synced);
  offset_ += pending_bytes_;
  pending_bytes_ = 0;
  nonces_.CountSynced();
  StartPage();
  return Status::Ok();
}

Status Ledger::RecordPrefix(const LogPrefix& prefix) {
  if (IsPlanted(PlantedBug::kSkipPrefixRecord)) return Status::Ok();
  RETURN_IF_ERROR(
      WriteAlone(Record(LedgerTag::kPrefix, 0, prefix.first_index, prefix.first_segment)));
  prefix_ = prefix;
  return Status::Ok();
}

Status Ledger::RecordSettings() {
  if (recorded_settings_ == settings_) return Status::Ok();
  RETURN_IF_ERROR(WriteAlone(Record(LedgerTag::kTransition, static_cast<uint64_t>(settings_.ledger),
                                    static_cast<uint64_t>(settings_.durability), 0)));
  recorded_settings_ = settings_;
  return Status::Ok();
}

bool Ledger::WantsNext() const {
  return offset_ > file_bytes_ / 2 && next_state_.load(std::memory_order_relaxed) == kNone;
}

void Ledger::PrepareNext(const std::atomic<bool>* cancelled) {
  // The mutex is held while the file is made: EnsureRoom waits for it rather than make a second
  // one.
  const MutexLock lock(&next_mutex_);
  if (next_state_.load(std::memory_order_relaxed) != kNone) return;
  StatusOr<std::unique_ptr<File>> file =
      CreateZeroFile(env_, paths_.LedgerNext(), bytes_max_, cancelled);
  next_state_.store(file.ok() ? kReady : kFailed, std::memory_order_relaxed);
  if (file.ok()) next_ = std::move(*file);
}

}  // namespace clustor
