#include "wal/spare_marker.h"

#include <array>
#include <cstring>

#include "base/coding.h"
#include "base/crc32c.h"

namespace clustor {

namespace {

constexpr uint64_t kSpareMagic = 0x5250535254534c43;  // "CLSTRSPR"
constexpr uint32_t kSpareVersion = 1;
constexpr size_t kCrcOffset = kSpareMarkerBytes - 4;

}  // namespace

void EncodeSpareMarker(const SpareMarker& marker, std::span<std::byte> into) {
  std::memset(into.data(), 0, kSpareMarkerBytes);
  std::byte* to = into.data();
  Store64(to, kSpareMagic);
  Store32(to + 8, kSpareVersion);
  Store32(to + 16, marker.recycled ? 1 : 0);
  Store32(to + 20, marker.cipher);
  Store32(to + 24, marker.dek_epoch);
  Store64(to + 32, marker.file_bytes);
  Store32(to + kCrcOffset, Crc32c(into.first(kCrcOffset)));
}

std::optional<SpareMarker> DecodeSpareMarker(std::span<const std::byte> bytes) {
  const std::byte* from = bytes.data();
  if (Load64(from) != kSpareMagic || Load32(from + 8) != kSpareVersion ||
      Load32(from + kCrcOffset) != Crc32c(bytes.first(kCrcOffset))) {
    return std::nullopt;
  }
  SpareMarker marker;
  marker.recycled = Load32(from + 16) != 0;
  marker.cipher = static_cast<uint8_t>(Load32(from + 20));
  marker.dek_epoch = Load32(from + 24);
  marker.file_bytes = Load64(from + 32);
  return marker;
}

Status WriteSpareMarker(File* file, const SpareMarker& marker) {
  std::array<std::byte, kSpareMarkerBytes> bytes;
  EncodeSpareMarker(marker, bytes);
  return file->WriteAt(0, bytes);
}

StatusOr<std::optional<SpareMarker>> ReadSpareMarker(File* file) {
  std::array<std::byte, kSpareMarkerBytes> bytes;
  const StatusOr<size_t> got = file->ReadAt(0, bytes);
  if (!got.ok()) return got.status();
  if (*got < bytes.size()) return std::optional<SpareMarker>();
  const std::optional<SpareMarker> marker = DecodeSpareMarker(bytes);
  const StatusOr<uint64_t> file_bytes = file->Bytes();
  if (!file_bytes.ok()) return file_bytes.status();
  if (!marker || marker->file_bytes != *file_bytes) return std::optional<SpareMarker>();
  return marker;
}

}  // namespace clustor
