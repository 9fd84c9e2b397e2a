// The trailer of a sealed segment (docs/wal-format.md, "Trailer of a sealed segment"): its bytes,
// its lanes and its code.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/crc_lanes.h"
#include "base/status.h"
#include "crypto/hash.h"
#include "wal/format.h"

namespace clustor {

inline constexpr size_t kTrailerBytes = 94;  // The published fields; a CRC of 4 bytes follows them.
inline constexpr uint8_t kTrailerVersion = 1;

enum class MacSuite : uint8_t {
  kLanes = 1,    // The published one: over the lanes alone, which a forger can keep. Never written.
  kContent = 2,  // Also over a SHA-256 of all that the segment holds.
};

struct SegmentTrailer {
  MacSuite suite = MacSuite::kContent;
  uint64_t segment_seq = 0;
  uint64_t first_index = 0;  // Of the first entry in the segment, 0 when there is none.
  uint64_t last_index = 0;   // Of the last one.
  uint32_t entry_count = 0;
  CrcLanes::Bytes entries_lanes{};
  CrcLanes::Bytes offsets_lanes{};
  Sha256Digest mac{};
};

// REQUIRES: page.size() == kTrailerPageBytes.
void EncodeTrailer(const SegmentTrailer& trailer, std::span<std::byte> page);
// Nothing when there is no trailer that verifies, or one of another version or suite.
// REQUIRES: page.size() == kTrailerPageBytes.
std::optional<SegmentTrailer> DecodeTrailer(std::span<const std::byte> page);

// The code of a trailer, from all its fields but mac. content: of suite kContent only.
// Errors: of HmacSha256.
StatusOr<Sha256Digest> TrailerMac(const SegmentTrailer& trailer, const Sha256Digest& content,
                                  HmacSha256* key);

}  // namespace clustor
