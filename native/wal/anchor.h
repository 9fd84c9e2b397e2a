// The anchor: what somebody outside of the directory knows that the log has reached
// (docs/wal-format.md, section 8.2).
#pragma once

#include "base/status.h"
#include "os/env.h"
#include "wal/options.h"
#include "wal/paths.h"
#include "wal/scan.h"

namespace clustor {

// kLogRolledBack when a log that verifies ends before the anchor, or has another block in its
// place. Of an anchor in a prefix that was removed nothing can be said: OK.
Status CheckAnchor(const DirectoryScan& scan, const LogAnchor& anchor, const LogPaths& paths);

// The same of a directory in which there is no log at all, before one is made.
Status CheckAnchorExists(Env* env, const LogAnchor& anchor, const LogPaths& paths);

}  // namespace clustor
