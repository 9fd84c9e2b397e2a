#include "tamper_layout.h"

#include <algorithm>
#include <span>

#include "base/coding.h"
#include "base/crc32c.h"

namespace clustor::test {

namespace {

struct Field {
  const char* name;
  uint64_t offset;
  uint64_t bytes;
};

constexpr Field kSegmentFields[] = {{"magic", 0, 8},
                                    {"version", 8, 4},
                                    {"encoding", 12, 1},
                                    {"cipher", 13, 1},
                                    {"leaves", 14, 1},
                                    {"file flags", 15, 1},
                                    {"crypto block", 16, 4},
                                    {"alignment", 20, 4},
                                    {"segment_seq", 24, 8},
                                    {"base index", 32, 8},
                                    {"segment bytes", 40, 8},
                                    {"first block", 48, 8},
                                    {"previous checksum", 56, 4},
                                    {"dek epoch", 60, 4},
                                    {"mac epoch", 64, 4},
                                    {"replica", 72, 8},
                                    {"incarnation", 80, 8},
                                    {"created", 88, 8},
                                    {"dek check", 96, 8},
                                    {"mac check", 104, 8},
                                    {"partition", 112, 257},
                                    {"rest of the page", 369, 3723},
                                    {"CRC", 4092, 4}};

constexpr Field kBlockFields[] = {{"magic", 0, 4},
                                  {"flags", 4, 2},
                                  {"header bytes", 6, 2},
                                  {"segment_seq", 8, 8},
                                  {"number", 16, 8},
                                  {"first counter", 24, 8},
                                  {"plaintext bytes", 32, 4},
                                  {"entry count", 36, 4},
                                  {"first index", 40, 8},
                                  {"last index", 48, 8},
                                  {"last term", 56, 8},
                                  {"stored bytes", 64, 4},
                                  {"previous checksum", 68, 4},
                                  {"key salt", 72, 16},
                                  {"reserved", 88, 4},
                                  {"header CRC", 92, 4}};

constexpr Field kRecordFields[] = {{"term", 0, 8},     {"index", 8, 8},      {"segment_seq", 16, 8},
                                   {"io_mode", 24, 1}, {"timestamp", 25, 8}, {"CRC", 33, 4}};

std::vector<BlockPlace> BlocksOf(std::span<const std::byte> bytes, const SegmentHeader& segment) {
  std::vector<BlockPlace> blocks;
  for (uint64_t at = kSegmentHeaderBytes; at + kBlockHeaderBytes <= bytes.size();) {
    BlockPlace block;
    if (DecodeBlockHeader(bytes.subspan(at), &block.header) != nullptr) break;
    if (block.header.segment_seq != segment.segment_seq) break;
    block.offset = at;
    block.stored_bytes = block.header.stored_bytes;
    block.bytes = BlockBytes(block.stored_bytes, segment.block_alignment);
    if (at + block.bytes > bytes.size()) break;
    blocks.push_back(block);
    at += block.bytes;
  }
  return blocks;
}

void AddBlockRegions(const std::string& name, const BlockPlace& block, std::vector<Region>* all) {
  for (const Field& field : kBlockFields) {
    all->push_back({name + ", " + field.name, block.offset + field.offset, field.bytes});
  }
  const uint64_t frames = block.offset + kBlockHeaderBytes;
  const bool encrypted = (block.header.flags & kBlockFlagEncrypted) != 0;
  const uint64_t tag_bytes = encrypted ? 16 : 0;
  const uint64_t checksum = frames + block.stored_bytes;
  all->push_back({name + ", frames", frames, block.stored_bytes - tag_bytes});
  if (encrypted) all->push_back({name + ", tag", checksum - tag_bytes, tag_bytes});
  all->push_back({name + ", checksum", checksum, kBlockChecksumBytes});
  const uint64_t end = checksum + kBlockChecksumBytes;
  const uint64_t padding = block.offset + block.bytes - end;
  if (padding > 0) all->push_back({name + ", padding", end, padding});
}

// Returns the checksum of the last block.
uint32_t ForgeSegment(std::vector<std::byte>* bytes, bool first, uint32_t previous) {
  const std::span<std::byte> all(*bytes);
  if (all.size() < kSegmentHeaderBytes) return previous;
  if (!first) Store32(all.data() + 56, previous);
  previous = Load32(all.data() + 56);
  Store32(all.data() + 4092, Crc32c(all.first(4092)));
  const uint32_t alignment = std::clamp<uint32_t>(Load32(all.data() + 20), 512, 4096);
  for (uint64_t at = kSegmentHeaderBytes; at + kBlockHeaderBytes < all.size();) {
    std::byte* block = all.data() + at;
    const uint64_t covered = kBlockHeaderBytes + uint64_t{Load32(block + 64)};
    if (Load32(block) != kBlockMagic || covered + kBlockChecksumBytes > all.size() - at) break;
    Store32(block + 68, previous);
    Store32(block + 92, Crc32c({block, 92}));
    previous = BlockChecksum({block, static_cast<size_t>(covered)});
    Store32(block + covered, previous);
    at += BlockBytes(covered - kBlockHeaderBytes, alignment);
  }
  return previous;
}

void ForgeLedger(std::vector<std::byte>* bytes) {
  for (size_t at = 0; at + kLedgerRecordBytes <= bytes->size(); at += kLedgerRecordBytes) {
    std::byte* record = bytes->data() + at;
    const bool used = std::any_of(record, record + kLedgerRecordBytes,
                                  [](std::byte byte) { return byte != std::byte{0}; });
    if (used) Store32(record + 33, Crc32c({record, 33}));
  }
}

}  // namespace

std::string LedgerOf(const Files& files) {
  for (const auto& [path, bytes] : files) {
    if (path.ends_with("durability.log")) return path;
  }
  return "";
}

std::vector<SegmentPlace> SegmentsOf(const Files& files) {
  std::vector<SegmentPlace> segments;
  for (const auto& [path, content] : files) {
    if (!IsSegment(path)) continue;
    const std::vector<std::byte> bytes = content.All();
    const StatusOr<SegmentHeader> header =
        DecodeSegmentHeader(std::span(bytes).first(kSegmentHeaderBytes));
    if (!header.ok()) continue;
    segments.push_back({path, *header, BlocksOf(bytes, *header), false});
  }
  if (!segments.empty()) segments.back().is_tail = true;
  return segments;
}

std::vector<Region> RegionsOf(const SegmentPlace& segment) {
  std::vector<Region> regions;
  for (const Field& field : kSegmentFields) {
    regions.push_back({std::string("header, ") + field.name, field.offset, field.bytes});
  }
  const size_t count = segment.blocks.size();
  if (count == 0) return regions;
  AddBlockRegions("first block", segment.blocks.front(), &regions);
  if (count > 2) AddBlockRegions("middle block", segment.blocks[count / 2], &regions);
  if (count > 1) AddBlockRegions("last block", segment.blocks.back(), &regions);
  const uint64_t end = segment.blocks.back().offset + segment.blocks.back().bytes;
  const uint64_t trailer = segment.header.segment_bytes - kSegmentHeaderBytes;
  const bool has_trailer = segment.header.mac_epoch != 0;
  const uint64_t free_end = has_trailer ? trailer : segment.header.segment_bytes;
  if (free_end > end) regions.push_back({"behind the last block", end, free_end - end});
  if (!has_trailer) return regions;
  constexpr Field kTrailerFields[] = {{"version", 0, 1},
                                      {"suite", 1, 1},
                                      {"segment_seq", 2, 8},
                                      {"first index", 10, 8},
                                      {"last index", 18, 8},
                                      {"entry count", 26, 4},
                                      {"entry lanes", 30, 16},
                                      {"offset lanes", 46, 16},
                                      {"mac", 62, 32},
                                      {"CRC", 94, 4},
                                      {"rest of the page", 98, 3998}};
  for (const Field& field : kTrailerFields) {
    regions.push_back({std::string("trailer, ") + field.name, trailer + field.offset, field.bytes});
  }
  return regions;
}

std::vector<Region> LedgerRegionsOf(const PagedBytes& ledger) {
  std::vector<uint64_t> used;
  for (uint64_t at = 0; at + kLedgerRecordBytes <= ledger.bytes(); at += kLedgerRecordBytes) {
    if (!ledger.IsZero(at, kLedgerRecordBytes)) used.push_back(at);
  }
  std::vector<Region> regions;
  const auto add = [&](const std::string& name, uint64_t record) {
    for (const Field& field : kRecordFields) {
      regions.push_back({name + ", " + field.name, record + field.offset, field.bytes});
    }
  };
  for (size_t i = 0; i < used.size(); ++i) {
    if (i < 4) add("opening records", used[i]);
    if (i >= 4 && i + 2 < used.size() && i % 7 == 0) add("older records", used[i]);
    if (i + 2 >= used.size()) add("newest records", used[i]);
  }
  if (!used.empty()) {
    const uint64_t end = used.back() + kLedgerRecordBytes;
    regions.push_back({"behind the last record", end, ledger.bytes() - end});
  }
  return regions;
}

void ForgeChecksums(Files* files) {
  uint32_t previous = 0;
  bool first = true;
  for (auto& [path, content] : *files) {
    std::vector<std::byte> bytes = content.All();
    if (IsSegment(path)) {
      previous = ForgeSegment(&bytes, first, previous);
      first = false;
    } else if (path.ends_with("durability.log")) {
      ForgeLedger(&bytes);
    } else {
      continue;
    }
    content = PagedBytes(bytes);
  }
}

}  // namespace clustor::test
