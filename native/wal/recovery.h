// Recovery: makes a judged directory ready for writing (docs/wal-format.md, section 8, steps 4 to
// 6).
#pragma once

#include "base/status.h"
#include "os/env.h"
#include "wal/committer.h"
#include "wal/log.h"
#include "wal/paths.h"
#include "wal/scan.h"

namespace clustor {

// Acts on a scan whose verdict is OK: removes what is no part of the log, zeroes the torn tail,
// makes durable and proves what was not proven, makes the first ledger and segment of a new log,
// and starts the committer. Idempotent: a crash anywhere in it leaves a directory that recovers the
// same.
Status Recover(Env* env, const LogPaths& paths, DirectoryScan* scan, Committer* committer,
               RecoveryReport* report);

// What a scan says in the terms of the report; moves the entry columns out of it.
void FillReport(DirectoryScan* scan, RecoveryReport* report);

}  // namespace clustor
