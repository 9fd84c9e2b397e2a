#include "wal/stray_blocks.h"

#include <string>
#include <utility>

#include "base/coding.h"

namespace clustor {

namespace {

constexpr uint64_t kSectorBytes = 512;
constexpr uint64_t kWindowBytes = 256 << 10;

}  // namespace

StrayBlocks::StrayBlocks(File* file, uint64_t segment_seq, std::optional<SegmentHeader> header,
                         uint64_t after_block, std::shared_ptr<const KeyRing> keys)
    : file_(file),
      segment_seq_(segment_seq),
      header_(std::move(header)),
      after_block_(after_block),
      keys_(std::move(keys)),
      offset_(kSegmentHeaderBytes) {
  const StatusOr<uint64_t> bytes = file->Bytes();
  if (bytes.ok()) file_bytes_ = *bytes;
}

bool StrayBlocks::Next(BlockView* block) {
  const uint64_t step = header_ ? header_->block_alignment : kSectorBytes;
  for (; offset_ + kBlockHeaderBytes <= file_bytes_; offset_ += step) {
    BlockHeader header;
    if (!HeaderAt(offset_, &header)) continue;
    if (reader_ == nullptr || !header_) {
      const SegmentHeader segment = header_ ? *header_ : SegmentOf(header);
      StatusOr<std::unique_ptr<SegmentCipher>> cipher = SegmentCipher::Create(segment, keys_);
      if (!cipher.ok()) return false;
      reader_ = std::make_unique<BlockReader>(file_, segment, std::move(*cipher));
    }
    reader_->Seek(offset_);
    std::string why;
    const StatusOr<BlockOutcome> outcome =
        reader_->Next({header.number - 1, header.previous_checksum}, block, &why);
    if (!outcome.ok() || *outcome != BlockOutcome::kBlock) continue;
    offset_ += block->bytes;
    return true;
  }
  return false;
}

bool StrayBlocks::HeaderAt(uint64_t offset, BlockHeader* header) {
  if (offset < window_offset_ || offset + kBlockHeaderBytes > window_offset_ + window_bytes_) {
    window_.resize(kWindowBytes);
    window_offset_ = offset;
    const StatusOr<size_t> got = file_->ReadAt(offset, window_);
    window_bytes_ = got.ok() ? *got : 0;
    if (window_bytes_ < kBlockHeaderBytes) return false;
  }
  const auto bytes = std::span<const std::byte>(window_).subspan(offset - window_offset_);
  if (DecodeBlockHeader(bytes, header) != nullptr) return false;
  return header->segment_seq == segment_seq_ && header->number > after_block_ &&
         header->number <= kPositionMax && (!header_ || IsBlockOf(*header_, *header));
}

// What the header of the segment must have said for this block to be one of it.
SegmentHeader StrayBlocks::SegmentOf(const BlockHeader& block) const {
  SegmentHeader segment;
  segment.segment_seq = segment_seq_;
  segment.segment_bytes = file_bytes_;
  segment.block_alignment = kSectorBytes;
  segment.salt = block.key_salt;
  const uint64_t frame = offset_ - window_offset_ + kBlockHeaderBytes;
  if (frame + kFrameHeaderBytes <= window_bytes_) {
    const std::byte* at = window_.data() + frame;
    segment.encoding = at[1] == std::byte{kFrameCodecJson} ? kEncodingJson : kEncodingBinary;
    segment.merkle_leaves = Load32(at + 8) == kFrameTrailerMerkleBytes;
  }
  return segment;
}

}  // namespace clustor
