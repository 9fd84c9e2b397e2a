// boot_record.json (docs/wal-format.md, "boot_record.json"): what the newest open of a log found,
// for people and their tools. Nothing reads it back.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"
#include "os/env.h"
#include "wal/log.h"
#include "wal/options.h"
#include "wal/paths.h"

namespace clustor {

struct BootRecord {
  LogIdentity identity;
  uint64_t opened_ms = 0;  // When the open ended.
  // Why the log is quarantined: it was not opened, or was damaged since. OK: it is not.
  Status damage;
};

std::string FormatBootRecord(const BootRecord& record, const RecoveryReport& report);

// Durable on OK. A log works as well without: whoever opens it only notes a failure.
Status WriteBootRecord(Env* env, const LogPaths& paths, const BootRecord& record,
                       const RecoveryReport& report);

}  // namespace clustor
