#include "wal/segment_index.h"

#include <array>
#include <cstring>

#include "base/coding.h"
#include "base/crc32c.h"

namespace clustor {

namespace {

constexpr char kMagic[8] = {'C', 'L', 'S', 'T', 'R', 'I', 'D', 'X'};
constexpr uint32_t kVersion = 1;
constexpr size_t kHeadBytes = 40;
constexpr size_t kRowBytes = 32;
constexpr size_t kCrcBytes = 4;
// No segment holds more: a block takes at least a sector.
constexpr uint64_t kRowsMax = (uint64_t{1} << 32) / 512;

void EncodeRow(const IndexRow& row, std::byte* to) {
  Store64(to, row.offset);
  Store32(to + 8, row.previous_checksum);
  Store32(to + 12, row.entry_count);
  Store64(to + 16, row.first_index);
  Store64(to + 24, row.last_index);
}

IndexRow DecodeRow(const std::byte* from) {
  return {Load64(from), Load32(from + 8), Load32(from + 12), Load64(from + 16), Load64(from + 24)};
}

// False at the end of the chain of headers.
StatusOr<bool> ReadHeaderAt(File* file, uint64_t offset, const SegmentHeader& segment,
                            BlockHeader* header) {
  if (offset + kBlockHeaderBytes > segment.blocks_end()) return false;
  std::array<std::byte, kBlockHeaderBytes> bytes{};
  const StatusOr<size_t> got = file->ReadAt(offset, bytes);
  if (!got.ok()) return got.status();
  return *got == bytes.size() && DecodeBlockHeader(bytes, header) == nullptr &&
         IsBlockOf(segment, *header);
}

// Nothing when it does not verify.
StatusOr<std::optional<SegmentHeader>> ReadSegmentHeader(File* file, uint32_t* checksum) {
  std::array<std::byte, kSegmentHeaderBytes> bytes{};
  const StatusOr<size_t> got = file->ReadAt(0, bytes);
  if (!got.ok()) return got.status();
  StatusOr<SegmentHeader> header = DecodeSegmentHeader(bytes);
  if (!header.ok()) return std::optional<SegmentHeader>();
  *checksum = Load32(bytes.data() + kSegmentHeaderBytes - kCrcBytes);
  return std::optional<SegmentHeader>(std::move(*header));
}

}  // namespace

std::vector<std::byte> EncodeSegmentIndex(const SegmentIndex& index) {
  std::vector<std::byte> bytes(kHeadBytes + index.rows.size() * kRowBytes + kCrcBytes);
  std::byte* at = bytes.data();
  std::memcpy(at, kMagic, sizeof kMagic);
  Store32(at + 8, kVersion);
  Store32(at + 12, static_cast<uint32_t>(index.rows.size()));
  Store64(at + 16, index.segment_seq);
  Store64(at + 24, index.first_block);
  Store32(at + 32, index.header_checksum);
  at += kHeadBytes;
  for (const IndexRow& row : index.rows) {
    EncodeRow(row, at);
    at += kRowBytes;
  }
  Store32(at, Crc32c(std::span(bytes).first(bytes.size() - kCrcBytes)));
  return bytes;
}

std::optional<SegmentIndex> DecodeSegmentIndex(std::span<const std::byte> bytes) {
  if (bytes.size() < kHeadBytes + kCrcBytes) return std::nullopt;
  const std::byte* at = bytes.data();
  const uint64_t rows = Load32(at + 12);
  const size_t covered = bytes.size() - kCrcBytes;
  if (std::memcmp(at, kMagic, sizeof kMagic) != 0 || Load32(at + 8) != kVersion ||
      Load32(at + 36) != 0 || kHeadBytes + rows * kRowBytes != covered ||
      Load32(at + covered) != Crc32c(bytes.first(covered))) {
    return std::nullopt;
  }
  SegmentIndex index{Load64(at + 16), Load64(at + 24), Load32(at + 32), {}};
  index.rows.reserve(static_cast<size_t>(rows));
  for (at += kHeadBytes; index.rows.size() < rows; at += kRowBytes) {
    index.rows.push_back(DecodeRow(at));
  }
  return index;
}

StatusOr<std::optional<SegmentIndex>> ReadSegmentIndex(File* segment) {
  SegmentIndex index;
  const StatusOr<std::optional<SegmentHeader>> read =
      ReadSegmentHeader(segment, &index.header_checksum);
  if (!read.ok()) return read.status();
  if (!*read) return std::optional<SegmentIndex>();
  const SegmentHeader& header = **read;
  index.segment_seq = header.segment_seq;
  index.first_block = header.first_block;
  for (uint64_t offset = kSegmentHeaderBytes;;) {
    BlockHeader block;
    const StatusOr<bool> there = ReadHeaderAt(segment, offset, header, &block);
    if (!there.ok()) return there.status();
    if (!*there || block.number != header.first_block + index.rows.size()) break;
    index.rows.push_back(
        {offset, block.previous_checksum, block.entry_count, block.first_index, block.last_index});
    offset += BlockBytes(block.stored_bytes, header.block_alignment);
  }
  return std::optional<SegmentIndex>(std::move(index));
}

std::optional<SegmentIndex> LoadSegmentIndex(Env* env, const LogPaths& paths,
                                             const SegmentHeader& segment,
                                             uint32_t header_checksum) {
  const StatusOr<std::unique_ptr<File>> file =
      env->OpenFile(paths.Index(segment.segment_seq), OpenMode::kReadOnly);
  if (!file.ok()) return std::nullopt;
  const StatusOr<uint64_t> file_bytes = (*file)->Bytes();
  if (!file_bytes.ok() || *file_bytes > kHeadBytes + kRowsMax * kRowBytes + kCrcBytes) {
    return std::nullopt;
  }
  std::vector<std::byte> bytes(static_cast<size_t>(*file_bytes));
  const StatusOr<size_t> got = (*file)->ReadAt(0, bytes);
  if (!got.ok() || *got != bytes.size()) return std::nullopt;
  std::optional<SegmentIndex> index = DecodeSegmentIndex(bytes);
  const bool is_of_segment = index && index->segment_seq == segment.segment_seq &&
                             index->first_block == segment.first_block &&
                             index->header_checksum == header_checksum;
  return is_of_segment ? std::move(index) : std::nullopt;
}

bool AgreesWith(const SegmentIndex& index, size_t row, const SegmentHeader& segment, File* file) {
  const IndexRow& expected = index.rows[row];
  BlockHeader block;
  const StatusOr<bool> there = ReadHeaderAt(file, expected.offset, segment, &block);
  const IndexRow found = {expected.offset, block.previous_checksum, block.entry_count,
                          block.first_index, block.last_index};
  return there.ok() && *there && block.number == index.first_block + row && found == expected;
}

void RemoveIndex(Env* env, const LogPaths& paths, uint64_t segment_seq) {
  const std::string path = paths.Index(segment_seq);
  const StatusOr<bool> exists = env->FileExists(path);
  if (!exists.ok() || !*exists) return;
  // One that stays is of no segment: the next open removes it.
  const Status removed = env->RemoveFile(path);
  static_cast<void>(removed.ok());
}

void SegmentIndexer::Add(uint64_t segment_seq) {
  const MutexLock lock(&mutex_);
  sealed_.push_back(segment_seq);
  waiting_.store(sealed_.size(), std::memory_order_release);
}

std::optional<uint64_t> SegmentIndexer::Next() {
  const MutexLock lock(&mutex_);
  if (sealed_.empty()) return std::nullopt;
  const uint64_t segment_seq = sealed_.front();
  sealed_.pop_front();
  waiting_.store(sealed_.size(), std::memory_order_release);
  return segment_seq;
}

bool SegmentIndexer::Step() {
  const std::optional<uint64_t> segment_seq = Next();
  if (segment_seq) Write(*segment_seq);
  return segment_seq.has_value();
}

void SegmentIndexer::Write(uint64_t segment_seq) {
  const StatusOr<std::unique_ptr<File>> segment =
      env_->OpenFile(paths_.Segment(segment_seq), OpenMode::kReadOnly);
  if (!segment.ok()) return;
  uint32_t checksum = 0;
  const StatusOr<std::optional<SegmentHeader>> header =
      ReadSegmentHeader(segment->get(), &checksum);
  if (!header.ok() || !*header || (*header)->segment_seq != segment_seq) return;
  if (LoadSegmentIndex(env_, paths_, **header, checksum)) return;
  const StatusOr<std::optional<SegmentIndex>> index = ReadSegmentIndex(segment->get());
  if (!index.ok() || !*index) return;
  const StatusOr<std::unique_ptr<File>> file =
      env_->OpenFile(paths_.Index(segment_seq), OpenMode::kTruncate);
  if (!file.ok()) return;
  const bool written = (*file)->WriteAt(0, EncodeSegmentIndex(**index)).ok();
  // The segment may have been removed, and its index with it, before this one was there.
  const StatusOr<bool> exists = env_->FileExists(paths_.Segment(segment_seq));
  if (!written || !exists.ok() || !*exists) RemoveIndex(env_, paths_, segment_seq);
}

}  // namespace clustor
