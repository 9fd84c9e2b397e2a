#include "wal/durable_writer.h"

#include <algorithm>
#include <utility>

#include "wal/poison.h"

namespace clustor {

namespace {

// A log that never idles confirms all the same, this many times less often: so much of its end, at
// most, could be lost as a whole without a trace (docs/wal-format.md, section 8).
constexpr uint64_t kBusyConfirmFactor = 50;

}  // namespace

DurableWriter::DurableWriter(Env* env, const LogOptions& options, Threads threads,
                             SegmentTail* tail, Ledger* ledger, SyncWatch* watch)
    : env_(env),
      setting_(options.ledger),
      threads_(threads),
      confirm_ns_(uint64_t{options.ledger_confirm_ms} * 1'000'000),
      tail_(tail),
      ledger_(ledger),
      watch_(watch),
      oldest_ns_(env->MonotonicNs()),
      newest_ns_(oldest_ns_) {}

Status DurableWriter::EnsureRoom(RoomFor what) {
  if (setting_ == LedgerSetting::kInline) return Status::Ok();
  return ledger_->EnsureRoom(what);
}

Status DurableWriter::Write(BuiltBlock* block, const Proof& proof, StageTimes* times) {
  switch (setting_) {
    case LedgerSetting::kOrdered:
      return WriteOrdered(block, proof, times);
    case LedgerSetting::kOverlapped:
      return WriteOverlapped(block, proof, times);
    case LedgerSetting::kInline:
      return WriteInline(block, proof, times);
  }
  return Status(StatusCode::kInternal, "the ledger setting is unknown");
}

// W1: a failed sync is never tried again (W2).
Status DurableWriter::WriteOrdered(BuiltBlock* block, const Proof& proof, StageTimes* times) {
  Status status = tail_->Write(block);
  if (!status.ok()) return Undo(std::move(status), block->bytes.bytes(), false);
  times->written = env_->MonotonicNs();
  watch_->Begin(times->written);
  status = tail_->Sync();
  if (!status.ok()) return Poisoned(status);
  times->synced = env_->MonotonicNs();
  status = ledger_->WriteProof(proof);
  if (!status.ok()) return Undo(std::move(status), block->bytes.bytes(), true);
  watch_->Begin(times->synced);
  status = ledger_->Sync();
  if (!status.ok()) return Poisoned(status);
  times->proven = env_->MonotonicNs();
  return Status::Ok();
}

Status DurableWriter::WriteOverlapped(BuiltBlock* block, const Proof& proof, StageTimes* times) {
  Status status = WriteBoth(block, proof);
  if (!status.ok()) return Undo(std::move(status), block->bytes.bytes(), true);
  times->written = env_->MonotonicNs();
  watch_->Begin(times->written);
  status = SyncBoth(proof.block, times);
  if (!status.ok()) return Poisoned(status);
  times->proven = env_->MonotonicNs();
  ledger_->CountSynced();
  // The claim proves the block before this one.
  NoteUnconfirmed(times->proven, times->proven);
  return Status::Ok();
}

// Nothing depends on which of the two is written or synced first. Without a companion all four
// orders come up, so that tests see what a crash makes of each.
Status DurableWriter::WriteBoth(BuiltBlock* block, const Proof& proof) {
  const bool claim_first = threads_ == Threads::kNone && (proof.block & 1) != 0;
  if (claim_first) RETURN_IF_ERROR(ledger_->WriteClaim(proof));
  RETURN_IF_ERROR(tail_->Write(block));
  return claim_first ? Status::Ok() : ledger_->WriteClaim(proof);
}

Status DurableWriter::SyncBoth(uint64_t block_number, StageTimes* times) {
  if (threads_ == Threads::kCompanion && companion_.Begin(ledger_->file())) {
    Status synced = tail_->Sync();
    times->synced = env_->MonotonicNs();
    // Waited for in any case: nobody may close the file meanwhile.
    Status claimed = companion_.Wait();
    return synced.ok() ? claimed : synced;
  }
  const bool ledger_first = (block_number & 2) != 0;
  if (ledger_first) RETURN_IF_ERROR(ledger_->file()->SyncData());
  RETURN_IF_ERROR(tail_->Sync());
  times->synced = env_->MonotonicNs();
  return ledger_first ? Status::Ok() : ledger_->file()->SyncData();
}

Status DurableWriter::WriteInline(BuiltBlock* block, const Proof& proof, StageTimes* times) {
  Status status = tail_->Write(block);
  if (!status.ok()) return Undo(std::move(status), block->bytes.bytes(), false);
  times->written = env_->MonotonicNs();
  watch_->Begin(times->written);
  status = tail_->Sync();
  if (!status.ok()) return Poisoned(status);
  times->synced = env_->MonotonicNs();
  times->proven = times->synced;
  NoteUnconfirmed(ledger_->HasUnconfirmed() ? oldest_ns_ : times->proven, times->proven);
  ledger_->NoteDurable(proof);
  return Status::Ok();
}

// Takes back a write that met a shortage, proof first: no proof may outlive its block (W5).
Status DurableWriter::Undo(Status why, uint64_t block_bytes, bool ledger_written) {
  if (!why.IsShortage()) return Poisoned(why);
  if (ledger_written) {
    const Status undone = ledger_->Rollback();
    if (!undone.ok()) return Poisoned(undone);
  }
  if (block_bytes > 0) {
    const Status undone = tail_->Rollback(block_bytes);
    if (!undone.ok()) return Poisoned(undone);
  }
  return why;
}

void DurableWriter::NoteUnconfirmed(uint64_t oldest_ns, uint64_t newest_ns) {
  oldest_ns_ = oldest_ns;
  newest_ns_ = newest_ns;
}

Status DurableWriter::Confirm() {
  if (!ledger_->HasUnconfirmed()) return Status::Ok();
  const Status confirmed = WriteConfirmation();
  if (confirmed.ok()) {
    ++confirms_;
    return confirmed;
  }
  if (!confirmed.IsShortage()) return Poisoned(confirmed);
  retry_after_ns_ = env_->MonotonicNs() + confirm_ns_;
  return confirmed;
}

Status DurableWriter::WriteConfirmation() {
  RETURN_IF_ERROR(ledger_->EnsureRoom(RoomFor::kState));
  // A file that was switched to begins with the proof.
  if (!ledger_->HasUnconfirmed()) return Status::Ok();
  const Status written = ledger_->WriteConfirmation();
  if (!written.ok()) return Undo(written, 0, true);
  const Status synced = ledger_->Sync();
  return synced.ok() ? synced : Poisoned(synced);
}

uint64_t DurableWriter::ConfirmDueNs() const {
  if (setting_ == LedgerSetting::kOrdered || !ledger_->HasUnconfirmed()) return 0;
  const uint64_t due =
      std::min(newest_ns_ + confirm_ns_, oldest_ns_ + kBusyConfirmFactor * confirm_ns_);
  return std::max(due, retry_after_ns_);
}

}  // namespace clustor
