// GroupPlan: what a commit group will write, checked against the end of the log. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/status.h"
#include "wal/format.h"
#include "wal/hard_state.h"
#include "wal/write_queue.h"

namespace clustor {

// The terms of the log's entries, run-length encoded.
class TermRuns {
 public:
  struct Run {
    uint64_t first_index = 0;
    uint64_t term = 0;
  };
  // Entries from first_index on have this term.
  void Append(uint64_t first_index, uint64_t term);
  void Truncate(uint64_t from);
  // Term of the entry at index; 0 when it is not known. REQUIRES: index is not above the last.
  uint64_t At(uint64_t index) const;

 private:
  std::vector<Run> runs_;
};

// Where the durable log ends.
struct LogEnd {
  HardState hard_state;
  uint64_t last_index = 0;
  uint64_t last_term = 0;
  TermRuns terms;
};

struct GroupPlan {
  size_t writes = 0;  // How many writes of the group are in it.
  Status refused;     // Why the write behind them is not; OK when all are in.
  std::optional<HardState> hard_state;
  std::optional<uint64_t> truncate_from;
  std::vector<const FrameBatch*> batches;
  std::vector<TermRuns::Run> terms;  // Runs that the batches add.
  uint64_t frame_bytes = 0;          // Of entries.
  StoredForm form;                   // Of PlanLimits,
  uint64_t stored_bytes = 0;         // and what the entries take in it.
  uint64_t entry_count = 0;
  uint64_t first_index = 0;  // 0 when there is no entry.
  uint64_t last_index = 0;   // Of the log afterwards.
  uint64_t last_term = 0;

  // Whether to write it is more of a wait for the disk than work.
  bool IsSmall() const { return writes <= 64 && stored_bytes <= 64 << 10; }
};

struct PlanLimits {
  uint64_t frame_bytes_max = 0;    // That one block of a fresh segment can hold, as stored there.
  uint32_t payload_bytes_max = 0;  // Of one entry.
  StoredForm form;                 // Of fresh segments.
};

// Plans the longest prefix of the group whose writes follow `end` and each other.
GroupPlan PlanGroup(std::span<const QueuedWrite> group, const LogEnd& end,
                    const PlanLimits& limits);

}  // namespace clustor
