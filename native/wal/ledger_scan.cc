#include "wal/ledger_scan.h"

#include <algorithm>
#include <span>
#include <vector>

#include "wal/ledger_codec.h"

namespace clustor {

namespace {

bool IsZero(std::span<const std::byte> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

bool AnyVerifies(LedgerCodec codec, std::span<const std::byte> bytes) {
  const size_t slot_bytes = LedgerSlotBytes(codec);
  LedgerRecord record;
  for (; bytes.size() >= slot_bytes; bytes = bytes.subspan(slot_bytes)) {
    if (DecodeLedgerSlot(codec, bytes.first(slot_bytes), &record)) return true;
  }
  return false;
}

Status NothingVerifies(const std::string& path) {
  StatusDetails details;
  details.path = path;
  details.offset = 0;
  details.message = "no record of the durability ledger " + path + " verifies";
  return Status(StatusCode::kLogCorrupt, std::move(details));
}

// Slots of `bytes`, which stand at `offset` of the file.
void ScanSlots(std::span<const std::byte> bytes, uint64_t offset, LedgerScan* scan) {
  const size_t slot_bytes = LedgerSlotBytes(scan->codec);
  for (size_t at = 0; at < bytes.size(); at += slot_bytes) {
    const auto slot = bytes.subspan(at, std::min(slot_bytes, bytes.size() - at));
    if (IsZero(slot)) continue;
    scan->nonzero_end = offset + at + slot.size();
    LedgerRecord record;
    if (!DecodeLedgerSlot(scan->codec, slot, &record)) {
      ++scan->records_bad;
      continue;
    }
    ++scan->records;
    scan->end_offset = offset + at + slot_bytes;
    ApplyLedgerRecord(record, scan);
  }
}

// Blocks up to `block` are durable; the details are those of some block near it.
void ProveAtLeast(uint64_t block, const LedgerRecord& record, LedgerScan* scan) {
  if (block <= scan->proven_block) return;
  scan->proven_block = block;
  scan->proof_segment = record.segment_seq;
  scan->proof_last_index = record.index;
  scan->proof_is_exact = false;
}

void ApplyBlockRecord(const LedgerRecord& record, LedgerScan* scan) {
  if (record.term < scan->proven_block) return;
  scan->proven_block = record.term;
  scan->proof_segment = record.segment_seq;
  scan->proof_last_index = record.index;
  scan->proof_is_exact = true;
}

std::optional<LedgerSettings> SettingsOf(const LedgerRecord& record) {
  if (record.term > 2 || record.index > 1) return std::nullopt;
  return LedgerSettings{static_cast<LedgerSetting>(record.term),
                        static_cast<Durability>(record.index)};
}

}  // namespace

void ApplyLedgerRecord(const LedgerRecord& record, LedgerScan* scan) {
  switch (static_cast<LedgerTag>(record.io_mode)) {
    case LedgerTag::kEntryOrdered:
    case LedgerTag::kEntryInline:
      // Written when its block was durable and not proven, together with the block record behind
      // it. When that one is torn or rotten, this record alone proves one block more.
      scan->newest_entry = record;
      ProveAtLeast(scan->proven_block + 1, record, scan);
      break;
    case LedgerTag::kEntryOverlapped:
      // Its block may not have reached the disk, and the number of a block that did not is given
      // again: this record proves nothing without the claim behind it.
      scan->newest_entry = record;
      break;
    case LedgerTag::kBlock:
      ApplyBlockRecord(record, scan);
      break;
    case LedgerTag::kClaim:
      if (record.term > 0) ProveAtLeast(record.term - 1, record, scan);
      break;
    case LedgerTag::kTransition:
      scan->settings = SettingsOf(record);
      break;
    case LedgerTag::kNonceReservation:
      scan->nonces.Note(record.segment_seq, record.term + record.index);
      break;
    case LedgerTag::kPrefix:
      scan->prefix_segment = std::max(scan->prefix_segment, record.segment_seq);
      scan->prefix_index = std::max(scan->prefix_index, record.index);
      break;
    default:
      break;
  }
}

LedgerCodec DetectLedgerCodec(std::span<const std::byte> bytes) {
  // The first record decides; when it is rotten, any other does.
  LedgerRecord record;
  for (const LedgerCodec codec : {LedgerCodec::kBinary, LedgerCodec::kJson}) {
    const size_t slot_bytes = LedgerSlotBytes(codec);
    if (bytes.size() < slot_bytes) continue;
    if (DecodeLedgerSlot(codec, bytes.first(slot_bytes), &record)) return codec;
  }
  if (AnyVerifies(LedgerCodec::kBinary, bytes)) return LedgerCodec::kBinary;
  return AnyVerifies(LedgerCodec::kJson, bytes) ? LedgerCodec::kJson : LedgerCodec::kBinary;
}

StatusOr<LedgerScan> ScanLedger(File* file, const std::string& path) {
  const StatusOr<uint64_t> file_bytes = file->Bytes();
  if (!file_bytes.ok()) return file_bytes.status();
  LedgerScan scan;
  scan.file_bytes = *file_bytes;
  // About a megabyte, a whole number of slots of either codec: the ledger is read piece by piece.
  constexpr size_t kPieceBytes = kLedgerRecordBytes * kLedgerJsonSlotBytes * 148;
  std::vector<std::byte> piece(
      static_cast<size_t>(std::min<uint64_t>(kPieceBytes, scan.file_bytes)));
  for (uint64_t offset = 0; offset < scan.file_bytes; offset += piece.size()) {
    const StatusOr<size_t> got = file->ReadAt(offset, piece);
    if (!got.ok()) return got.status();
    const std::span<const std::byte> bytes(piece.data(), *got);
    if (offset == 0) scan.codec = DetectLedgerCodec(bytes);
    ScanSlots(bytes, offset, &scan);
  }
  if (scan.records == 0) return NothingVerifies(path);
  return scan;
}

}  // namespace clustor
