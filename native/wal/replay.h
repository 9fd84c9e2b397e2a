// Replay: applies valid blocks, in order, to what the log says.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "wal/block_reader.h"
#include "wal/frame.h"
#include "wal/hard_state.h"

namespace clustor {

// An entry that follows one of an older segment, seen while a segment is replayed by itself: that
// the terms do not fall there can only be told later.
struct Junction {
  uint64_t index = 0;
  uint64_t term = 0;
  uint64_t block_offset = 0;
  uint64_t block = 0;
};

struct ReplayedLog {
  std::optional<HardState> hard_state;  // Nothing before the first one.
  uint64_t first_index = 1;
  uint64_t last_index = 0;  // first_index - 1 when there is no entry.
  std::vector<EntryRun> runs;
  bool keep_lengths = true;
  std::vector<uint32_t> byte_lengths;  // Empty when they are not kept.
  std::vector<Junction> junctions;     // Their indexes never rise.

  // Term of the last entry, 0 when none is there.
  uint64_t last_term() const { return runs.empty() ? 0 : runs.back().term; }
  // Term of the entry at index, 0 when it is not there.
  uint64_t TermAt(uint64_t index) const;
  // Removes the entries at and above from. REQUIRES: from <= last_index + 1.
  void Truncate(uint64_t from);
};

// Starts a log, or the part of it that one segment holds, at this base index.
void StartReplay(uint64_t base_index, ReplayedLog* log);

// Applies a block whose checksums hold. Nullptr on success; else why its records contradict its
// header or the log before it: never a torn write, for the checksum covers them.
const char* ReplayBlock(const BlockView& block, ReplayedLog* log);

// Applies what a segment, replayed by itself, does to the log of the segments before it. Nullptr on
// success; else the junction where the terms fall: the log then ends before it.
// REQUIRES: the base index of the segment is log->last_index + 1.
const Junction* ReplaySegment(const ReplayedLog& segment, ReplayedLog* log);

}  // namespace clustor
