#include "wal/block_reader.h"

#include <algorithm>
#include <cstring>

#include "base/coding.h"
#include "base/crc32c.h"
#include "base/planted_bug.h"

namespace clustor {

namespace {

constexpr uint64_t kWindowBytes = 1 << 20;
constexpr uint64_t kSectorBytes = 512;

bool IsZero(std::span<const std::byte> bytes) {
  // Comparing the range with itself shifted by one lets memcmp do the work.
  return bytes.empty() || (bytes[0] == std::byte{0} &&
                           std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

// Whether a sector begins with a header of this segment whose number lies above `next`.
bool IsLaterBlock(std::span<const std::byte> sector, const SegmentHeader& segment, uint64_t next,
                  uint64_t* number) {
  BlockHeader header;
  if (sector.size() < kBlockHeaderBytes || DecodeBlockHeader(sector, &header) != nullptr) {
    return false;
  }
  *number = header.number;
  return IsBlockOf(segment, header) && header.number > next && header.number <= kPositionMax;
}

// What the header in a sector says its block takes; 0 when it is none of this segment.
uint64_t BytesOfOwnBlock(std::span<const std::byte> sector, const SegmentHeader& segment,
                         uint64_t offset) {
  BlockHeader header;
  if (sector.size() < kBlockHeaderBytes || DecodeBlockHeader(sector, &header) != nullptr ||
      !IsBlockOf(segment, header)) {
    return 0;
  }
  return std::min(BlockBytes(header.stored_bytes, segment.block_alignment),
                  segment.blocks_end() - offset);
}

}  // namespace

const char* CheckBlock(std::span<const std::byte> bytes, BlockView* block) {
  if (bytes.size() < kBlockHeaderBytes) return "a block is cut off in its header";
  const char* why = DecodeBlockHeader(bytes, &block->header);
  if (why != nullptr) return why;
  const uint64_t covered = kBlockHeaderBytes + uint64_t{block->header.stored_bytes};
  if (covered + kBlockChecksumBytes > bytes.size()) return "a block is longer than its segment";
  block->checksum = BlockChecksum(bytes.first(static_cast<size_t>(covered)));
  if (Load32(bytes.data() + covered) != block->checksum &&
      !IsPlanted(PlantedBug::kSkipBlockChecksum)) {
    return "the checksum of a block does not hold";
  }
  block->body = bytes.subspan(kBlockHeaderBytes, block->header.stored_bytes);
  block->stored = bytes.first(static_cast<size_t>(covered + kBlockChecksumBytes));
  return nullptr;
}

StatusOr<const char*> BlockOpener::Open(BlockView* block) {
  block->plaintext = {};
  block->frames = {};
  if (block->header.IsEncrypted() != is_encrypted_) {
    return is_encrypted_ ? "a block of an encrypted segment is not encrypted"
                         : "a block of a segment without encryption is encrypted";
  }
  if (!is_encrypted_) {
    block->plaintext = block->body;
  } else if (cipher_ == nullptr) {
    return nullptr;
  } else {
    StatusOr<const char*> why = Decrypt(block);
    if (!why.ok() || *why != nullptr) return why;
  }
  return decoder_.Decode(form_, block->plaintext, &block->frames);
}

StatusOr<const char*> BlockOpener::Decrypt(BlockView* block) {
  const size_t bytes = block->header.plaintext_bytes;
  if (!plaintext_.Grow(bytes)) return OutOfMemory(bytes);
  const std::span<std::byte> plaintext = plaintext_.mutable_span().first(bytes);
  const StatusOr<bool> holds =
      cipher_->Open(block->header, block->stored.first(kBlockHeaderBytes), block->body, plaintext);
  if (!holds.ok()) return holds.status();
  if (!*holds) {
    return "the checksum of a block holds, but not its authentication tag: it was forged, or taken "
           "from elsewhere";
  }
  block->plaintext = plaintext;
  return nullptr;
}

BlockReader::BlockReader(File* file, const SegmentHeader& header,
                         std::unique_ptr<SegmentCipher> cipher)
    : file_(file), header_(header), opener_(header, std::move(cipher)) {}

StatusOr<std::span<const std::byte>> BlockReader::Window(uint64_t offset, uint64_t bytes) {
  const uint64_t wanted = std::min(bytes, header_.blocks_end() - offset);
  if (offset < window_offset_ || offset + wanted > window_offset_ + window_bytes_) {
    RETURN_IF_ERROR(FillWindow(offset, wanted));
  }
  const uint64_t skip = offset - window_offset_;
  const uint64_t there = window_bytes_ > skip ? window_bytes_ - skip : 0;
  return std::span<const std::byte>(window_.data() + skip,
                                    static_cast<size_t>(std::min(wanted, there)));
}

// Moves the window to offset. What it holds from there on stays, so every byte is read once.
Status BlockReader::FillWindow(uint64_t offset, uint64_t bytes) {
  const uint64_t window_end = window_offset_ + window_bytes_;
  const uint64_t kept =
      offset >= window_offset_ && offset < window_end ? window_end - offset : uint64_t{0};
  if (kept > 0) std::memmove(window_.data(), window_.data() + (offset - window_offset_), kept);
  window_offset_ = offset;
  window_bytes_ = kept;
  const uint64_t wanted = std::min(std::max(bytes, kWindowBytes), header_.blocks_end() - offset);
  if (!window_.Grow(static_cast<size_t>(wanted))) return OutOfMemory(wanted);
  const StatusOr<size_t> got =
      file_->ReadAt(offset + kept, window_.mutable_span().subspan(kept, wanted - kept));
  if (!got.ok()) return got.status();
  window_bytes_ += *got;
  bytes_read_ += *got;
  return Status::Ok();
}

StatusOr<BlockOutcome> BlockReader::Next(const ChainEnd& before, BlockView* block,
                                         std::string* why) {
  if (offset_ + kBlockHeaderBytes + kBlockChecksumBytes > header_.blocks_end())
    return BlockOutcome::kEnd;
  StatusOr<std::span<const std::byte>> bytes = Window(offset_, kBlockHeaderBytes);
  if (!bytes.ok()) return bytes.status();
  if (IsZero(*bytes)) return BlockOutcome::kEnd;
  const auto invalid = [&](const char* reason) {
    *why = reason;
    return BlockOutcome::kInvalid;
  };
  if (bytes->size() < kBlockHeaderBytes) return invalid("a block is cut off in its header");
  BlockHeader header;
  const char* reason = DecodeBlockHeader(*bytes, &header);
  const bool any_life = IsPlanted(PlantedBug::kReplayRecycled);
  const bool own = reason == nullptr && (any_life || IsBlockOf(header_, header));
  // Of another life of the file: not there, as far as this log is concerned.
  if (!own && header_.recycled) return BlockOutcome::kEnd;
  if (reason != nullptr) return invalid(reason);
  if (!own || (header.number <= before.block && !any_life)) {
    return invalid("a block of another segment or an older life stands here");
  }
  const uint64_t block_bytes = BlockBytes(header.stored_bytes, header_.block_alignment);
  // Checked against the segment before anything is read or allocated.
  if (block_bytes > header_.blocks_end() - offset_)
    return invalid("a block is longer than its segment");
  bytes = Window(offset_, block_bytes);
  if (!bytes.ok()) return bytes.status();
  reason = CheckBlock(*bytes, block);
  if (reason != nullptr) return invalid(reason);
  const bool follows =
      header.number == before.block + 1 && header.previous_checksum == before.checksum;
  if (!follows && !any_life) {
    *why = "a block does not follow the one before it";
    return BlockOutcome::kBrokenChain;
  }
  const StatusOr<const char*> content = opener_.Open(block);
  if (!content.ok()) return content.status();
  if (*content != nullptr) {
    *why = *content;
    return BlockOutcome::kBadContent;
  }
  block->offset = offset_;
  block->bytes = block_bytes;
  offset_ += block_bytes;
  return BlockOutcome::kBlock;
}

StatusOr<Leftover> ExamineLeftover(File* file, const SegmentHeader& segment, uint64_t from,
                                   uint64_t last) {
  const uint64_t segment_bytes = segment.blocks_end();
  Leftover leftover;
  Slab piece(static_cast<size_t>(kWindowBytes));
  if (piece.data() == nullptr) return OutOfMemory(kWindowBytes);
  for (uint64_t offset = from; offset < segment_bytes; offset += kWindowBytes) {
    const uint64_t wanted = std::min(kWindowBytes, segment_bytes - offset);
    const StatusOr<size_t> got = file->ReadAt(offset, piece.mutable_span().first(wanted));
    if (!got.ok()) return got.status();
    leftover.bytes_read += *got;
    if (*got == 0) break;
    if (IsZero({piece.data(), *got})) continue;
    for (size_t at = 0; at < *got; at += kSectorBytes) {
      const std::span<const std::byte> sector(piece.data() + at,
                                              std::min<size_t>(kSectorBytes, *got - at));
      if (IsZero(sector)) continue;
      leftover.nonzero_to = offset + at + sector.size();
      if (!segment.recycled) leftover.torn_bytes = leftover.nonzero_to - from;
      if (segment.recycled && offset + at == from) {
        leftover.torn_bytes = BytesOfOwnBlock(sector, segment, from);
      }
      uint64_t number;
      if (!leftover.later_block_offset && IsLaterBlock(sector, segment, last + 1, &number)) {
        leftover.later_block_offset = offset + at;
        leftover.later_block = number;
      }
    }
  }
  return leftover;
}

}  // namespace clustor
