// CRC32C (Castagnoli). Hardware where there is some (SSE4.2, ARMv8), the same values everywhere.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace clustor {

// The CRC of `bytes` continued from `crc`, the CRC of what came before (0 at the start).
uint32_t Crc32cExtend(uint32_t crc, std::span<const std::byte> bytes);

// Copies the bytes to `to` and returns the CRC continued over what was copied; every byte is read
// once. For memory that another core reads next and has read before: large copies go past the
// caches, as taking the lines away from that core costs several times the copy. They overlap
// nothing.
uint32_t Crc32cCopy(uint32_t crc, std::byte* to, std::span<const std::byte> bytes);

// Four CRCs at a time: word i of `rows`, little-endian words of 32 bits, extends crcs[i % 4].
// REQUIRES: rows.size() is a multiple of 16.
void Crc32cExtendLanes(std::array<uint32_t, 4>* crcs, std::span<const std::byte> rows);

inline uint32_t Crc32c(std::span<const std::byte> bytes) { return Crc32cExtend(0, bytes); }

// The portable implementation, for tests and hosts without the instruction.
uint32_t Crc32cExtendSoftware(uint32_t crc, std::span<const std::byte> bytes);

}  // namespace clustor
