#include "wal/recovery.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/planted_bug.h"
#include "wal/segment_index.h"
#include "wal/settle.h"
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
  Status RemovePrefix();
  Status Remove(const std::vector<std::string>& paths);
  Status RepairTail();
  Status SettleEnd();
  bool EndIsUnacknowledged() const;
  Status CopyEndBlock();
  Status RewriteHeader();
  Status RewriteEndBlock();
  Status Prove(const Proof& proof);
  StatusOr<std::unique_ptr<File>> OpenSegment(uint64_t segment_seq);
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
  RETURN_IF_ERROR(RemovePrefix());
  if (!scan_->segments.empty()) {
    RETURN_IF_ERROR(RepairTail());
    RETURN_IF_ERROR(SettleEnd());
  } else {
    const LogPrefix& prefix = committer_->ledger()->prefix();
    StartReplay(prefix.first_index, &scan_->log);
    committer_->tail()->StartAt(prefix.first_segment);
  }
  RETURN_IF_ERROR(committer_->ledger()->RecordSettings());
  for (size_t i = 0; i + 1 < scan_->segments.size(); ++i) {
    committer_->indexer()->Add(scan_->segments[i].segment_seq);
  }
  committer_->catalog()->Reset(std::move(scan_->segments), scan_->log.first_index,
                               scan_->log.last_index);
  return committer_->Start(Start());
}

Status Recovery::RemoveFiles() {
  std::vector<std::string> paths = scan_->junk;
  if (scan_->half_made) paths.push_back(paths_.Segment(*scan_->half_made));
  const StatusOr<bool> has_headroom = env_->FileExists(paths_.Headroom());
  if (!has_headroom.ok()) return has_headroom.status();
  if (*has_headroom) paths.push_back(paths_.Headroom());
  return Remove(paths);
}

// The prefix record that says so may be in the page cache alone, after a failed sync in an earlier
// process, and no later sync would bring it to the disk. So it is written again first.
Status Recovery::RemovePrefix() {
  if (scan_->below_prefix.empty()) return Status::Ok();
  const LogPrefix prefix = {scan_->ledger->prefix_segment, scan_->ledger->prefix_index};
  const Status recorded = committer_->ledger()->RecordPrefix(prefix);
  if (recorded.IsShortage()) {
    // They can go at the next open as well.
    scan_->below_prefix.clear();
    return Status::Ok();
  }
  RETURN_IF_ERROR(recorded);
  std::vector<std::string> paths;
  for (const uint64_t segment_seq : scan_->below_prefix) {
    paths.push_back(paths_.Segment(segment_seq));
    RemoveIndex(env_, paths_, segment_seq);
  }
  return Remove(paths);
}

Status Recovery::Remove(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    if (!committer_->spares()->Adopt(path)) RETURN_IF_ERROR(env_->RemoveFile(path));
  }
  // Also makes durable what an earlier process renamed or removed without getting to its sync.
  return env_->SyncDirectory(paths_.wal);
}

Status Recovery::RepairTail() {
  const SegmentHeader& header = scan_->tail_header;
  StatusOr<std::unique_ptr<File>> file = OpenSegment(header.segment_seq);
  if (!file.ok()) return file.status();
  // The header of a block that was dropped is erased, whatever a read says stands there: after a
  // failed sync the page cache may show less than the disk has. Its body means nothing without it;
  // in a file that was always zero behind its end it goes as well.
  const uint64_t offset = scan_->tail_offset;
  uint64_t to = std::min(offset + header.block_alignment, header.blocks_end());
  if (!header.recycled) to = std::max(to, scan_->leftover.nonzero_to);
  if (to > offset) RETURN_IF_ERROR(WriteZeros(file->get(), offset, to));
  // The tail goes on: what sealed it, or was about to, is void.
  if (header.mac_epoch != 0) {
    RETURN_IF_ERROR(WriteZeros(file->get(), header.blocks_end(), header.segment_bytes));
  }
  if (to > offset || header.mac_epoch != 0) RETURN_IF_ERROR((*file)->SyncData());
  committer_->tail()->Adopt(std::move(*file), header, scan_->tail_offset);
  committer_->tail()->UseMac(std::move(scan_->tail_mac));
  return Status::Ok();
}

// After a failed sync in an earlier process, the page cache can show a block that the disk never
// got and that no later sync would write; writing the same bytes again makes them dirty. Only the
// newest block can be in that state, and only while it is not proven: a block is written after the
// one before it was synced. Writing in place can tear, so the one before it is proven first, and a
// copy is kept of a block that may have been acknowledged (docs/wal-format.md, section 8).
Status Recovery::SettleEnd() {
  const uint64_t proven = scan_->ledger->proven_block;
  const bool unproven = scan_->end.block > proven && scan_->end_proof.block != 0;
  if (unproven && scan_->before_end_proof.block > proven) {
    RETURN_IF_ERROR(Prove(scan_->before_end_proof));
  }
  if (unproven && !EndIsUnacknowledged() && !IsPlanted(PlantedBug::kSkipSettlingCopy)) {
    RETURN_IF_ERROR(CopyEndBlock());
  }
  const bool tail_is_new = scan_->end_position.segment_seq != scan_->tail_header.segment_seq ||
                           scan_->end_position.offset == kSegmentHeaderBytes;
  if (tail_is_new && (unproven || scan_->tail_offset == kSegmentHeaderBytes)) {
    RETURN_IF_ERROR(RewriteHeader());
  }
  if (unproven) {
    RETURN_IF_ERROR(RewriteEndBlock());
    RETURN_IF_ERROR(Prove(scan_->end_proof));
  } else if (scan_->end_proof.block != 0) {
    // Known by what stands behind it; a fast setting confirms it.
    Proof end = scan_->end_proof;
    end.has_entries = false;
    committer_->ledger()->NoteDurable(end);
  }
  return RemoveSettlingCopy(env_, paths_);
}

