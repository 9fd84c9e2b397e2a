#include "wal/recovery.h"

#include <array>
#include <utility>

#include "wal/zero_file.h"

namespace clustor {

namespace {

class Recovery {
 public:
  Recovery(Env* env, const LogPaths& paths, DirectoryScan* scan, Committer* committer)
      : env_(env), paths_(paths), scan_(scan), committer_(committer) {}

  Status Run();

 private:
  Status RemoveFiles();
  Status RepairTail();
  Status RewriteUnproven();
  Status RewriteBlock(File* file, const UnprovenBlock& block);
  Status RewriteHeader();
  Status ProveEnd();
  CommitterStart Start();

  Env* const env_;
  const LogPaths& paths_;
  DirectoryScan* const scan_;
  Committer* const committer_;
};

Status Recovery::Run() {
  RETURN_IF_ERROR(RemoveFiles());
  if (scan_->ledger) {
    RETURN_IF_ERROR(committer_->ledger()->Adopt(*scan_->ledger));
  } else {
    RETURN_IF_ERROR(committer_->ledger()->Create());
  }
  if (!scan_->segments.empty()) {
    RETURN_IF_ERROR(RepairTail());
    RETURN_IF_ERROR(RewriteUnproven());
    RETURN_IF_ERROR(ProveEnd());
  }
  committer_->catalog()->Reset(std::move(scan_->segments), scan_->log.first_index,
                               scan_->log.last_index);
  return committer_->Start(Start());
}

Status Recovery::RemoveFiles() {
  std::vector<std::string> paths = scan_->junk;
  for (const uint64_t segment_seq : scan_->below_prefix) {
    paths.push_back(paths_.Segment(segment_seq));
  }
  if (scan_->half_made) paths.push_back(paths_.Segment(*scan_->half_made));
  for (const std::string& path : paths) RETURN_IF_ERROR(env_->RemoveFile(path));
  // Also makes durable what an earlier process renamed or removed without getting to its sync.
  return env_->SyncDirectory(paths_.wal);
}

Status Recovery::RepairTail() {
  const SegmentHeader& header = scan_->tail_header;
  StatusOr<std::unique_ptr<File>> file =
      env_->OpenFile(paths_.Segment(header.segment_seq), OpenMode::kReadWrite);
  if (!file.ok()) return file.status();
  const Leftover& leftover = scan_->leftover;
  if (leftover.nonzero_to > leftover.nonzero_from) {
    RETURN_IF_ERROR(WriteZeros(file->get(), leftover.nonzero_from, leftover.nonzero_to));
    RETURN_IF_ERROR((*file)->SyncData());
  }
  committer_->tail()->Adopt(std::move(*file), header, scan_->tail_offset);
  return Status::Ok();
}

// After a failed sync in an earlier process, the page cache can show a block that the disk never
// got and that no later sync would write. Writing the same bytes again makes them dirty.
Status Recovery::RewriteUnproven() {
  const bool tail_unproven = scan_->end_segment != scan_->tail_header.segment_seq;
  if (scan_->unproven.empty() && !tail_unproven) return Status::Ok();
  for (const UnprovenBlock& block : scan_->unproven) {
    StatusOr<std::unique_ptr<File>> file =
        env_->OpenFile(paths_.Segment(block.segment_seq), OpenMode::kReadWrite);
    if (!file.ok()) return file.status();
    RETURN_IF_ERROR(RewriteBlock(file->get(), block));
  }
  return RewriteHeader();
}

Status Recovery::RewriteBlock(File* file, const UnprovenBlock& block) {
  std::vector<std::byte> bytes(static_cast<size_t>(block.bytes));
  const StatusOr<size_t> got = file->ReadAt(block.offset, bytes);
  if (!got.ok()) return got.status();
  RETURN_IF_ERROR(file->WriteAt(block.offset, bytes));
  return file->SyncData();
}

// The header of a segment becomes durable with its first block.
Status Recovery::RewriteHeader() {
  StatusOr<std::unique_ptr<File>> file =
      env_->OpenFile(paths_.Segment(scan_->tail_header.segment_seq), OpenMode::kReadWrite);
  if (!file.ok()) return file.status();
  std::array<std::byte, kSegmentHeaderBytes> bytes;
  EncodeSegmentHeader(scan_->tail_header, bytes);
  RETURN_IF_ERROR((*file)->WriteAt(0, bytes));
  return (*file)->SyncData();
}

Status Recovery::ProveEnd() {
  if (scan_->unproven.empty()) return Status::Ok();
  Ledger* ledger = committer_->ledger();
  RETURN_IF_ERROR(ledger->EnsureRoom());
  const ReplayedLog& log = scan_->log;
  RETURN_IF_ERROR(ledger->WriteProof({scan_->end.block, scan_->end_segment, log.last_index,
                                      log.last_term(), log.last_index >= log.first_index}));
  return ledger->Sync();
}

CommitterStart Recovery::Start() {
  CommitterStart start;
  start.end.hard_state = scan_->log.hard_state;
  start.end.last_index = scan_->log.last_index;
  start.end.last_term = scan_->log.last_term();
  uint64_t index = scan_->log.first_index;
  for (const EntryRun& run : scan_->log.runs) {
    start.end.terms.Append(index, run.term);
    index += run.count;
  }
  start.chain = scan_->end;
  start.end_segment = scan_->end_segment;
  return start;
}

}  // namespace

Status Recover(Env* env, const LogPaths& paths, DirectoryScan* scan, Committer* committer,
               RecoveryReport* report) {
  const uint64_t start_ns = env->MonotonicNs();
  RETURN_IF_ERROR(Recovery(env, paths, scan, committer).Run());
  const LogStats stats = committer->Stats();
  report->tail_segment = stats.tail_segment;
  report->tail_offset = stats.tail_offset;
  report->segments = stats.segments;
  FillReport(scan, report);
  report->repair_ns = env->MonotonicNs() - start_ns;
  return Status::Ok();
}

void FillReport(DirectoryScan* scan, RecoveryReport* report) {
  report->hard_state = scan->log.hard_state;
  report->entries.first_index = scan->log.first_index;
  report->entries.last_index = scan->log.last_index;
  report->entries.runs = std::move(scan->log.runs);
  report->entries.byte_lengths = std::move(scan->log.byte_lengths);
  report->valid_block = scan->end.block;
  if (scan->ledger) {
    report->proven_block = scan->ledger->proven_block;
    report->proven_index = scan->ledger->newest_entry ? scan->ledger->newest_entry->index : 0;
    report->ledger_records = scan->ledger->records;
    report->ledger_records_bad = scan->ledger->records_bad;
  }
  report->torn_bytes_dropped = scan->leftover.nonzero_to - scan->leftover.nonzero_from;
  report->unproven_blocks = scan->unproven.size();
  report->segments_removed = scan->below_prefix.size() + (scan->half_made ? 1 : 0);
  report->bytes_scanned = scan->bytes_scanned;
}

}  // namespace clustor
