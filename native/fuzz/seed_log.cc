#include "seed_log.h"

#include <array>

#include "base/coding.h"
#include "wal/format.h"

namespace clustor::fuzz {

std::shared_ptr<const KeyRing> SeedKeys() {
  static const std::shared_ptr<const KeyRing> kKeys = [] {
    auto ring = std::make_shared<KeyRing>();
    std::array<std::byte, kKeyBytes> key;
    key.fill(std::byte{0x5e});
    ring->AddDek(1, key);
    ring->AddMac(1, key);
    ring->SetActive(1, 1);
    ring->AllowPlain(true);  // Inputs mix segments of all kinds.
    return ring;
  }();
  return kKeys;
}

std::vector<LogOptions> SeedOptions() {
  LogOptions plain = test::SmallOptions();
  plain.block_alignment = 512;
  LogOptions aligned = test::SmallOptions();
  LogOptions json = plain;
  json.encoding = LogEncoding::kJson;
  json.ledger_codec = LedgerCodec::kJson;
  LogOptions leaves = plain;
  leaves.merkle_leaves = true;
  LogOptions json_leaves = json;
  json_leaves.merkle_leaves = true;
  LogOptions encrypted = plain;
  encrypted.keys = SeedKeys();
  return {plain, aligned, json, leaves, json_leaves, encrypted};
}

void WriteSeedLog(test::LogFixture* log) {
  HOLDS(log->Open());
  HOLDS(log->SaveHardState({1, 1, 0}).ok());
  HOLDS(log->Append({{1, 0, "one"}, {1, 0, ""}, {1, 17, "three"}}).ok());
  HOLDS(log->Append(std::string(600, '\0')).ok());
  HOLDS(log->Replace(3, {{2, 0, "instead"}}).ok());
  HOLDS(log->SaveHardState({2, 3, 2}).ok());
  log->Close();
}

std::vector<Bytes> SeedBlocks(LogOptions options) {
  options.block_alignment = 512;
  test::LogFixture log(options);
  WriteSeedLog(&log);
  const Bytes segment = log.env->Bytes(log.SegmentPath(1));
  std::vector<Bytes> blocks;
  for (size_t at = kSegmentHeaderBytes; Load32(segment.data() + at) == kBlockMagic;) {
    const uint32_t stored = Load32(segment.data() + at + 64);
    const auto begin = segment.begin() + static_cast<ptrdiff_t>(at);
    blocks.emplace_back(
        begin, begin + static_cast<ptrdiff_t>(kBlockHeaderBytes + stored + kBlockChecksumBytes));
    at += BlockBytes(stored, 512);
  }
  return blocks;
}

StoredForm FormOf(std::byte form) {
  return {(form & std::byte{1}) != std::byte{0}, (form & std::byte{2}) != std::byte{0}};
}

std::byte FormByte(const LogOptions& options) {
  return static_cast<std::byte>((options.encoding == LogEncoding::kJson ? 1 : 0) |
                                (options.merkle_leaves ? 2 : 0));
}

}  // namespace clustor::fuzz
