#include "crash_images_flip.h"

#include <algorithm>
#include <vector>

#include "wal/format.h"
#include "wal/ledger_codec.h"
#include "wal/ledger_scan.h"

namespace clustor::test {

namespace {

struct BlockSpot {
  uint64_t number;
  uint64_t offset;
  uint64_t bytes;  // Without padding.
};

bool Contains(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

// The durable blocks of a segment file, as far as headers lead from one to the next.
std::vector<BlockSpot> BlocksOf(std::span<const std::byte> bytes, uint64_t durable_block) {
  std::vector<BlockSpot> blocks;
  if (bytes.size() < kSegmentHeaderBytes) return blocks;
  const StatusOr<SegmentHeader> segment = DecodeSegmentHeader(bytes.first(kSegmentHeaderBytes));
  if (!segment.ok()) return blocks;
  for (uint64_t at = kSegmentHeaderBytes; at + kBlockHeaderBytes <= bytes.size();) {
    BlockHeader header;
    if (DecodeBlockHeader(bytes.subspan(at), &header) != nullptr) break;
    if (header.segment_seq != segment->segment_seq || header.number > durable_block) break;
    blocks.push_back(
        {header.number, at, kBlockHeaderBytes + header.stored_bytes + kBlockChecksumBytes});
    at += BlockBytes(header.stored_bytes, segment->block_alignment);
  }
  return blocks;
}

BitFlip Flip(FaultEnv* image, const std::string& path, std::vector<std::byte> bytes, uint64_t from,
             uint64_t count, std::mt19937_64* random) {
  BitFlip flip = {path, from + (*random)() % count, static_cast<uint8_t>((*random)() % 8), 0};
  bytes[flip.offset] ^= static_cast<std::byte>(1 << flip.bit);
  image->SetBytes(path, std::move(bytes));
  return flip;
}

std::optional<BitFlip> FlipLedger(FaultEnv* image, const std::string& path,
                                  std::mt19937_64* random) {
  std::vector<std::byte> bytes = image->Bytes(path);
  std::vector<uint64_t> used;
  for (uint64_t at = 0; at < bytes.size(); ++at) {
    if (bytes[at] != std::byte{0}) used.push_back(at);
  }
  if (used.empty()) return std::nullopt;
  return Flip(image, path, std::move(bytes), used[(*random)() % used.size()], 1, random);
}

}  // namespace

std::string BitFlip::Describe() const {
  return "bit " + std::to_string(bit) + " of byte " + std::to_string(offset) + " of " +
         path.substr(path.find_last_of('/') + 1) +
         (block == 0 ? "" : " (block " + std::to_string(block) + ")");
}

std::optional<BitFlip> FlipAcknowledged(FaultEnv* image, uint64_t durable_block,
                                        std::mt19937_64* random) {
  std::vector<std::string> segments;
  for (const std::string& path : image->Names()) {
    if (IsSegment(path)) segments.push_back(path);
    if (Contains(path, "durability.log") && durable_block > 0 && (*random)() % 8 == 0) {
      return FlipLedger(image, path, random);
    }
  }
  if (segments.empty() || durable_block == 0) return std::nullopt;
  // The newest two segments hold the newest durable block.
  const uint64_t back = (*random)() % std::min<uint64_t>(segments.size(), 4);
  const std::string& path = segments[segments.size() - 1 - back];
  std::vector<std::byte> bytes = image->Bytes(path);
  const std::vector<BlockSpot> blocks = BlocksOf(bytes, durable_block);
  if (blocks.empty()) return std::nullopt;
  if ((*random)() % 8 == 0) {
    // A header becomes durable with the first block behind it.
    BitFlip flip = Flip(image, path, std::move(bytes), 0, kSegmentHeaderBytes, random);
    flip.block = blocks.front().number;
    return flip;
  }
  const bool newest = (*random)() % 2 == 0;
  const BlockSpot& spot = newest ? blocks.back() : blocks[(*random)() % blocks.size()];
  BitFlip flip = Flip(image, path, std::move(bytes), spot.offset, spot.bytes, random);
  flip.block = spot.number;
  return flip;
}

uint64_t ProvenBlock(const FaultEnv& image) {
  uint64_t proven = 0;
  for (const std::string& path : image.Names()) {
    if (!path.ends_with("/durability.log")) continue;
    const std::vector<std::byte> bytes = image.Bytes(path);
    const LedgerCodec codec = DetectLedgerCodec(bytes);
    const size_t slot_bytes = LedgerSlotBytes(codec);
    for (size_t at = 0; at + slot_bytes <= bytes.size(); at += slot_bytes) {
      LedgerRecord record;
      if (!DecodeLedgerSlot(codec, std::span(bytes).subspan(at, slot_bytes), &record)) continue;
      const auto tag = static_cast<LedgerTag>(record.io_mode);
      if (tag == LedgerTag::kBlock) proven = std::max(proven, record.term);
      if (tag == LedgerTag::kClaim && record.term > 0) proven = std::max(proven, record.term - 1);
    }
  }
  return proven;
}

bool HasBlockAbove(const FaultEnv& image, uint64_t block) {
  for (const std::string& path : image.Names()) {
    if (!IsSegment(path)) continue;
    const std::vector<std::byte> bytes = image.Bytes(path);
    const std::span<const std::byte> all(bytes);
    const bool is_whole = bytes.size() > kSegmentHeaderBytes &&
                          DecodeSegmentHeader(all.first(kSegmentHeaderBytes)).ok();
    if (!is_whole) continue;
    for (size_t at = kSegmentHeaderBytes; at + kSector <= bytes.size(); at += kSector) {
      BlockHeader header;
      const bool is_header = DecodeBlockHeader(all.subspan(at), &header) == nullptr;
      if (is_header && header.number > block) return true;
    }
  }
  return false;
}

bool SameFiles(const FaultEnv& a, const FaultEnv& b) {
  const auto names = [](const FaultEnv& env) {
    std::vector<std::string> kept = env.Names();
    std::erase_if(kept, [](const std::string& name) {
      return Contains(name, "boot_record") || Contains(name, ".write_probe");
    });
    return kept;
  };
  const std::vector<std::string> kept = names(a);
  const bool is_rewrite = std::any_of(
      kept.begin(), kept.end(), [](const std::string& path) { return Contains(path, "rewrite-"); });
  if (is_rewrite) return true;
  if (kept != names(b)) return false;
  return std::all_of(kept.begin(), kept.end(),
                     [&](const std::string& path) { return a.Bytes(path) == b.Bytes(path); });
}

}  // namespace clustor::test
