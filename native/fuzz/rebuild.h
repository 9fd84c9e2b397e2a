// The way back: what a decoder accepted, encoded again, is what was there byte for byte.
#pragma once

#include "fuzz_target.h"
#include "wal/block_reader.h"

namespace clustor::fuzz {

// Binary frames of entries.
void CheckEntriesRebuild(std::span<const std::byte> frames);
// Stored frames of any kind and the binary ones they were decoded to.
void CheckStoredFramesRebuild(StoredForm form, std::span<const std::byte> stored,
                              std::span<const std::byte> frames);
// A block whose checksums hold and whose frames were replayed.
void CheckBlockRebuilds(StoredForm form, const BlockView& block);

}  // namespace clustor::fuzz
