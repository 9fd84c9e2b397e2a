// HoldingEnv: the operating system with a disk that hangs on demand, for the tests of the watchdog.
//
// When the process was started with CLUSTOR_TEST_HOLD_SYNCS=PATH, every fdatasync of a log waits
// for as long as a file of that name exists, on the thread that syncs, as a disk that does not
// answer would make it wait. Without the variable, which is looked up once, nothing stands between
// a log and the operating system. Documented for testers in docs/native.md.
#pragma once

#include <memory>

#include "os/env.h"

namespace clustor {

// What logs that JavaScript opens run on: PosixEnv, or a HoldingEnv over it. Lives forever.
std::shared_ptr<Env> EnvOfLogs();

}  // namespace clustor
