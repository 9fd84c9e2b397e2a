#include "wal/rewrite.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/coding.h"
#include "wal/identity.h"
#include "wal/log_copy.h"
#include "wal/open.h"
#include "wal/rewrite_flip.h"
#include "wal/scan.h"
#include "wal/segment_index.h"
#include "wal/stored_frames.h"

namespace clustor {

namespace {

constexpr uint64_t kSegmentBytesMax = 1 << 30;

// Completions of a log that takes no writes.
class NoSink final : public CompletionSink {
 public:
  void OnComplete(Completion) override {}
};

StoredForm FormOf(const LogOptions& options) {
  return {options.encoding == LogEncoding::kJson, options.merkle_leaves};
}

// How much room the new segments take.
struct Room {
  uint64_t segments = 1;
  uint64_t used = kSegmentHeaderBytes;  // Of the last one.
  uint64_t block_bytes_max = 0;
};

class Rewriter {
 public:
  Rewriter(Env* env, LogOptions options)
      : env_(env),
        options_(std::move(options)),
        paths_(PathsOf(options_.directory, options_.wal_directory)) {}

  StatusOr<RewriteReport> Run();

 private:
  using Visit = Status (Rewriter::*)(const BlockView&);

  Status Settle();
  Status Claim();
  Status RemoveJunk();
  Status FindStart();
  Status CheckRoom();
  Status Measure(const BlockView& block);
  Status Copy();
  Status CopyBlock(const BlockView& block);
  Status CheckCopy();
  std::vector<NonceRange> UnusedCounters() const;
  Status Flip();
  Status RemoveOld();
  Status VisitBlocks(Visit visit);
  Status RemoveFiles(const std::string& directory, const std::vector<std::string>& names);

