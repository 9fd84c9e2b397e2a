// Bugs that can be switched on, one at a time, to show that the campaign of crash images finds them
// (docs/testing.md). Only the checked build has them: without CLUSTOR_PLANTED_BUGS every IsPlanted
// is a constant false and leaves nothing behind.
#pragma once

#include <cstdint>

#ifdef CLUSTOR_PLANTED_BUGS
#include <atomic>
#endif

namespace clustor {

enum class PlantedBug : uint8_t {
  kNone,
  kSkipSegmentSync,    // A block counts as durable when it was written.
  kSkipLedgerSync,     // A write completes before its proof is durable.
  kSkipBlockChecksum,  // A block is taken when its header holds.
  kLengthChecksum,     // The checksum of a block is that of all its bytes, and so of none.
  kIgnoreLedger,       // The verdict does not ask what the ledger proves.
  kReplayRecycled,     // Whose block it is, and which one, is not asked.
  kSkipDirectorySync,  // A new segment is used before its name is durable.
  kSkipRollback,       // A block that met a shortage stays where it was written.
  kSkipPrefixRecord,   // Segments go and the ledger does not say so.
  kSkipSettlingCopy,   // Recovery writes the last block in place without a copy of it.
};

#ifdef CLUSTOR_PLANTED_BUGS
// Relaxed: set by a test before it opens a log.
inline std::atomic<PlantedBug> planted_bug{PlantedBug::kNone};
inline bool IsPlanted(PlantedBug bug) { return planted_bug.load(std::memory_order_relaxed) == bug; }
#else
constexpr bool IsPlanted(PlantedBug) { return false; }
#endif

}  // namespace clustor
