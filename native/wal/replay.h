// Replay: applies valid blocks, in order, to what the log says.
#pragma once

#include <cstdint>
#include <vector>

#include "wal/block_reader.h"
#include "wal/frame.h"
#include "wal/hard_state.h"

namespace clustor {

struct ReplayedLog {
  HardState hard_state;
  uint64_t first_index = 1;
  uint64_t last_index = 0;  // first_index - 1 when there is no entry.
  std::vector<EntryRun> runs;
  std::vector<uint32_t> byte_lengths;

  // Term of the last entry, 0 when none is there.
  uint64_t last_term() const { return runs.empty() ? 0 : runs.back().term; }
  // Removes the entries at and above from. REQUIRES: from <= last_index + 1.
  void Truncate(uint64_t from);
};

// Starts a log whose oldest segment has this base index.
void StartReplay(uint64_t base_index, ReplayedLog* log);

// Applies a block whose checksums hold. Nullptr on success; else why its records contradict its
// header or the log before it: never a torn write, for the checksum covers them.
const char* ReplayBlock(const BlockView& block, ReplayedLog* log);

}  // namespace clustor
