// RewriteDirectory: makes a log anew in its place, for new keys, another encoding, leaves or
// another segment size (docs/wal-format.md, "Rewriting a log"). Offline.
#pragma once

#include <cstdint>

#include "base/status.h"
#include "os/env.h"
#include "wal/options.h"

namespace clustor {

struct RewriteReport {
  uint64_t first_index = 0;
  uint64_t last_index = 0;
  uint64_t blocks = 0;
  uint64_t segments_before = 0;
  uint64_t segments_after = 0;
  uint64_t first_segment = 0;  // segment_seq of the oldest new one.
  uint64_t bytes_written = 0;  // Blocks, padding included.
  LogAnchor end;               // The newest block: an anchor kept elsewhere must be replaced by it.
};

// Copies every block of the log into new segments, with its number, under the active keys,
// encoding, leaves, alignment and segment size of the options; then, in one step, makes them the
// log; then removes the old files and every spare. The identity is the directory's; durability and
// ledger setting play no part. Segments become larger than asked for when a block would not fit. A
// crash at any moment leaves the log as it was or as it shall be; calling again is always safe.
// Errors: those of Log::Open (the log is opened and recovered first); kDiskFull, before anything is
// written, naming the bytes needed: nothing of the old log goes before the new one is complete;
// kTooLarge when no segment could hold a block; failed calls: the log is then as it was, unless the
// message says otherwise.
// Memory: one block, and what Log::Open needs. Freed space is not overwritten: bytes of removed
// files can stay on the device until it uses them again.
StatusOr<RewriteReport> RewriteDirectory(Env* env, LogOptions options);

}  // namespace clustor
