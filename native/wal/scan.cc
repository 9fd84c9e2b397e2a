#include "wal/scan.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/planted_bug.h"
#include "wal/anchor.h"

namespace clustor {

namespace {

class Scanner {
 public:
  Scanner(Env* env, const LogPaths& paths, const LogIdentity& identity, const ScanOptions& options)
      : env_(env), paths_(paths), identity_(identity), options_(options) {}

  Status Run();
  DirectoryScan Take() { return std::move(scan_); }

 private:
  Status ScanLedgerFile(bool has_segments);
  Status ScanSegments(std::vector<uint64_t> numbers);
  Status AnnounceBytes(const std::vector<uint64_t>& numbers);
  Status Merge(SegmentScan* segment, bool newest);
  Status MergeRefused(const SegmentScan& segment, bool newest);
  StatusOr<bool> HasLaterBlock(const SegmentScan& segment);
  void Link(const SegmentScan& segment);
  void Replay(SegmentScan* segment);
  void DropSpans(uint64_t from);
  Proof Complete(Proof proof) const;
  Status ExamineTail();
  void Judge();
  void Corrupt(uint64_t segment_seq, uint64_t offset, std::string why);

  Env* const env_;
  const LogPaths& paths_;
  const LogIdentity& identity_;
  const ScanOptions& options_;
  DirectoryScan scan_;
  uint64_t proven_block_ = 0;
  TrailerState tail_trailer_ = TrailerState::kNone;  // Of the segment merged last.
  std::string invalid_why_;  // Why the chain ended in the segment read last.
};

void Scanner::Corrupt(uint64_t segment_seq, uint64_t offset, std::string why) {
  if (!scan_.verdict.ok()) return;
  StatusDetails details;
  details.path = paths_.Segment(segment_seq);
  details.segment = static_cast<int64_t>(segment_seq);
  details.offset = static_cast<int64_t>(offset);
  const uint64_t first_lost = scan_.log.last_index + 1;
  if (scan_.ledger && scan_.ledger->proof_last_index >= first_lost) {
    details.first_index = static_cast<int64_t>(first_lost);
    details.last_index = static_cast<int64_t>(scan_.ledger->proof_last_index);
  }
  details.message = "the log is damaged in segment " + std::to_string(segment_seq) + " at offset " +
                    std::to_string(offset) + ": " + std::move(why) +
                    ". Nothing was changed; `clustor log verify` says more.";
  scan_.verdict = Status(StatusCode::kLogCorrupt, std::move(details));
}

Status Scanner::Run() {
  StatusOr<std::vector<uint64_t>> numbers = ListSegments(env_, paths_, &scan_.junk);
  if (!numbers.ok()) return numbers.status();
  RETURN_IF_ERROR(ScanLedgerFile(!numbers->empty()));
  if (!scan_.verdict.ok() || !scan_.ledger) return Status::Ok();
  proven_block_ = scan_.ledger->proven_block;
  RETURN_IF_ERROR(ScanSegments(std::move(*numbers)));
  if (scan_.verdict.ok()) RETURN_IF_ERROR(ExamineTail());
  if (scan_.verdict.ok()) Judge();
  return Status::Ok();
}

Status Scanner::ScanLedgerFile(bool has_segments) {
  const std::string path = paths_.Ledger();
  const StatusOr<bool> exists = env_->FileExists(path);
  if (!exists.ok()) return exists.status();
  if (!*exists) {
    if (!has_segments) return Status::Ok();
    StatusDetails details;
    details.path = path;
    details.message = "there are segments but no durability ledger at " + path +
                      ": what was durable cannot be told. Nothing was changed.";
    scan_.verdict = Status(StatusCode::kLogCorrupt, std::move(details));
    return Status::Ok();
  }
  StatusOr<std::unique_ptr<File>> file = env_->OpenFile(path, OpenMode::kReadOnly);
  if (!file.ok()) return file.status();
  StatusOr<LedgerScan> ledger = ScanLedger(file->get(), path);
  if (ledger.ok()) {
    scan_.bytes_scanned += ledger->file_bytes;
    scan_.ledger = std::move(*ledger);
    return Status::Ok();
  }
  const StatusCode code = ledger.status().code();
  if (code != StatusCode::kCodecMismatch && code != StatusCode::kLogCorrupt) {
    return ledger.status();
  }
  scan_.verdict = ledger.status();
  return Status::Ok();
}

Status Scanner::ScanSegments(std::vector<uint64_t> numbers) {
  const uint64_t first = scan_.ledger->prefix_segment;
  const auto live = std::lower_bound(numbers.begin(), numbers.end(), first);
  scan_.below_prefix.assign(numbers.begin(), live);
  numbers.erase(numbers.begin(), live);
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (numbers[i] != first + i) {
      Corrupt(first + i, 0, "the segment is missing");
      return Status::Ok();
    }
  }
  if (options_.progress != nullptr) RETURN_IF_ERROR(AnnounceBytes(numbers));
  const SegmentScanContext context = {env_, &paths_, &identity_, &options_, proven_block_};
  std::vector<SegmentScan> segments = ScanAllSegments(context, first, numbers.size());
  for (SegmentScan& segment : segments) {
    RETURN_IF_ERROR(Merge(&segment, segment.segment_seq == numbers.back()));
    if (!scan_.verdict.ok()) return Status::Ok();
    segment = SegmentScan();
  }
  return Status::Ok();
}

Status Scanner::AnnounceBytes(const std::vector<uint64_t>& numbers) {
  for (const uint64_t segment_seq : numbers) {
    StatusOr<std::unique_ptr<File>> file =
        env_->OpenFile(paths_.Segment(segment_seq), OpenMode::kReadOnly);
    if (!file.ok()) return file.status();
    const StatusOr<uint64_t> file_bytes = (*file)->Bytes();
    if (!file_bytes.ok()) return file_bytes.status();
    options_.progress->bytes_total.fetch_add(*file_bytes, std::memory_order_relaxed);
  }
  return Status::Ok();
}

// Adds a segment to the log of those before it.
Status Scanner::Merge(SegmentScan* segment, bool newest) {
  scan_.bytes_scanned += segment->bytes_read;
  if (!segment->header) {
    RETURN_IF_ERROR(segment->read);
    return MergeRefused(*segment, newest);
  }
  Link(*segment);
  if (!scan_.verdict.ok()) return Status::Ok();
  RETURN_IF_ERROR(segment->read);
  const uint64_t segment_seq = segment->segment_seq;
  if (segment->file_bytes < segment->header->segment_bytes) {
    Corrupt(segment_seq, segment->file_bytes, "the file is shorter than its header says");
    return Status::Ok();
  }
  Replay(segment);
  scan_.tail_header = std::move(*segment->header);
  scan_.tail_offset = segment->end_offset;
  scan_.tail_next_counter = segment->next_counter;
  scan_.tail_mac = std::move(segment->mac);
  tail_trailer_ = segment->trailer;
  invalid_why_ = std::move(segment->why);
  if (segment->contradiction != nullptr) {
    Corrupt(segment_seq, segment->end_offset, segment->contradiction);
  } else if (segment->outcome == BlockOutcome::kBrokenChain ||
             segment->outcome == BlockOutcome::kBadContent) {
    Corrupt(segment_seq, segment->end_offset, invalid_why_);
  }
  return Status::Ok();
}

// A segment whose header does not verify, or is not this log's.
Status Scanner::MergeRefused(const SegmentScan& segment, bool newest) {
  const Status& why = segment.refused;
  if (why.code() != StatusCode::kLogCorrupt) {
    scan_.verdict = why;
  } else if (segment.header_verifies || !newest) {
    Corrupt(segment.segment_seq, 0, why.message());
  } else {
    scan_.half_made = segment.segment_seq;
    const StatusOr<bool> rotted = HasLaterBlock(segment);
    if (!rotted.ok()) return rotted.status();
    if (*rotted) Corrupt(segment.segment_seq, 0, why.message());
  }
  return Status::Ok();
}

// Whether block v + 2 or a later one stands behind a header that does not verify. The header was
// synced with block v + 1, before them: it rotted. Such blocks are known by the salt. The header
// has it, and should the rot be there, so has the first block.
StatusOr<bool> Scanner::HasLaterBlock(const SegmentScan& segment) {
  StatusOr<std::unique_ptr<File>> file =
      env_->OpenFile(paths_.Segment(segment.segment_seq), OpenMode::kReadOnly);
  if (!file.ok()) return file.status();
  const auto examine = [&](const SegmentHeader& header) -> StatusOr<bool> {
    StatusOr<Leftover> behind = ExamineLeftover(file->get(), header, 0, scan_.end.block);
    if (!behind.ok()) return behind.status();
    return behind->later_block_offset.has_value();
  };
  SegmentHeader header = segment.remains;
  // Without a salt the header never got that far, and what stands behind it is of older lives.
  if (header.cipher != 0 || header.salt != KeySalt{}) {
    const StatusOr<bool> found = examine(header);
    if (!found.ok() || *found) return found;
  }
  const std::optional<BlockHeader>& first = segment.first_block;
  if (!first || first->segment_seq != segment.segment_seq || first->number != scan_.end.block + 1) {
    return false;
  }
  header.cipher = first->IsEncrypted() ? kCipherAes256Gcm : kCipherNone;
  header.salt = first->key_salt;
  return examine(header);
}

void Scanner::Link(const SegmentScan& segment) {
  const SegmentHeader& header = *segment.header;
  if (scan_.segments.empty()) {
    scan_.end = {header.first_block - 1, header.previous_checksum};
    if (options_.anchor && options_.anchor->block == scan_.end.block) {
      scan_.anchor_checksum = scan_.end.checksum;
    }
    scan_.log.keep_lengths = options_.list_entries;
    StartReplay(header.base_index, &scan_.log);
  } else if (header.first_block != scan_.end.block + 1 ||
             header.previous_checksum != scan_.end.checksum) {
    Corrupt(scan_.segments.back().segment_seq, scan_.tail_offset,
            "the next segment continues after block " + std::to_string(header.first_block - 1) +
                ", the chain ends with block " + std::to_string(scan_.end.block) +
                (invalid_why_.empty() ? std::string() : ": " + invalid_why_));
  } else if (scan_.tail_header.mac_epoch != 0 && tail_trailer_ != TrailerState::kValid) {
    Corrupt(scan_.segments.back().segment_seq, scan_.tail_header.blocks_end(),
            tail_trailer_ == TrailerState::kNone
                ? "the segment is sealed, but its trailer is missing"
                : "the trailer does not belong to the blocks: they are not those that were sealed");
  } else if (header.base_index != scan_.log.last_index + 1) {
    Corrupt(segment.segment_seq, 0,
            "its base index is " + std::to_string(header.base_index) + ", the log before it ends " +
                "with index " + std::to_string(scan_.log.last_index));
  }
}

void Scanner::Replay(SegmentScan* segment) {
  const Proof end_proof = Complete(segment->end_proof);
  const Proof before_end_proof = Complete(segment->before_end_proof);
  const Junction* fall = ReplaySegment(segment->log, &scan_.log);
  if (fall != nullptr) {
    scan_.end.block = fall->block - 1;
    Corrupt(segment->segment_seq, fall->block_offset, "the terms fall");
    return;
  }
  if (segment->watched && scan_.ledger->proof_is_exact &&
      (segment->segment_seq != scan_.ledger->proof_segment ||
       segment->watched->last_index != scan_.ledger->proof_last_index)) {
    scan_.log.Truncate(std::min(scan_.log.last_index, segment->watched->last_index) + 1);
    scan_.end.block = proven_block_ - 1;
    Corrupt(segment->segment_seq, segment->watched->offset,
            "the newest proof of the ledger names another segment or index for this block");
    return;
  }
  DropSpans(segment->log.first_index);
  scan_.segments.push_back({segment->segment_seq, segment->header->segment_bytes,
                            segment->header->form(), segment->header->dek_epoch,
                            segment->header->mac_epoch, std::move(segment->spans)});
  if (segment->blocks > 0) {
    scan_.before_end_proof = segment->blocks > 1 ? before_end_proof : scan_.end_proof;
    scan_.end_proof = end_proof;
    scan_.end_position = segment->end_position;
  }
  scan_.end = segment->end;
  if (segment->anchor_checksum) scan_.anchor_checksum = segment->anchor_checksum;
  scan_.blocks += segment->blocks;
  scan_.entry_bytes += segment->entry_bytes;
  scan_.padding_bytes += segment->padding_bytes;
}

// The segment truncates the log before it.
void Scanner::DropSpans(uint64_t from) {
  for (SegmentSpans& segment : scan_.segments) {
    while (!segment.blocks.empty() && segment.blocks.back().first_index >= from) {
      segment.blocks.pop_back();
    }
  }
}

// A proof of a segment with the term that only the log before it knows.
Proof Scanner::Complete(Proof proof) const {
  if (proof.last_term == 0) proof.last_term = scan_.log.TermAt(proof.last_index);
  return proof;
}

Status Scanner::ExamineTail() {
  if (scan_.segments.empty()) return Status::Ok();
  const SegmentHeader& header = scan_.tail_header;
  StatusOr<std::unique_ptr<File>> file =
      env_->OpenFile(paths_.Segment(header.segment_seq), OpenMode::kReadOnly);
  if (!file.ok()) return file.status();
  StatusOr<Leftover> leftover =
      ExamineLeftover(file->get(), header, scan_.tail_offset, scan_.end.block);
  if (!leftover.ok()) return leftover.status();
  scan_.leftover = *leftover;
  scan_.bytes_scanned += leftover->bytes_read;
  return Status::Ok();
}

void Scanner::Judge() {
  if (scan_.segments.empty()) {
    // A prefix that was moved says that there were segments, too.
    if (proven_block_ > 0 || scan_.ledger->prefix_segment > 1) {
      Corrupt(scan_.ledger->prefix_segment, 0,
              scan_.half_made ? "the segment has no valid header" : "the segment is missing");
    }
    return;
  }
  const std::string why = invalid_why_.empty() ? std::string() : " (" + invalid_why_ + ")";
  if (scan_.leftover.later_block_offset) {
    Corrupt(scan_.tail_header.segment_seq, scan_.tail_offset,
            "block " + std::to_string(scan_.leftover.later_block) + " is there, block " +
                std::to_string(scan_.end.block + 1) + " before it is not" + why);
  } else if (scan_.end.block < proven_block_ && !IsPlanted(PlantedBug::kIgnoreLedger)) {
    const bool in_next = scan_.half_made && scan_.ledger->proof_segment == *scan_.half_made;
    Corrupt(in_next ? *scan_.half_made : scan_.tail_header.segment_seq,
            in_next ? 0 : scan_.tail_offset,
            "the ledger proves blocks up to " + std::to_string(proven_block_) +
                ", the valid chain ends with block " + std::to_string(scan_.end.block) + why);
  } else if (tail_trailer_ == TrailerState::kWrong) {
    // A crash leaves a trailer of exactly these blocks, or none.
    Corrupt(scan_.tail_header.segment_seq, scan_.tail_header.blocks_end(),
            "the trailer does not belong to the blocks: they are not those that were sealed");
  }
}

}  // namespace

