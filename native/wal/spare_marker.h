// The first page of a spare file (docs/wal-format.md, section 3.1). A file with a valid marker is
// complete and may become a segment; it says whose blocks are still in it. Never a segment header.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/status.h"
#include "os/env.h"

namespace clustor {

inline constexpr size_t kSpareMarkerBytes = 4096;

struct SpareMarker {
  uint64_t file_bytes = 0;
  bool recycled = false;   // Holds blocks of a segment; else zeros.
  uint8_t cipher = 0;      // Of those blocks.
  uint32_t dek_epoch = 0;  // Likewise.
};

// REQUIRES: into.size() == kSpareMarkerBytes.
void EncodeSpareMarker(const SpareMarker& marker, std::span<std::byte> into);
// Nothing when the page does not hold a valid marker. REQUIRES: as above.
std::optional<SpareMarker> DecodeSpareMarker(std::span<const std::byte> bytes);

// Writes the marker over the first page. Not synced.
Status WriteSpareMarker(File* file, const SpareMarker& marker);
// The marker of a file of exactly the bytes that it names; nothing for any other file.
StatusOr<std::optional<SpareMarker>> ReadSpareMarker(File* file);

}  // namespace clustor
