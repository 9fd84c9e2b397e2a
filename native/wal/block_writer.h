// Writes the block of a commit group to its segment.
#pragma once

#include <cstdint>

#include "base/status.h"
#include "os/env.h"
#include "wal/block_builder.h"

namespace clustor {

// Completes the block and writes it at `offset`; not durable before the file is synced. A large
// block goes in steps, and the device works at one while the next is copied and the checksum made.
// On failure any part of the block may have been written. Errors: of File.
Status WriteBlock(File* file, uint64_t offset, BuiltBlock* block);

}  // namespace clustor
