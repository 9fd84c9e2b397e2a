// Four CRC32Cs at a time by carry-less multiplication: several times as fast as the instruction for
// CRC32C, which takes one word of a lane at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace clustor {

// Bytes of rows that one step takes.
inline constexpr size_t kFoldBytes = 256;

// Whether this processor can (x86-64 with AVX-512 and VPCLMULQDQ).
bool CanFoldLanes();

// Crc32cExtendLanes for rows of any multiple of kFoldBytes, not none. REQUIRES: CanFoldLanes().
void FoldLanes(std::array<uint32_t, 4>* crcs, std::span<const std::byte> rows);

}  // namespace clustor