// Under the ordered setting a block that nothing proves was promised to nobody. Which setting it
// was written under, the newest transition record says: it was synced before the first block.
bool Recovery::EndIsUnacknowledged() const {
  const std::optional<LedgerSettings>& settings = scan_->ledger->settings;
  return settings && settings->ledger == LedgerSetting::kOrdered;
}

Status Recovery::CopyEndBlock() {
  const BlockPosition& end = scan_->end_position;
  SettlingCopy copy;
  copy.segment_seq = end.segment_seq;
  copy.block = scan_->end.block;
  // The header of a segment is written again with its first block.
  copy.offset = end.offset == kSegmentHeaderBytes ? 0 : end.offset;
  copy.bytes.resize(static_cast<size_t>(end.offset + end.bytes - copy.offset));
  StatusOr<std::unique_ptr<File>> file = OpenSegment(end.segment_seq);
  if (!file.ok()) return file.status();
  const StatusOr<size_t> got = (*file)->ReadAt(copy.offset, copy.bytes);
  if (!got.ok()) return got.status();
  return SaveSettlingCopy(env_, paths_, copy);
}

// The header of a segment becomes durable with its first block.
Status Recovery::RewriteHeader() {
  std::array<std::byte, kSegmentHeaderBytes> bytes;
  EncodeSegmentHeader(scan_->tail_header, bytes);
  StatusOr<std::unique_ptr<File>> file = OpenSegment(scan_->tail_header.segment_seq);
  if (!file.ok()) return file.status();
  RETURN_IF_ERROR((*file)->WriteAt(0, bytes));
  return (*file)->SyncData();
}

Status Recovery::RewriteEndBlock() {
  const BlockPosition& end = scan_->end_position;
  StatusOr<std::unique_ptr<File>> file = OpenSegment(end.segment_seq);
  if (!file.ok()) return file.status();
  std::vector<std::byte> bytes(static_cast<size_t>(end.bytes));
  const StatusOr<size_t> got = (*file)->ReadAt(end.offset, bytes);
  if (!got.ok()) return got.status();
  RETURN_IF_ERROR((*file)->WriteAt(end.offset, bytes));
  return (*file)->SyncData();
}

StatusOr<std::unique_ptr<File>> Recovery::OpenSegment(uint64_t segment_seq) {
  return env_->OpenFile(paths_.Segment(segment_seq), OpenMode::kReadWrite);
}

Status Recovery::Prove(const Proof& proof) {
  Ledger* ledger = committer_->ledger();
  RETURN_IF_ERROR(ledger->EnsureRoom(RoomFor::kState));
  RETURN_IF_ERROR(ledger->WriteProof(proof));
  RETURN_IF_ERROR(ledger->Sync());
  ledger->StartPage();
  return Status::Ok();
}

CommitterStart Recovery::Start() {
  CommitterStart start;
  start.end.hard_state = scan_->log.hard_state.value_or(HardState());
  start.end.last_index = scan_->log.last_index;
  start.end.last_term = scan_->log.last_term();
  uint64_t index = scan_->log.first_index;
  for (const EntryRun& run : scan_->log.runs) {
    start.end.terms.Append(index, run.term);
    index += run.count;
  }
  start.chain = scan_->end;
  start.end_segment = scan_->end_position.segment_seq;
  start.next_counter = scan_->tail_next_counter;
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
  report->hard_state = scan->log.hard_state.value_or(HardState());
  report->entries.first_index = scan->log.first_index;
  report->entries.last_index = scan->log.last_index;
  if (scan->log.keep_lengths) {
    report->entries.runs = std::move(scan->log.runs);
    report->entries.byte_lengths = std::move(scan->log.byte_lengths);
  }
  if (!scan->segments.empty()) {
    report->segments = scan->segments.size();
    report->tail_segment = scan->tail_header.segment_seq;
    report->tail_offset = scan->tail_offset;
  }
  report->valid_block = scan->end.block;
  if (scan->ledger) {
    report->proven_block = scan->ledger->proven_block;
    report->proven_index = scan->ledger->newest_entry ? scan->ledger->newest_entry->index : 0;
    report->ledger_records = scan->ledger->records;
    report->ledger_records_bad = scan->ledger->records_bad;
  }
  report->torn_bytes_dropped = scan->leftover.torn_bytes;
  report->unproven_blocks = scan->end.block - std::min(scan->end.block, report->proven_block);
  report->segments_removed = scan->below_prefix.size() + (scan->half_made ? 1 : 0);
  report->bytes_scanned = scan->bytes_scanned;
}

}  // namespace clustor
