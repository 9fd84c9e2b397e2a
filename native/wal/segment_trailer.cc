#include "wal/segment_trailer.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "base/coding.h"
#include "base/crc32c.h"

namespace clustor {

namespace {

constexpr size_t kMacOffset = kTrailerBytes - kSha256Bytes;
// The fields that the code covers; it does not cover version and suite, but each suite has its own
// label.
constexpr size_t kCoveredOffset = 2;

std::string_view LabelOf(MacSuite suite) {
  return suite == MacSuite::kLanes ? "segment-mac-v1" : "segment-mac-v2";
}

void EncodeFields(const SegmentTrailer& trailer, std::byte* into) {
  into[0] = std::byte{kTrailerVersion};
  into[1] = static_cast<std::byte>(trailer.suite);
  Store64(into + 2, trailer.segment_seq);
  Store64(into + 10, trailer.first_index);
  Store64(into + 18, trailer.last_index);
  Store32(into + 26, trailer.entry_count);
  std::memcpy(into + 30, trailer.entries_lanes.data(), CrcLanes::kBytes);
  std::memcpy(into + 46, trailer.offsets_lanes.data(), CrcLanes::kBytes);
}
static_assert(46 + CrcLanes::kBytes == kMacOffset);

}  // namespace

void EncodeTrailer(const SegmentTrailer& trailer, std::span<std::byte> page) {
  std::fill(page.begin(), page.end(), std::byte{0});
  EncodeFields(trailer, page.data());
  std::memcpy(page.data() + kMacOffset, trailer.mac.data(), trailer.mac.size());
  Store32(page.data() + kTrailerBytes, Crc32c(page.first(kTrailerBytes)));
}

std::optional<SegmentTrailer> DecodeTrailer(std::span<const std::byte> page) {
  const std::byte* from = page.data();
  if (Load32(from + kTrailerBytes) != Crc32c(page.first(kTrailerBytes)) ||
      from[0] != std::byte{kTrailerVersion}) {
    return std::nullopt;
  }
  // The rest of the page is zero, or the page was not written as a whole.
  const auto rest = page.subspan(kTrailerBytes + 4);
  if (std::any_of(rest.begin(), rest.end(), [](std::byte b) { return b != std::byte{0}; })) {
    return std::nullopt;
  }
  SegmentTrailer trailer;
  trailer.suite = static_cast<MacSuite>(from[1]);
  if (trailer.suite != MacSuite::kLanes && trailer.suite != MacSuite::kContent) {
    return std::nullopt;
  }
  trailer.segment_seq = Load64(from + 2);
  trailer.first_index = Load64(from + 10);
  trailer.last_index = Load64(from + 18);
  trailer.entry_count = Load32(from + 26);
  std::memcpy(trailer.entries_lanes.data(), from + 30, CrcLanes::kBytes);
  std::memcpy(trailer.offsets_lanes.data(), from + 46, CrcLanes::kBytes);
  std::memcpy(trailer.mac.data(), from + kMacOffset, trailer.mac.size());
  return trailer;
}

StatusOr<Sha256Digest> TrailerMac(const SegmentTrailer& trailer, const Sha256Digest& content,
                                  HmacSha256* key) {
  std::array<std::byte, kMacOffset> fields;
  EncodeFields(trailer, fields.data());
  key->Update(std::as_bytes(std::span(LabelOf(trailer.suite))));
  key->Update(std::span(fields).subspan(kCoveredOffset));
  if (trailer.suite == MacSuite::kContent) key->Update(content);
  return key->Finish();
}

}  // namespace clustor
