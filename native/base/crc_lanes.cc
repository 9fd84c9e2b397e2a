#include "base/crc_lanes.h"

#include <algorithm>
#include <cstring>

#include "base/coding.h"
#include "base/crc32c.h"

namespace clustor {

void CrcLanes::Add(std::span<const std::byte> bytes) {
  if (carry_bytes_ > 0) {
    const size_t taken = std::min(bytes.size(), kBytes - carry_bytes_);
    std::memcpy(carry_.data() + carry_bytes_, bytes.data(), taken);
    carry_bytes_ += taken;
    bytes = bytes.subspan(taken);
    if (carry_bytes_ < kBytes) return;
    Crc32cExtendLanes(&lanes_, carry_);
  }
  const size_t rows_bytes = bytes.size() / kBytes * kBytes;
  Crc32cExtendLanes(&lanes_, bytes.first(rows_bytes));
  carry_bytes_ = bytes.size() - rows_bytes;
  if (carry_bytes_ > 0) std::memcpy(carry_.data(), bytes.data() + rows_bytes, carry_bytes_);
}

CrcLanes::Bytes CrcLanes::Value() const {
  std::array<uint32_t, 4> lanes = lanes_;
  Bytes padded{};
  std::memcpy(padded.data(), carry_.data(), carry_bytes_);
  for (size_t at = 0; at < carry_bytes_; at += 4) {
    uint32_t* lane = &lanes[at / 4];
    *lane = Crc32cExtend(*lane, std::span(padded).subspan(at, 4));
  }
  Bytes value;
  for (size_t i = 0; i < lanes.size(); ++i) Store32(value.data() + 4 * i, lanes[i]);
  return value;
}

}  // namespace clustor
