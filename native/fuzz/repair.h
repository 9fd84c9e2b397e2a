// Repairs checksums, so that mutated bytes get past them and reach what lies behind: each function
// walks its bytes as the decoder does and stores the checksum that belongs there. They stop where
// the lengths lead outside.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "fuzz_target.h"

namespace clustor::fuzz {

void RepairFrames(std::span<std::byte> bytes);
// Frames, header and block checksum of the block at bytes[0].
void RepairBlock(std::span<std::byte> bytes);
// REQUIRES: kSegmentHeaderBytes of them.
void RepairSegmentHeader(std::span<std::byte> bytes);
void RepairLedger(std::span<std::byte> bytes);

}  // namespace clustor::fuzz
