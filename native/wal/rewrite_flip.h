// The flip of a rewritten log: the moment from which the rewritten segments are the log
// (docs/wal-format.md, "Rewriting a log").
#pragma once

#include "base/status.h"
#include "os/env.h"
#include "wal/paths.h"

namespace clustor {

// After a flip, gives the rewritten segments their names; durable on OK. Changes nothing when there
// was none, and is safe to be interrupted and called again. REQUIRES: the lock of the log is held.
Status FinishRewrite(Env* env, const LogPaths& paths);

}  // namespace clustor
