#include "wal/segment_scan.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <utility>

#include "os/thread.h"
#include "wal/segment_cipher.h"

namespace clustor {

namespace {

class SegmentScanner {
 public:
  SegmentScanner(const SegmentScanContext& context, uint64_t segment_seq) : context_(context) {
    scan_.segment_seq = segment_seq;
    scan_.log.keep_lengths = context.options->list_entries;
  }

  SegmentScan Run();

 private:
  Status Read();
  Status ReadHeader(File* file);
  Status ReadFirstBlock(File* file);
  void UseKeys(StatusDetails details);
  Status ReadBlocks(File* file);
  Status CheckTrailer(File* file);
  const char* ApplyBlock(const BlockView& block);
  void DropSpans(const BlockHeader& block);
  void Progress(uint64_t bytes);

  const SegmentScanContext& context_;
  SegmentScan scan_;
  std::unique_ptr<SegmentCipher> cipher_;  // Null when the segment is not encrypted.
  uint64_t progress_ = 0;
};

SegmentScan SegmentScanner::Run() {
  scan_.read = Read();
  Progress(scan_.file_bytes);
  scan_.spans.shrink_to_fit();
  scan_.log.byte_lengths.shrink_to_fit();
  return std::move(scan_);
}

Status SegmentScanner::Read() {
  StatusOr<std::unique_ptr<File>> file =
      context_.env->OpenFile(context_.paths->Segment(scan_.segment_seq), OpenMode::kReadOnly);
  if (!file.ok()) return file.status();
  RETURN_IF_ERROR(ReadHeader(file->get()));
  const StatusOr<uint64_t> file_bytes = (*file)->Bytes();
  if (!file_bytes.ok()) return file_bytes.status();
  scan_.file_bytes = *file_bytes;
  scan_.remains.segment_bytes = *file_bytes;
  if (!scan_.header_verifies) RETURN_IF_ERROR(ReadFirstBlock(file->get()));
  if (!scan_.header || scan_.file_bytes < scan_.header->segment_bytes) return Status::Ok();
  return ReadBlocks(file->get());
}

Status SegmentScanner::ReadHeader(File* file) {
  std::array<std::byte, kSegmentHeaderBytes> bytes{};
  const StatusOr<size_t> got = file->ReadAt(0, bytes);
  if (!got.ok()) return got.status();
  scan_.bytes_read += *got;
  StatusOr<SegmentHeader> decoded = DecodeSegmentHeader(bytes);
  scan_.header_verifies = decoded.ok();
  StatusDetails details;
  details.path = context_.paths->Segment(scan_.segment_seq);
  details.segment = static_cast<int64_t>(scan_.segment_seq);
  const LogIdentity& identity = *context_.identity;
  if (!decoded.ok()) {
    details.message = decoded.status().message();
    scan_.refused = Status(decoded.status().code(), std::move(details));
    scan_.remains.segment_seq = scan_.segment_seq;
    scan_.remains.cipher = static_cast<uint8_t>(bytes[13]);
    scan_.remains.salt = SegmentSalt(bytes);
  } else if (decoded->segment_seq != scan_.segment_seq) {
    details.message = "the file holds another segment";
    scan_.refused = Status(StatusCode::kLogCorrupt, std::move(details));
  } else if (decoded->partition != identity.partition || decoded->replica != identity.replica ||
             decoded->incarnation != identity.incarnation) {
    details.message = details.path + " belongs to partition \"" + decoded->partition +
                      "\", replica " + std::to_string(decoded->replica) + ", incarnation " +
                      std::to_string(decoded->incarnation) + ", expected was \"" +
                      identity.partition + "\", replica " + std::to_string(identity.replica) +
                      ", incarnation " + std::to_string(identity.incarnation);
    scan_.refused = Status(StatusCode::kIdentityMismatch, std::move(details));
  } else {
    scan_.header = std::move(*decoded);
    UseKeys(std::move(details));
  }
  return Status::Ok();
}

// Where every life of the file has its first block, so nothing but a block was ever written there.
Status SegmentScanner::ReadFirstBlock(File* file) {
  std::array<std::byte, kBlockHeaderBytes> bytes{};
  const StatusOr<size_t> got = file->ReadAt(kSegmentHeaderBytes, bytes);
  if (!got.ok()) return got.status();
  scan_.bytes_read += *got;
  BlockHeader header;
  if (*got == bytes.size() && DecodeBlockHeader(bytes, &header) == nullptr) {
    scan_.first_block = header;
  }
  return Status::Ok();
}

// Without the key nothing can be said of the segment: then it has no header for those who ask.
void SegmentScanner::UseKeys(StatusDetails details) {
  const std::shared_ptr<const KeyRing>& keys = context_.options->keys;
  StatusOr<std::unique_ptr<SegmentCipher>> cipher = SegmentCipher::Create(*scan_.header, keys);
  StatusOr<std::unique_ptr<SegmentMac>> mac = SegmentMac::Create(*scan_.header, keys.get());
  if (cipher.ok() && mac.ok()) {
    cipher_ = std::move(*cipher);
    scan_.mac = std::move(*mac);
    return;
  }
  const Status why = cipher.ok() ? mac.status() : cipher.status();
  details.message = why.message();
  scan_.refused = Status(why.code(), std::move(details));
  scan_.header.reset();
}

Status SegmentScanner::ReadBlocks(File* file) {
  const SegmentHeader& header = *scan_.header;
  scan_.end = {header.first_block - 1, header.previous_checksum};
  StartReplay(header.base_index, &scan_.log);
  BlockReader reader(file, header, std::move(cipher_));
  for (;;) {
    BlockView block;
    const StatusOr<BlockOutcome> outcome = reader.Next(scan_.end, &block, &scan_.why);
    scan_.end_offset = reader.offset();
    if (!outcome.ok()) return outcome.status();
    scan_.outcome = *outcome;
    if (scan_.outcome != BlockOutcome::kBlock) break;
    scan_.contradiction = ApplyBlock(block);
    if (scan_.contradiction != nullptr) {
      scan_.end_offset = block.offset;
      break;
    }
    Progress(reader.bytes_read());
  }
  scan_.bytes_read += reader.bytes_read();
  return scan_.mac == nullptr ? Status::Ok() : CheckTrailer(file);
}

Status SegmentScanner::CheckTrailer(File* file) {
  std::array<std::byte, kTrailerPageBytes> page{};
  const StatusOr<size_t> got = file->ReadAt(scan_.header->blocks_end(), page);
  if (!got.ok()) return got.status();
  scan_.bytes_read += *got;
  const StatusOr<TrailerState> state = scan_.mac->Check(page);
  if (!state.ok()) return state.status();
  scan_.trailer = *state;
  return Status::Ok();
}

const char* SegmentScanner::ApplyBlock(const BlockView& block) {
  const BlockHeader& header = block.header;
  if (header.IsEncrypted()) {
    // Counters only grow: the same one twice under one key would give the plaintexts away.
    if (header.first_crypto_counter < scan_.next_counter) return "a block uses a counter again";
    scan_.next_counter = header.first_crypto_counter + CryptoCounters(header.plaintext_bytes);
  }
  const char* why = ReplayBlock(block, &scan_.log);
  if (why != nullptr) return why;
  if (header.number == context_.watched_block) {
    scan_.watched = {block.offset, header.last_index};
  }
  if ((header.flags & kBlockFlagTruncate) != 0) DropSpans(header);
  if (header.entry_count > 0) {
    scan_.spans.push_back({header.first_index, static_cast<uint32_t>(block.offset / 512),
                           static_cast<uint32_t>(block.stored.size())});
  }
  if (scan_.mac != nullptr) {
    scan_.mac->Stage(Pieces(block.plaintext), block.offset);
    scan_.mac->Add(header, Pieces(block.stored));
  }
  const std::optional<LogAnchor>& anchor = context_.options->anchor;
  if (anchor && header.number == anchor->block) scan_.anchor_checksum = block.checksum;
  scan_.before_end_proof = scan_.end_proof;
  scan_.end_proof = {header.number, header.segment_seq, scan_.log.last_index, scan_.log.last_term(),
                     header.entry_count > 0};
  scan_.end = {header.number, block.checksum};
  scan_.end_position = {header.segment_seq, block.offset, block.stored.size()};
  ++scan_.blocks;
  scan_.entry_bytes += block.plaintext.size();
  scan_.padding_bytes += block.bytes - block.plaintext.size();
  return nullptr;
}

void SegmentScanner::DropSpans(const BlockHeader& block) {
  const uint64_t from = block.entry_count > 0 ? block.first_index : block.last_index + 1;
  while (!scan_.spans.empty() && scan_.spans.back().first_index >= from) scan_.spans.pop_back();
}

// `bytes` of the segment are done.
void SegmentScanner::Progress(uint64_t bytes) {
  if (context_.options->progress == nullptr || bytes <= progress_) return;
  context_.options->progress->bytes_done.fetch_add(bytes - progress_, std::memory_order_relaxed);
  progress_ = bytes;
}

// Hands out segments, in order, to the threads that scan them.
class SegmentQueue {
 public:
  SegmentQueue(const SegmentScanContext& context, uint64_t first, size_t count)
      : context_(context), first_(first), scans_(count), end_(count) {}

