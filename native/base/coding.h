// Little-endian integers in byte buffers: the only way integers reach disk or wire.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace clustor {

static_assert(std::endian::native == std::endian::little, "big-endian hosts are not supported");

// Positions (terms, indexes, segment and block numbers) stay below this, so that JavaScript holds
// them exactly.
inline constexpr uint64_t kPositionMax = (1ull << 53) - 1;

template <typename Integer>
inline Integer LoadLittle(const std::byte* from) {
  Integer value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

template <typename Integer>
inline void StoreLittle(std::byte* to, Integer value) {
  std::memcpy(to, &value, sizeof(value));
}

inline uint16_t Load16(const std::byte* from) { return LoadLittle<uint16_t>(from); }
inline uint32_t Load32(const std::byte* from) { return LoadLittle<uint32_t>(from); }
inline uint64_t Load64(const std::byte* from) { return LoadLittle<uint64_t>(from); }
inline void Store16(std::byte* to, uint16_t value) { StoreLittle(to, value); }
inline void Store32(std::byte* to, uint32_t value) { StoreLittle(to, value); }
inline void Store64(std::byte* to, uint64_t value) { StoreLittle(to, value); }

// The smallest multiple of `alignment`, a power of two, that is not below value.
constexpr uint64_t AlignUp(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) & ~(alignment - 1);
}

}  // namespace clustor
