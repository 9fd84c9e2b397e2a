#include "wal/scan.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace clustor {

namespace {

class Scanner {
 public:
  Scanner(Env* env, const LogPaths& paths, const LogIdentity& identity)
      : env_(env), paths_(paths), identity_(identity) {}

  Status Run();
  DirectoryScan Take() { return std::move(scan_); }

 private:
  Status ScanLedgerFile(bool has_segments);
  Status ScanSegments(std::vector<uint64_t> numbers);
  Status ScanSegment(uint64_t segment_seq, bool newest);
  Status ScanHeader(File* file, uint64_t segment_seq, bool newest,
                    std::optional<SegmentHeader>* header);
  Status ScanBlocks(File* file, const SegmentHeader& header);
  const char* ApplyBlock(const BlockView& block, const SegmentHeader& header);
  Status ExamineTail();
  void Judge();
  void Link(const SegmentHeader& header);
  void Corrupt(uint64_t segment_seq, uint64_t offset, std::string why);

  Env* const env_;
  const LogPaths& paths_;
  const LogIdentity& identity_;
  DirectoryScan scan_;
  uint64_t proven_block_ = 0;
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
  for (const uint64_t segment_seq : numbers) {
    RETURN_IF_ERROR(ScanSegment(segment_seq, segment_seq == numbers.back()));
    if (!scan_.verdict.ok()) return Status::Ok();
  }
  return Status::Ok();
}

Status Scanner::ScanSegment(uint64_t segment_seq, bool newest) {
  const std::string path = paths_.Segment(segment_seq);
  StatusOr<std::unique_ptr<File>> file = env_->OpenFile(path, OpenMode::kReadOnly);
  if (!file.ok()) return file.status();
  std::optional<SegmentHeader> header;
  RETURN_IF_ERROR(ScanHeader(file->get(), segment_seq, newest, &header));
  if (!header) return Status::Ok();
  Link(*header);
  const StatusOr<uint64_t> file_bytes = (*file)->Bytes();
  if (!file_bytes.ok()) return file_bytes.status();
  if (scan_.verdict.ok() && *file_bytes < header->segment_bytes) {
    Corrupt(segment_seq, *file_bytes, "the file is shorter than its header says");
  }
  if (!scan_.verdict.ok()) return Status::Ok();
  scan_.segments.push_back({segment_seq, header->segment_bytes, header->form(), {}});
  scan_.tail_header = *header;
  return ScanBlocks(file->get(), *header);
}

Status Scanner::ScanHeader(File* file, uint64_t segment_seq, bool newest,
                           std::optional<SegmentHeader>* header) {
  std::array<std::byte, kSegmentHeaderBytes> bytes{};
  const StatusOr<size_t> got = file->ReadAt(0, bytes);
  if (!got.ok()) return got.status();
  scan_.bytes_scanned += *got;
  StatusOr<SegmentHeader> decoded = DecodeSegmentHeader(bytes);
  if (decoded.ok() && decoded->segment_seq != segment_seq) {
    Corrupt(segment_seq, 0, "the file holds another segment");
  } else if (decoded.ok() &&
             (decoded->partition != identity_.partition || decoded->replica != identity_.replica)) {
    StatusDetails details;
    details.path = paths_.Segment(segment_seq);
    details.segment = static_cast<int64_t>(segment_seq);
    details.message = details.path + " belongs to partition \"" + decoded->partition +
                      "\", replica " + std::to_string(decoded->replica) + ", expected was \"" +
                      identity_.partition + "\", replica " + std::to_string(identity_.replica);
    scan_.verdict = Status(StatusCode::kIdentityMismatch, std::move(details));
  } else if (decoded.ok()) {
    *header = std::move(*decoded);
  } else if (decoded.status().code() == StatusCode::kFormatNewer) {
    scan_.verdict = decoded.status();
    scan_.verdict.mutable_details().path = paths_.Segment(segment_seq);
    scan_.verdict.mutable_details().segment = static_cast<int64_t>(segment_seq);
  } else if (!newest) {
    Corrupt(segment_seq, 0, decoded.status().message());
  } else {
    const StatusOr<uint64_t> file_bytes = file->Bytes();
    if (!file_bytes.ok()) return file_bytes.status();
    StatusOr<Leftover> behind = ExamineLeftover(file, segment_seq, 0, *file_bytes, scan_.end.block);
    if (!behind.ok()) return behind.status();
    scan_.half_made = segment_seq;
    if (behind->later_block_offset) Corrupt(segment_seq, 0, decoded.status().message());
  }
  return Status::Ok();
}

void Scanner::Link(const SegmentHeader& header) {
  if (scan_.segments.empty()) {
    scan_.end = {header.first_block - 1, header.previous_checksum};
    StartReplay(header.base_index, &scan_.log);
    return;
  }
  if (header.first_block == scan_.end.block + 1 && header.previous_checksum == scan_.end.checksum) {
    return;
  }
  Corrupt(scan_.segments.back().segment_seq, scan_.tail_offset,
          "the next segment continues after block " + std::to_string(header.first_block - 1) +
              ", the chain ends with block " + std::to_string(scan_.end.block) +
              (invalid_why_.empty() ? std::string() : ": " + invalid_why_));
}

Status Scanner::ScanBlocks(File* file, const SegmentHeader& header) {
  BlockReader reader(file, header);
  invalid_why_.clear();
  while (scan_.verdict.ok()) {
    BlockView block;
    const StatusOr<BlockOutcome> outcome = reader.Next(scan_.end, &block, &invalid_why_);
    if (!outcome.ok()) return outcome.status();
    if (*outcome == BlockOutcome::kBrokenChain || *outcome == BlockOutcome::kBadContent) {
      Corrupt(header.segment_seq, reader.offset(), invalid_why_);
    }
    if (*outcome != BlockOutcome::kBlock) break;
    const char* why = ApplyBlock(block, header);
    if (why != nullptr) Corrupt(header.segment_seq, block.offset, why);
  }
  scan_.tail_offset = reader.offset();
  scan_.bytes_scanned += reader.bytes_read();
  return Status::Ok();
}

const char* Scanner::ApplyBlock(const BlockView& block, const SegmentHeader& header) {
  const bool truncates = (block.header.flags & kBlockFlagTruncate) != 0;
  const char* why = ReplayBlock(block, &scan_.log);
  if (why != nullptr) return why;
  if (block.header.number == proven_block_ && scan_.ledger->proof_is_exact &&
      (header.segment_seq != scan_.ledger->proof_segment ||
       block.header.last_index != scan_.ledger->proof_last_index)) {
    return "the newest proof of the ledger names another segment or index for this block";
  }
  if (truncates) {
    const uint64_t from =
        block.header.entry_count > 0 ? block.header.first_index : block.header.last_index + 1;
    for (SegmentSpans& segment : scan_.segments) {
      while (!segment.blocks.empty() && segment.blocks.back().first_index >= from) {
        segment.blocks.pop_back();
      }
    }
  }
  if (block.header.entry_count > 0) {
    scan_.segments.back().blocks.push_back({block.header.first_index,
                                            static_cast<uint32_t>(block.offset / 512),
                                            static_cast<uint32_t>(block.stored.size())});
  }
  scan_.before_end_proof = scan_.end_proof;
  scan_.end_proof = {block.header.number, header.segment_seq, scan_.log.last_index,
                     scan_.log.last_term(), block.header.entry_count > 0};
  scan_.end = {block.header.number, block.checksum};
  scan_.end_position = {header.segment_seq, block.offset, block.stored.size()};
  ++scan_.blocks;
  scan_.entry_bytes += block.plaintext.size();
  scan_.padding_bytes += block.bytes - block.plaintext.size();
  return nullptr;
}

Status Scanner::ExamineTail() {
  if (scan_.segments.empty()) return Status::Ok();
  const SegmentHeader& header = scan_.tail_header;
  StatusOr<std::unique_ptr<File>> file =
      env_->OpenFile(paths_.Segment(header.segment_seq), OpenMode::kReadOnly);
  if (!file.ok()) return file.status();
  StatusOr<Leftover> leftover = ExamineLeftover(file->get(), header.segment_seq, scan_.tail_offset,
                                                header.segment_bytes, scan_.end.block);
  if (!leftover.ok()) return leftover.status();
  scan_.leftover = *leftover;
  scan_.bytes_scanned += leftover->bytes_read;
  return Status::Ok();
}

void Scanner::Judge() {
  if (scan_.segments.empty()) {
    if (proven_block_ > 0) {
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
  } else if (scan_.end.block < proven_block_) {
    const bool in_next = scan_.half_made && scan_.ledger->proof_segment == *scan_.half_made;
    Corrupt(in_next ? *scan_.half_made : scan_.tail_header.segment_seq,
            in_next ? 0 : scan_.tail_offset,
            "the ledger proves blocks up to " + std::to_string(proven_block_) +
                ", the valid chain ends with block " + std::to_string(scan_.end.block) + why);
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
  for (const std::string& name : *names) {
    const std::string path = paths.wal + "/" + name;
    const std::optional<uint64_t> segment_seq = SegmentSeqOfName(name);
    if (segment_seq) {
      numbers.push_back(*segment_seq);
    } else if (IsSpareName(name) || path == paths.LedgerNext()) {
      junk->push_back(path);
    }
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

StatusOr<DirectoryScan> ScanDirectory(Env* env, const LogPaths& paths,
                                      const LogIdentity& identity) {
  Scanner scanner(env, paths, identity);
  RETURN_IF_ERROR(scanner.Run());
  return scanner.Take();
}

}  // namespace clustor