  void Run();
  std::vector<SegmentScan> Take();

 private:
  static void* Enter(void* queue) {
    static_cast<SegmentQueue*>(queue)->Work();
    return nullptr;
  }
  void Work();
  void StopAfter(size_t position);

  // Constant after construction.
  const SegmentScanContext& context_;
  const uint64_t first_;

  // Each scan is written by the thread that took its position, and read once all are joined.
  std::vector<SegmentScan> scans_;
  std::atomic<size_t> next_{0};  // Relaxed: only hands out positions.
  std::atomic<size_t> end_;      // Relaxed: a hint; no position at or above it is worth a scan.
};

void SegmentQueue::Run() {
  const size_t threads = std::min<size_t>(std::max(context_.options->threads, 1u), scans_.size());
  std::vector<std::unique_ptr<Thread>> helpers;
  for (size_t i = 1; i < threads; ++i) {
    helpers.push_back(std::make_unique<Thread>());
    // Without a thread to be had, the others do its part.
    if (!helpers.back()->Start(Enter, this)) break;
  }
  Work();
  for (const std::unique_ptr<Thread>& helper : helpers) helper->Join();
}

void SegmentQueue::Work() {
  for (;;) {
    const size_t position = next_.fetch_add(1, std::memory_order_relaxed);
    if (position >= end_.load(std::memory_order_relaxed)) return;
    scans_[position] = ScanSegment(context_, first_ + position);
    if (scans_[position].IsBroken()) StopAfter(position);
  }
}

void SegmentQueue::StopAfter(size_t position) {
  size_t end = end_.load(std::memory_order_relaxed);
  while (position + 1 < end &&
         !end_.compare_exchange_weak(end, position + 1, std::memory_order_relaxed)) {
  }
}

std::vector<SegmentScan> SegmentQueue::Take() {
  scans_.resize(std::min(scans_.size(), end_.load(std::memory_order_relaxed)));
  return std::move(scans_);
}

}  // namespace

ScanOptions ScanOptionsOf(const LogOptions& options) {
  return {options.verify_threads, options.recover_entries, options.progress, options.keys,
          options.anchor};
}

bool SegmentScan::IsBroken() const {
  return !read.ok() || !header || file_bytes < header->segment_bytes || contradiction != nullptr ||
         outcome == BlockOutcome::kBrokenChain || outcome == BlockOutcome::kBadContent;
}

SegmentScan ScanSegment(const SegmentScanContext& context, uint64_t segment_seq) {
  return SegmentScanner(context, segment_seq).Run();
}

std::vector<SegmentScan> ScanAllSegments(const SegmentScanContext& context, uint64_t first,
                                         size_t count) {
  SegmentQueue queue(context, first, count);
  queue.Run();
  return queue.Take();
}

}  // namespace clustor
