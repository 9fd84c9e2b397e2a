// The form in which segments are fuzzed: a control byte, the first 128 bytes of the header, then
// the blocks without their padding. It leaves out the zeros, of which a segment has thousands, so
// that mutations hit bytes with a meaning.
#pragma once

#include <cstdint>
#include <span>

#include "fuzz_target.h"
#include "wal/segment_tail.h"

namespace clustor::fuzz {

// What expanding an input repairs; bits of its control byte.
inline constexpr uint8_t kRepairHeader = 1;  // Checksum of the segment header.
inline constexpr uint8_t kRepairBlocks = 2;  // Checksums of frames and blocks.
inline constexpr uint8_t kRepairChain = 4;   // segment_seq, salt, numbers, previous checksums.
inline constexpr uint8_t kRepairBytes = 8;   // segment_bytes becomes the bytes of the file.
inline constexpr uint8_t kRepairAll = 15;
inline constexpr uint8_t kRawFile = 128;  // The rest of the input is the file as it is.

// The file that an input stands for. *end: where its chain begins on entry, ends on return; it goes
// into the header with kRepairChain unless it is null. segment_seq 0 keeps what the input says.
Bytes ExpandSegment(std::span<const std::byte> input, uint64_t segment_seq, ChainEnd* end);
// The input that stands for a file.
Bytes CompactSegment(std::span<const std::byte> file);

}  // namespace clustor::fuzz