StatusOr<std::vector<uint64_t>> ListSegments(Env* env, const LogPaths& paths,
                                             std::vector<std::string>* junk) {
  std::vector<uint64_t> numbers;
  StatusOr<std::vector<std::string>> names = env->ListDirectory(paths.wal);
  if (!names.ok()) {
    if (names.status().details().os_errno == ENOENT) return numbers;
    return names.status();
  }
  std::vector<uint64_t> indexes;
  for (const std::string& name : *names) {
    const std::string path = paths.wal + "/" + name;
    const std::optional<uint64_t> segment_seq = SegmentSeqOfName(name);
    const std::optional<uint64_t> index_seq = IndexSeqOfName(name);
    if (segment_seq) {
      numbers.push_back(*segment_seq);
    } else if (index_seq) {
      indexes.push_back(*index_seq);
    } else if (IsSpareName(name) || IsRewriteName(name) || path == paths.LedgerNext()) {
      junk->push_back(path);
    }
  }
  std::sort(numbers.begin(), numbers.end());
  for (const uint64_t index_seq : indexes) {
    if (!std::binary_search(numbers.begin(), numbers.end(), index_seq)) {
      junk->push_back(paths.Index(index_seq));
    }
  }
  return numbers;
}

StatusOr<DirectoryScan> ScanDirectory(Env* env, const LogPaths& paths, const LogIdentity& identity,
                                      const ScanOptions& options) {
  Scanner scanner(env, paths, identity, options);
  RETURN_IF_ERROR(scanner.Run());
  DirectoryScan scan = scanner.Take();
  if (scan.verdict.ok() && options.anchor) {
    scan.verdict = CheckAnchor(scan, *options.anchor, paths);
  }
  return scan;
}

}  // namespace clustor
