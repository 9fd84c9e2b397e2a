// CRC32C in four lanes: word i of a stream of 32-bit words goes to lane i mod 4.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace clustor {

class CrcLanes {
 public:
  static constexpr size_t kBytes = 16;
  using Bytes = std::array<std::byte, kBytes>;

  void Add(std::span<const std::byte> bytes);
  // The lanes as four u32, with the last word padded with zeros. More can be added afterwards.
  Bytes Value() const;

 private:
  std::array<uint32_t, 4> lanes_{};
  Bytes carry_{};  // Of a row of four words that is not complete.
  size_t carry_bytes_ = 0;
};

}  // namespace clustor
