// The settling copy: what recovery keeps of the newest block while it writes that block again in
// place, for the write may tear and the block may be one that was acknowledged (docs/wal-format.md,
// section 8).
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "os/env.h"
#include "wal/paths.h"
#include "wal/scan.h"

namespace clustor {

struct SettlingCopy {
  uint64_t segment_seq = 0;
  uint64_t block = 0;
  uint64_t offset = 0;           // 0: the segment header is in front of the block.
  std::vector<std::byte> bytes;  // What the segment holds from offset on, without padding.
};

// Durable on OK. Replaces the copy that is there.
Status SaveSettlingCopy(Env* env, const LogPaths& paths, const SettlingCopy& copy);

// Puts the block back when the scan ends before it, where it was: true when it did, and the
// directory is to be scanned again. Everything else that the file may hold is of no use any more.
// REQUIRES: the verdict of the scan is OK.
StatusOr<bool> RestoreFromCopy(Env* env, const LogPaths& paths, const DirectoryScan& scan);

// Removes the copy, if there is one. Not synced: a copy that comes back is one of a proven block.
Status RemoveSettlingCopy(Env* env, const LogPaths& paths);

}  // namespace clustor
