// The flip of a rewritten log: the moment from which the rewritten segments are the log
// (docs/wal-format.md, "Rewriting a log").
#pragma once

#include <memory>

#include "base/status.h"
#include "os/env.h"
#include "wal/paths.h"

namespace clustor {

// After a flip, gives the rewritten segments their names; durable on OK. Changes nothing when there
// was none, and is safe to be interrupted and called again. REQUIRES: the lock of the log is held.
Status FinishRewrite(Env* env, const LogPaths& paths);

// The file system as FinishRewrite would leave it, for who may only read: a log that a crash left
// between flip and names is whole, and is to be shown so. `env` itself when there was no flip; else
// *view owns what is returned. `env` and `paths` outlive it.
StatusOr<Env*> ViewFinished(Env* env, const LogPaths& paths, std::unique_ptr<Env>* view);

}  // namespace clustor
