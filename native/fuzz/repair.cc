#include "repair.h"

#include <array>
#include <charconv>
#include <cstring>
#include <string_view>

#include "base/coding.h"
#include "base/crc32c.h"
#include "wal/format.h"
#include "wal/json_body.h"
#include "wal/ledger_codec.h"
#include "wal/merkle.h"

namespace clustor::fuzz {

namespace {

// The binary frame whose body is the JSON text of a stored one; empty when it is none.
Bytes BinaryOf(std::span<const std::byte> frame, std::span<const std::byte> text) {
  Bytes binary(text.size() + 64);
  size_t bytes = 0;
  const bool is_state = (Load16(frame.data() + 2) & kFrameFlagState) != 0;
  const char* why = is_state ? DecodeJsonState(text, binary.data(), &bytes)
                             : DecodeJsonEntry(text, binary.data(), &bytes);
  binary.resize(why == nullptr ? bytes : 0);
  return binary;
}

// A leaf is made of the binary form of its frame.
void RepairLeaf(std::span<std::byte> frame) {
  const size_t leaf = frame.size() - kSha256Bytes;
  const auto body = frame.subspan(kFrameHeaderBytes, leaf - kFrameHeaderBytes - kFrameTrailerBytes);
  Bytes binary(frame.begin(), frame.begin() + static_cast<ptrdiff_t>(leaf));
  if (frame[1] == std::byte{kFrameCodecJson}) binary = BinaryOf(frame, body);
  if (binary.empty()) return;
  StatusOr<MerkleHasher> hasher = MerkleHasher::Create();
  HOLDS(hasher.ok());
  const MerkleHash hash = hasher->Leaf(binary);
  std::memcpy(frame.data() + leaf, hash.data(), hash.size());
}

}  // namespace

void RepairFrames(std::span<std::byte> bytes) {
  while (bytes.size() >= kFrameHeaderBytes) {
    const uint64_t covered = kFrameHeaderBytes + uint64_t{Load32(bytes.data() + 4)};
    const uint64_t frame_bytes = covered + Load32(bytes.data() + 8);
    if (frame_bytes > bytes.size() || frame_bytes < covered + kFrameTrailerBytes) return;
    Store32(bytes.data() + covered, Crc32c(bytes.first(static_cast<size_t>(covered))));
    if (frame_bytes == covered + kFrameTrailerMerkleBytes) {
      RepairLeaf(bytes.first(static_cast<size_t>(frame_bytes)));
    }
    bytes = bytes.subspan(static_cast<size_t>(frame_bytes));
  }
}

void RepairBlock(std::span<std::byte> bytes) {
  if (bytes.size() < kBlockHeaderBytes) return;
  const uint64_t stored_bytes = Load32(bytes.data() + 64);
  const uint64_t covered = kBlockHeaderBytes + stored_bytes;
  const bool whole = covered + kBlockChecksumBytes <= bytes.size();
  if (whole) {
    RepairFrames(bytes.subspan(kBlockHeaderBytes, static_cast<size_t>(stored_bytes)));
  }
  Store32(bytes.data() + 92, Crc32c(bytes.first(92)));
  if (whole) {
    Store32(bytes.data() + covered, BlockChecksum(bytes.first(static_cast<size_t>(covered))));
  }
}

void RepairSegmentHeader(std::span<std::byte> bytes) {
  constexpr size_t kCovered = kSegmentHeaderBytes - 4;
  Store32(bytes.data() + kCovered, Crc32c(bytes.first(kCovered)));
}

namespace {

// The decimal digits behind `name`, as far as they are digits.
uint64_t NumberBehind(std::string_view slot, std::string_view name) {
  const size_t at = slot.find(name);
  uint64_t value = 0;
  if (at == std::string_view::npos) return value;
  const std::string_view digits = slot.substr(at + name.size(), 20);
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

void RepairJsonSlot(std::span<std::byte> slot) {
  const std::string_view text(reinterpret_cast<const char*>(slot.data()), slot.size());
  constexpr std::string_view kCrc = "\"record_crc32c\":\"";
  const size_t at = text.find(kCrc);
  if (at == std::string_view::npos || at + kCrc.size() + 8 > slot.size()) return;
  const LedgerRecord record = {NumberBehind(text, "\"term\":\""),
                               NumberBehind(text, "\"index\":\""),
                               NumberBehind(text, "\"segment_seq\":\""),
                               static_cast<uint8_t>(NumberBehind(text, "\"io_mode\":")),
                               NumberBehind(text, "\"timestamp_ms\":\"")};
  std::array<std::byte, kLedgerJsonSlotBytes> repaired;
  EncodeLedgerSlot(LedgerCodec::kJson, record, repaired.data());
  const std::string_view right(reinterpret_cast<const char*>(repaired.data()), repaired.size());
  std::memcpy(slot.data() + at + kCrc.size(), right.data() + right.find(kCrc) + kCrc.size(), 8);
}

}  // namespace

void RepairLedger(std::span<std::byte> bytes) {
  if (!bytes.empty() && bytes[0] == std::byte{'{'}) {
    for (size_t at = 0; at + kLedgerJsonSlotBytes <= bytes.size(); at += kLedgerJsonSlotBytes) {
      RepairJsonSlot(bytes.subspan(at, kLedgerJsonSlotBytes));
    }
    return;
  }
  for (size_t at = 0; at + kLedgerRecordBytes <= bytes.size(); at += kLedgerRecordBytes) {
    const std::span<std::byte> slot = bytes.subspan(at, kLedgerRecordBytes);
    Store32(slot.data() + 33, Crc32c(slot.first(33)));
  }
}

}  // namespace clustor::fuzz
