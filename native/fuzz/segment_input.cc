#include "segment_input.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/coding.h"
#include "base/crc32c.h"
#include "repair.h"
#include "seed_log.h"
#include "wal/block_reader.h"
#include "wal/format.h"

namespace clustor::fuzz {

namespace {

constexpr size_t kHeaderBytesKept = 128;

uint32_t AlignmentOf(std::span<const std::byte> header) {
  const uint32_t alignment = Load32(header.data() + 20);
  const bool possible = std::has_single_bit(alignment) && alignment >= 512 && alignment <= 4096;
  return possible ? alignment : 4096;
}

bool IsBlock(std::span<const std::byte> bytes) {
  return bytes.size() >= kBlockHeaderBytes && Load32(bytes.data()) == kBlockMagic;
}

// Bytes of the block at bytes[0], as far as they are there.
size_t BytesOfBlock(std::span<const std::byte> bytes) {
  const uint64_t wanted =
      kBlockHeaderBytes + uint64_t{Load32(bytes.data() + 64)} + kBlockChecksumBytes;
  return static_cast<size_t>(std::min<uint64_t>(wanted, bytes.size()));
}

// The frames of an encrypted block stand in an input as plaintext; the tag behind them says
// nothing.
void RepairSealed(SegmentCipher* cipher, std::span<std::byte> block) {
  const size_t stored_bytes = block.size() - kBlockHeaderBytes - kBlockChecksumBytes;
  if (stored_bytes < kGcmTagBytes) return;
  const auto frames = block.subspan(kBlockHeaderBytes, stored_bytes - kGcmTagBytes);
  RepairFrames(frames);
  RepairBlock(block);
  const auto encoded = block.first(kBlockHeaderBytes);
  BlockHeader header;
  if (DecodeBlockHeader(encoded, &header) != nullptr || !header.IsEncrypted()) return;
  const bool sealed = cipher->Seal(header, encoded, frames, frames.data() + frames.size()).ok();
  HOLDS(sealed);
  const size_t covered = block.size() - kBlockChecksumBytes;
  Store32(block.data() + covered, BlockChecksum(block.first(covered)));
}

class Expansion {
 public:
  Expansion(uint8_t control, ChainEnd* end) : control_(control), end_(end) {}

  Bytes Run(std::span<const std::byte> input, uint64_t segment_seq);

 private:
  void PutHeader(std::span<const std::byte> input, uint64_t segment_seq);
  // Blocks and padding; returns where each block is.
  std::vector<std::span<std::byte>> PutBlocks(std::span<const std::byte> input);
  void MakeCipher();
  void Repair(std::span<std::byte> block);

