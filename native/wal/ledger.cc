#include "wal/ledger.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "base/coding.h"
#include "base/slab.h"
#include "wal/poison.h"
#include "wal/zero_file.h"

namespace clustor {

namespace {

constexpr size_t kProofBytesMax = 2 * kLedgerRecordBytes;
// Transition, prefix, entry, block.
constexpr size_t kOpeningRecordsMax = 4;

// Records that later writes must not endanger stand on pages of their own.
constexpr uint64_t kPageBytes = 4096;

// The first record slot that begins on a page after everything below offset.
uint64_t NextPageSlot(uint64_t offset) {
  const uint64_t page = AlignUp(offset, kPageBytes);
  return (page + kLedgerRecordBytes - 1) / kLedgerRecordBytes * kLedgerRecordBytes;
}

bool IsZero(std::span<const std::byte> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

bool IsPlausible(const LedgerRecord& record) {
  return record.term <= kPositionMax && record.index <= kPositionMax &&
         record.segment_seq <= kPositionMax;
}

void ApplyRecord(const LedgerRecord& record, LedgerScan* scan) {
  switch (static_cast<LedgerTag>(record.io_mode)) {
    case LedgerTag::kEntryOrdered:
      // The block record that belongs to it follows; when that one is torn or rotten, this record
      // alone proves one block more.
      scan->newest_entry = record;
      ++scan->proven_block;
      scan->proof_segment = record.segment_seq;
      scan->proof_last_index = record.index;
      scan->proof_is_exact = false;
      break;
    case LedgerTag::kBlock:
      scan->proven_block = record.term;
      scan->proof_segment = record.segment_seq;
      scan->proof_last_index = record.index;
      scan->proof_is_exact = true;
      break;
    case LedgerTag::kPrefix:
      scan->prefix_segment = std::max(scan->prefix_segment, record.segment_seq);
      scan->prefix_index = std::max(scan->prefix_index, record.index);
      break;
    default:
      break;
  }
}

Status NothingVerifies(const std::byte first, const std::string& path) {
  StatusDetails details;
  details.path = path;
  details.offset = 0;
  if (first == std::byte{'{'}) {
    details.message = "the ledger " + path + " is in the json codec; this log is set to binary";
    return Status(StatusCode::kCodecMismatch, std::move(details));
  }
  details.message = "no record of the durability ledger " + path + " verifies";
  return Status(StatusCode::kLogCorrupt, std::move(details));
}

}  // namespace

StatusOr<LedgerScan> ScanLedger(File* file, const std::string& path) {
  const StatusOr<uint64_t> file_bytes = file->Bytes();
  if (!file_bytes.ok()) return file_bytes.status();
  LedgerScan scan;
  scan.file_bytes = *file_bytes;
  // A whole number of records, about a megabyte: the ledger is read piece by piece.
  constexpr size_t kPieceBytes = kLedgerRecordBytes * 28340;
  std::vector<std::byte> piece(kPieceBytes);
  std::byte first_byte{0};
  for (uint64_t offset = 0; offset < scan.file_bytes; offset += kPieceBytes) {
    const StatusOr<size_t> got = file->ReadAt(offset, piece);
    if (!got.ok()) return got.status();
    if (offset == 0 && *got > 0) first_byte = piece[0];
    for (size_t at = 0; at < *got; at += kLedgerRecordBytes) {
      const size_t slot_bytes = std::min(kLedgerRecordBytes, *got - at);
      const std::span<const std::byte> slot(piece.data() + at, slot_bytes);
      if (IsZero(slot)) continue;
      scan.nonzero_end = offset + at + slot_bytes;
      LedgerRecord record;
      if (slot_bytes < kLedgerRecordBytes || !DecodeLedgerRecord(slot.data(), &record) ||
          !IsPlausible(record)) {
        ++scan.records_bad;
        continue;
      }
      ++scan.records;
      scan.end_offset = offset + at + kLedgerRecordBytes;
      ApplyRecord(record, &scan);
    }
  }
  if (scan.records == 0) return NothingVerifies(first_byte, path);
  return scan;
}

Ledger::Ledger(Env* env, LogPaths paths, const LogOptions& options)
    : env_(env),
      paths_(std::move(paths)),
      bytes_max_(options.ledger_bytes_max),
      durability_(options.durability) {}

LedgerRecord Ledger::Record(LedgerTag tag, uint64_t term, uint64_t index, uint64_t segment_seq) {
  return {term, index, segment_seq, static_cast<uint8_t>(tag), env_->WallClockMs()};
}

Status Ledger::Create() {
  StatusOr<std::unique_ptr<File>> file =
      CreateZeroFile(env_, paths_.LedgerNext(), bytes_max_, nullptr);
  if (!file.ok()) return file.status();
  return SwitchTo(std::move(*file));
}

Status Ledger::Adopt(const LedgerScan& scan) {
  StatusOr<std::unique_ptr<File>> file = env_->OpenFile(paths_.Ledger(), OpenMode::kReadWrite);
  if (!file.ok()) return file.status();
  file_ = std::move(*file);
  file_bytes_ = scan.file_bytes;
  // On a fresh page: a write that tears takes none of the records along that this open relied on.
  offset_ = NextPageSlot(scan.end_offset);
  newest_ = {scan.proven_block, scan.proof_segment, scan.proof_last_index, 0, false};
  newest_entry_ = scan.newest_entry;
  prefix_ = {scan.prefix_segment, scan.prefix_index};
  if (scan.nonzero_end > offset_) {
    RETURN_IF_ERROR(WriteZeros(file_.get(), offset_, scan.nonzero_end));
  }
  // Also makes durable what an earlier process left unsynced and this one just relied on.
  return file_->SyncData();
}

Status Ledger::EnsureRoom() {
  if (offset_ + kProofBytesMax + kLedgerRecordBytes <= file_bytes_) return Status::Ok();
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

Status Ledger::SwitchTo(std::unique_ptr<File> file) {
  std::array<std::byte, kOpeningRecordsMax * kLedgerRecordBytes> opening;
  size_t bytes = 0;
  const auto add = [&](const LedgerRecord& record) {
    EncodeLedgerRecord(record, opening.data() + bytes);
    bytes += kLedgerRecordBytes;
  };
  add(Record(LedgerTag::kTransition, 0, static_cast<uint64_t>(durability_), 0));
  add(Record(LedgerTag::kPrefix, 0, prefix_.first_index, prefix_.first_segment));
  if (newest_entry_) add(*newest_entry_);
  if (newest_.block != 0) {
    add(Record(LedgerTag::kBlock, newest_.block, newest_.last_index, newest_.segment_seq));
  }
  RETURN_IF_ERROR(file->WriteAt(0, {opening.data(), bytes}));
  RETURN_IF_ERROR(file->SyncData());
  RETURN_IF_ERROR(env_->RenameFile(paths_.LedgerNext(), paths_.Ledger()));
  const Status synced = env_->SyncDirectory(paths_.wal);
  // Whether the old or the new file is the ledger after a crash is not known: no proof could be
  // relied on.
  if (!synced.ok()) return Poisoned(synced);
  file_ = std::move(file);
  file_bytes_ = bytes_max_;
  offset_ = NextPageSlot(bytes);
  return Status::Ok();
}

Status Ledger::WriteProof(const Proof& proof) {
  std::array<std::byte, kProofBytesMax> bytes;
  written_bytes_ = 0;
  if (proof.has_entries) {
    const LedgerRecord entry =
        Record(LedgerTag::kEntryOrdered, proof.last_term, proof.last_index, proof.segment_seq);
    EncodeLedgerRecord(entry, bytes.data());
    written_bytes_ += kLedgerRecordBytes;
  }
  EncodeLedgerRecord(Record(LedgerTag::kBlock, proof.block, proof.last_index, proof.segment_seq),
                     bytes.data() + written_bytes_);
  written_bytes_ += kLedgerRecordBytes;
  written_ = proof;
  return file_->WriteAt(offset_, {bytes.data(), static_cast<size_t>(written_bytes_)});
}

Status Ledger::Sync() {
  RETURN_IF_ERROR(file_->SyncData());
  offset_ += written_bytes_;
  written_bytes_ = 0;
  newest_ = written_;
  if (written_.has_entries) {
    newest_entry_ = Record(LedgerTag::kEntryOrdered, written_.last_term, written_.last_index,
                           written_.segment_seq);
  }
  return Status::Ok();
}

Status Ledger::Rollback() {
  RETURN_IF_ERROR(WriteZeros(file_.get(), offset_, offset_ + written_bytes_));
  written_bytes_ = 0;
  return file_->SyncData();
}

void Ledger::StartPage() { offset_ = NextPageSlot(offset_); }

Status Ledger::RecordPrefix(const LogPrefix& prefix) {
  StartPage();
  RETURN_IF_ERROR(EnsureRoom());
  std::array<std::byte, kLedgerRecordBytes> bytes;
  EncodeLedgerRecord(Record(LedgerTag::kPrefix, 0, prefix.first_index, prefix.first_segment),
                     bytes.data());
  written_bytes_ = kLedgerRecordBytes;
  const Status written = file_->WriteAt(offset_, bytes);
  if (!written.ok()) {
    const Status undone = Rollback();
    return undone.ok() ? written : Poisoned(undone);
  }
  const Status synced = file_->SyncData();
  if (!synced.ok()) return Poisoned(synced);
  offset_ = NextPageSlot(offset_ + kLedgerRecordBytes);
  written_bytes_ = 0;
  prefix_ = prefix;
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
