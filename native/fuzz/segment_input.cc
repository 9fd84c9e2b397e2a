#include "segment_input.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/coding.h"
#include "repair.h"
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

// The header of an input ends before its salt, so that is zero.
void Repair(uint8_t control, uint64_t segment_seq, ChainEnd* end, std::span<std::byte> block) {
  if ((control & kRepairChain) != 0) {
    std::memset(block.data() + 72, 0, kKeySaltBytes);
    Store64(block.data() + 8, segment_seq);
    Store64(block.data() + 16, end->block + 1);
    Store32(block.data() + 68, end->checksum);
  }
  if ((control & kRepairBlocks) != 0) RepairBlock(block);
  end->block = Load64(block.data() + 16);
  end->checksum = Load32(block.data() + block.size() - kBlockChecksumBytes);
}

}  // namespace

Bytes ExpandSegment(std::span<const std::byte> input, uint64_t segment_seq, ChainEnd* end) {
  if (input.empty()) return {};
  const auto control = static_cast<uint8_t>(input[0]);
  input = input.subspan(1);
  if ((control & kRawFile) != 0) return {input.begin(), input.end()};
  Bytes file(kSegmentHeaderBytes);
  const size_t header_bytes = std::min(input.size(), kHeaderBytesKept);
  std::copy_n(input.begin(), header_bytes, file.begin());
  input = input.subspan(header_bytes);
  if (segment_seq != 0) Store64(file.data() + 24, segment_seq);
  ChainEnd own = {Load64(file.data() + 48) - 1, Load32(file.data() + 56)};
  if (end == nullptr) end = &own;
  if ((control & kRepairChain) != 0) {
    Store64(file.data() + 48, end->block + 1);
    Store32(file.data() + 56, end->checksum);
  }
  const uint32_t alignment = AlignmentOf(file);
  segment_seq = Load64(file.data() + 24);
  while (IsBlock(input)) {
    const size_t block_bytes = BytesOfBlock(input);
    const size_t at = file.size();
    Append(&file, input.first(block_bytes));
    Repair(control, segment_seq, end, std::span(file).subspan(at));
    file.resize(AlignUp(file.size(), alignment));
    input = input.subspan(block_bytes);
  }
  Append(&file, input);
  file.resize(AlignUp(file.size(), 4096) + 4096);
  if ((control & kRepairBytes) != 0) Store64(file.data() + 40, file.size());
  if ((control & kRepairHeader) != 0) {
    RepairSegmentHeader(std::span(file).first(kSegmentHeaderBytes));
  }
  return file;
}

Bytes CompactSegment(std::span<const std::byte> file) {
  Bytes input(1, std::byte{kRepairAll});
  Append(&input, file.first(kHeaderBytesKept));
  const uint32_t alignment = AlignmentOf(file);
  for (size_t at = kSegmentHeaderBytes; at < file.size() && IsBlock(file.subspan(at));) {
    const std::span<const std::byte> block = file.subspan(at, BytesOfBlock(file.subspan(at)));
    Append(&input, block);
    at += AlignUp(block.size(), alignment);
  }
  return input;
}

}  // namespace clustor::fuzz