  Env* const env_;
  LogOptions options_;
  const LogPaths paths_;
  std::unique_ptr<FileLock> lock_;
  DirectoryScan scan_;
  LogStart start_;  // Of the new log.
  Room room_;
  std::unique_ptr<LogCopy> copy_;
  RewriteReport report_;
};

StatusOr<RewriteReport> Rewriter::Run() {
  const StatusOr<LogIdentity> identity = ReadIdentity(env_, paths_);
  if (!identity.ok()) return identity.status();
  options_.identity = *identity;
  options_.recover_entries = false;
  RETURN_IF_ERROR(Settle());
  RETURN_IF_ERROR(Claim());
  RETURN_IF_ERROR(RemoveJunk());
  RETURN_IF_ERROR(CheckRoom());
  const Status copied = Copy();
  if (!copied.ok()) {
    copy_.reset();
    // The space goes back; what stays behind is removed by open.
    if (!RemoveJunk().ok()) return copied;
    return copied;
  }
  RETURN_IF_ERROR(Flip());
  RETURN_IF_ERROR(RemoveOld());
  return report_;
}

// Opens and closes the log: torn ends are gone after that, and every block is proven.
Status Rewriter::Settle() {
  NoSink sink;
  StatusOr<std::unique_ptr<Log>> log = Log::Open(env_, options_, nullptr, &sink);
  if (!log.ok()) return log.status();
  return (*log)->Close();
}

Status Rewriter::Claim() {
  StatusOr<std::unique_ptr<FileLock>> lock = ClaimDirectories(env_, paths_);
  if (!lock.ok()) return lock.status();
  lock_ = std::move(*lock);
  StatusOr<DirectoryScan> scan =
      ScanDirectory(env_, paths_, options_.identity, ScanOptionsOf(options_));
  if (!scan.ok()) return scan.status();
  RETURN_IF_ERROR(scan->verdict);
  if (!scan->ledger || scan->segments.empty() || scan->end.block > scan->ledger->proven_block) {
    return Status(StatusCode::kLocked,
                  "somebody else had the log open in between and did not close it; start again");
  }
  scan_ = std::move(*scan);
  return FindStart();
}

// Behind the newest segment, with the first block of the oldest.
Status Rewriter::FindStart() {
  BlockWalker walker(env_, paths_, options_.keys);
  RETURN_IF_ERROR(walker.OpenSegment(scan_.segments.front().segment_seq));
  const SegmentHeader& oldest = walker.header();
  start_ = {scan_.segments.back().segment_seq + 1, oldest.base_index, oldest.first_block};
  return Status::Ok();
}

// What the old segments reserved and no block of theirs uses. Of those before the newest the ledger
// said so when they were sealed.
std::vector<NonceRange> Rewriter::UnusedCounters() const {
  std::vector<NonceRange> unused;
  const uint64_t newest = scan_.segments.back().segment_seq;
  for (const auto& [segment_seq, end] : scan_.ledger->nonces.all()) {
    const uint64_t used = segment_seq == newest ? scan_.tail_next_counter : 0;
    if (segment_seq < newest || used >= end) continue;
    unused.push_back({LedgerTag::kNonceAbandon, segment_seq, used, end - used});
  }
  return unused;
}

Status Rewriter::RemoveJunk() {
  for (const std::string& directory : {paths_.wal, paths_.directory}) {
    const StatusOr<std::vector<std::string>> names = env_->ListDirectory(directory);
    if (!names.ok()) return names.status();
    std::vector<std::string> junk;
    for (const std::string& name : *names) {
      // Spares and the headroom may have been segments.
      const std::string path = directory + "/" + name;
      if (IsRewriteName(name) || path == paths_.Headroom() ||
          (directory == paths_.wal && IsSpareName(name))) {
        junk.push_back(name);
      }
    }
    RETURN_IF_ERROR(RemoveFiles(directory, junk));
  }
  return Status::Ok();
}

Status Rewriter::RemoveFiles(const std::string& directory, const std::vector<std::string>& names) {
  if (names.empty()) return Status::Ok();
  for (const std::string& name : names) RETURN_IF_ERROR(env_->RemoveFile(directory + "/" + name));
  return env_->SyncDirectory(directory);
}

Status Rewriter::VisitBlocks(Visit visit) {
  BlockWalker walker(env_, paths_, options_.keys);
  for (const SegmentSpans& segment : scan_.segments) {
    RETURN_IF_ERROR(walker.OpenSegment(segment.segment_seq));
    for (;;) {
      BlockView block;
      std::string why;
      const StatusOr<BlockOutcome> outcome = walker.Next(&block, &why);
      if (!outcome.ok()) return outcome.status();
      // The scan saw the chain go on where it ends here only if the disk answers differently now;
      // CheckCopy finds that out.
      if (*outcome != BlockOutcome::kBlock) break;
      RETURN_IF_ERROR((this->*visit)(block));
    }
  }
  return Status::Ok();
}

Status Rewriter::Measure(const BlockView& block) {
  const StoredForm form = FormOf(options_);
  const uint64_t bytes =
      AlignUp(StoredBytesMax(form, block.frames.size(), block.header.entry_count) +
                  BlockOverheadBytesMax(form),
              options_.block_alignment);
  room_.block_bytes_max = std::max(room_.block_bytes_max, bytes);
  // The last page of a sealed segment is its trailer's.
  if (room_.used + bytes + kSegmentHeaderBytes > options_.segment_bytes_max) {
    ++room_.segments;
    room_.used = kSegmentHeaderBytes;
  }
  room_.used += bytes;
  return Status::Ok();
}

Status Rewriter::CheckRoom() {
  RETURN_IF_ERROR(VisitBlocks(&Rewriter::Measure));
  // Room for the trailer of a segment, and for what the overhead of a block leaves open.
  const uint64_t least = AlignUp(
      kSegmentHeaderBytes + room_.block_bytes_max + 2 * kSegmentHeaderBytes, kSegmentHeaderBytes);
  options_.segment_bytes_max = std::max(options_.segment_bytes_max, least);
  if (options_.segment_bytes_max > kSegmentBytesMax) {
    return Status(StatusCode::kTooLarge, "a block takes " + std::to_string(room_.block_bytes_max) +
                                             " bytes in the new form; no segment holds that");
  }
  const StatusOr<uint64_t> free_bytes = env_->FreeBytes(paths_.wal);
  if (!free_bytes.ok()) return free_bytes.status();
  // A segment more for the spare, and a ledger more: one is switched for the next.
  const uint64_t needed = (room_.segments + 1) * options_.segment_bytes_max +
                          2 * options_.ledger_bytes_max + options_.headroom_bytes;
  if (needed <= *free_bytes) return Status::Ok();
  StatusDetails details;
  details.path = paths_.wal;
  details.message = "rewriting the log needs " + std::to_string(needed) + " bytes in " +
                    paths_.wal + ", " + std::to_string(*free_bytes) +
                    " are free. Nothing was changed.";
  return Status(StatusCode::kDiskFull, std::move(details));
}

Status Rewriter::Copy() {
  LogOptions options = options_;
  options.start = start_;
  StatusOr<std::unique_ptr<LogCopy>> copy =
      LogCopy::Make(env_, CopyEnv::Names::kRewrite, std::move(options));
  if (!copy.ok()) return copy.status();
  copy_ = std::move(*copy);
  RETURN_IF_ERROR(VisitBlocks(&Rewriter::CopyBlock));
  RETURN_IF_ERROR(copy_->GiveUp(UnusedCounters()));
  RETURN_IF_ERROR(copy_->Finish());
  return CheckCopy();
}

Status Rewriter::CopyBlock(const BlockView& block) {
  Write write;
  const StatusOr<const char*> why = WriteOfBlock(block, &write);
  if (!why.ok()) return why.status();
  if (*why != nullptr) return Status(StatusCode::kLogCorrupt, *why);
  return copy_->Add(std::move(write));
}

// Reads everything back before the old log goes.
Status Rewriter::CheckCopy() {
  const StatusOr<DirectoryScan> there =
      ScanDirectory(copy_->env(), paths_, options_.identity, ScanOptionsOf(options_));
  if (!there.ok()) return there.status();
  RETURN_IF_ERROR(there->verdict);
  const ReplayedLog& old = scan_.log;
  const ReplayedLog& log = there->log;
  if (there->end.block != scan_.end.block || there->ledger->proven_block != scan_.end.block ||
      log.first_index != old.first_index || log.last_index != old.last_index ||
      log.hard_state != old.hard_state || log.runs != old.runs) {
    return Status(StatusCode::kInternal, "the rewritten log is not the old one; it was dropped");
  }
  report_ = {old.first_index,
             old.last_index,
             there->blocks,
             scan_.segments.size(),
             there->segments.size(),
             start_.segment,
             copy_->stats().bytes_written,
             {there->end.block, there->end.checksum}};
  return Status::Ok();
}

// The new ledger names the new segments as the first of the log: from its rename on, they are.
Status Rewriter::Flip() {
  // Everything that it will rely on has its name for good.
  RETURN_IF_ERROR(env_->SyncDirectory(paths_.wal));
  RETURN_IF_ERROR(env_->RenameFile(paths_.RewriteLedger(), paths_.Ledger()));
  RETURN_IF_ERROR(env_->SyncDirectory(paths_.wal));
  return FinishRewrite(env_, paths_);
}

Status Rewriter::RemoveOld() {
  std::vector<std::string> junk;
  const StatusOr<std::vector<uint64_t>> numbers = ListSegments(env_, paths_, &junk);
  if (!numbers.ok()) return numbers.status();
  for (const uint64_t segment_seq : *numbers) {
    if (segment_seq < start_.segment) {
      RETURN_IF_ERROR(env_->RemoveFile(paths_.Segment(segment_seq)));
      RemoveIndex(env_, paths_, segment_seq);
    }
  }
  for (const std::string& path : junk) RETURN_IF_ERROR(env_->RemoveFile(path));
  RETURN_IF_ERROR(env_->SyncDirectory(paths_.wal));
  return RemoveJunk();
}

}  // namespace

StatusOr<RewriteReport> RewriteDirectory(Env* env, LogOptions options) {
  return Rewriter(env, std::move(options)).Run();
}

}  // namespace clustor