  const uint8_t control_;
  ChainEnd* const end_;
  Bytes file_;
  std::unique_ptr<SegmentCipher> cipher_;
};

void Expansion::PutHeader(std::span<const std::byte> input, uint64_t segment_seq) {
  file_.resize(kSegmentHeaderBytes);
  std::copy_n(input.begin(), std::min(input.size(), kHeaderBytesKept), file_.begin());
  if (segment_seq != 0) Store64(file_.data() + 24, segment_seq);
  if (end_ == nullptr || (control_ & kRepairChain) == 0) return;
  Store64(file_.data() + 48, end_->block + 1);
  Store32(file_.data() + 56, end_->checksum);
}

std::vector<std::span<std::byte>> Expansion::PutBlocks(std::span<const std::byte> input) {
  const uint32_t alignment = AlignmentOf(file_);
  std::vector<std::pair<size_t, size_t>> places;
  while (IsBlock(input)) {
    const size_t block_bytes = BytesOfBlock(input);
    places.push_back({file_.size(), block_bytes});
    Append(&file_, input.first(block_bytes));
    file_.resize(AlignUp(file_.size(), alignment));
    input = input.subspan(block_bytes);
  }
  Append(&file_, input);
  file_.resize(AlignUp(file_.size(), 4096) + 4096);
  std::vector<std::span<std::byte>> blocks;
  for (const auto& [at, bytes] : places) blocks.push_back(std::span(file_).subspan(at, bytes));
  return blocks;
}

void Expansion::MakeCipher() {
  const auto page = std::span(file_).first(kSegmentHeaderBytes);
  if ((control_ & kRepairBytes) != 0) Store64(file_.data() + 40, file_.size());
  if ((control_ & kRepairHeader) != 0) RepairSegmentHeader(page);
  const StatusOr<SegmentHeader> header = DecodeSegmentHeader(page);
  if (!header.ok() || !header->IsEncrypted()) return;
  StatusOr<std::unique_ptr<SegmentCipher>> cipher = SegmentCipher::Create(*header, SeedKeys());
  if (cipher.ok()) cipher_ = std::move(*cipher);
}

// The header of an input ends before its salt, so that is zero.
void Expansion::Repair(std::span<std::byte> block) {
  if ((control_ & kRepairChain) != 0) {
    if (cipher_ == nullptr) std::memset(block.data() + 72, 0, kKeySaltBytes);
    Store64(block.data() + 8, Load64(file_.data() + 24));
    Store64(block.data() + 16, end_->block + 1);
    Store32(block.data() + 68, end_->checksum);
  }
  const bool whole = Load32(block.data() + 64) + uint64_t{100} == block.size();
  if ((control_ & kRepairBlocks) != 0 && cipher_ != nullptr && whole) {
    RepairSealed(cipher_.get(), block);
  } else if ((control_ & kRepairBlocks) != 0) {
    RepairBlock(block);
  }
  end_->block = Load64(block.data() + 16);
  end_->checksum = Load32(block.data() + block.size() - kBlockChecksumBytes);
}

Bytes Expansion::Run(std::span<const std::byte> input, uint64_t segment_seq) {
  const std::span<const std::byte> header = input.first(std::min(input.size(), kHeaderBytesKept));
  PutHeader(header, segment_seq);
  const auto blocks = PutBlocks(input.subspan(header.size()));
  MakeCipher();
  for (const std::span<std::byte> block : blocks) Repair(block);
  return std::move(file_);
}

// Decrypts the frames of a block in place.
void Decrypt(SegmentCipher* cipher, std::span<std::byte> block) {
  BlockView view;
  HOLDS(CheckBlock(block, &view) == nullptr);
  Bytes plaintext(view.header.plaintext_bytes);
  const StatusOr<bool> open =
      cipher->Open(view.header, block.first(kBlockHeaderBytes), view.body, plaintext);
  HOLDS(open.ok() && *open);
  std::memcpy(block.data() + kBlockHeaderBytes, plaintext.data(), plaintext.size());
}

}  // namespace

Bytes ExpandSegment(std::span<const std::byte> input, uint64_t segment_seq, ChainEnd* end) {
  if (input.empty()) return {};
  const auto control = static_cast<uint8_t>(input[0]);
  input = input.subspan(1);
  if ((control & kRawFile) != 0) return {input.begin(), input.end()};
  if (end != nullptr) return Expansion(control, end).Run(input, segment_seq);
  ChainEnd own;
  if (input.size() >= 60) own = {Load64(input.data() + 48) - 1, Load32(input.data() + 56)};
  return Expansion(control, &own).Run(input, segment_seq);
}

Bytes CompactSegment(std::span<const std::byte> file) {
  const StatusOr<SegmentHeader> header = DecodeSegmentHeader(file.first(kSegmentHeaderBytes));
  HOLDS(header.ok());
  StatusOr<std::unique_ptr<SegmentCipher>> cipher = SegmentCipher::Create(*header, SeedKeys());
  HOLDS(cipher.ok());
  Bytes input(1, std::byte{kRepairAll});
  Append(&input, file.first(kHeaderBytesKept));
  for (size_t at = kSegmentHeaderBytes; at < file.size() && IsBlock(file.subspan(at));) {
    const std::span<const std::byte> there = file.subspan(at, BytesOfBlock(file.subspan(at)));
    Bytes block(there.begin(), there.end());
    if (*cipher != nullptr) Decrypt(cipher->get(), block);
    Append(&input, block);
    at += AlignUp(block.size(), header->block_alignment);
  }
  return input;
}

}  // namespace clustor::fuzz
