// CRC32C (Castagnoli). Hardware where there is some (SSE4.2, ARMv8), the same values everywhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace clustor {

// The CRC of `bytes` continued from `crc`, the CRC of what came before (0 at the start).
uint32_t Crc32cExtend(uint32_t crc, std::span<const std::byte> bytes);

inline uint32_t Crc32c(std::span<const std::byte> bytes) { return Crc32cExtend(0, bytes); }

// The portable implementation, for tests and hosts without the instruction.
uint32_t Crc32cExtendSoftware(uint32_t crc, std::span<const std::byte> bytes);

}  // namespace clustor
