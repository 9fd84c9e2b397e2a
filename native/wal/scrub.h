// Scrub: verifies, piece by piece, what the disk holds of an open log, while it is written, read
// and cut (docs/wal-format.md, "Scrub").
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/status.h"
#include "crypto/key_ring.h"
#include "os/env.h"
#include "wal/block_reader.h"
#include "wal/catalog.h"
#include "wal/paths.h"
#include "wal/segment_mac.h"

namespace clustor {

// Where a scrub goes on. Starts at the oldest segment. One caller at a time.
struct ScrubCursor {
  uint64_t segment_seq = 0;  // 0: at the beginning.
  uint64_t offset = 0;       // Of the next block; 0: at the header.
  // The block before it. Not known at offset 0 of the oldest segment, and behind damage.
  std::optional<ChainEnd> chain;
  std::unique_ptr<SegmentMac> mac;  // Of the blocks so far; null without a mac_epoch.
  // Where the chain of the segment before this one ended, and why: whether it ended too early is
  // for the header of this one to say.
  uint64_t end_offset = 0;
  std::string end_why;
};

struct ScrubStep {
  uint64_t bytes = 0;      // Verified by this step.
  bool pass_done = false;  // The end was reached: the next step begins again.
};

// What is there to scrub.
struct ScrubTarget {
  Env* env = nullptr;
  const LogPaths* paths = nullptr;
  const Catalog* catalog = nullptr;
  const KeyHolder* keys = nullptr;
  // The durable end of the log: nothing at or behind it is looked at.
  uint64_t tail_segment = 0;
  uint64_t tail_offset = 0;
};

// Verifies about bytes_max bytes from the cursor on, at least one block, and moves the cursor; ends
// with the segment. Memory: as BlockReader. Segments that were removed meanwhile are passed over.
// Errors: kLogCorrupt with segment, offset and, where entries are lost, their indexes; the cursor
// then stands on the next segment. Failed reads, and what is wrong with the keys, with the cursor
// where it was.
StatusOr<ScrubStep> ScrubNext(const ScrubTarget& target, uint64_t bytes_max, ScrubCursor* cursor);

}  // namespace clustor
