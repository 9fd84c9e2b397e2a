// identity.json (docs/wal-format.md, section 2): whose log a directory holds.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"
#include "os/env.h"
#include "wal/options.h"
#include "wal/paths.h"

namespace clustor {

std::string FormatIdentity(const LogIdentity& identity, uint64_t created_ms);
// Accepts exactly the form of FormatIdentity. Errors: kFormatNewer, kLogCorrupt.
StatusOr<LogIdentity> ParseIdentity(std::string_view text);

// Reads and parses the file. Errors: as ParseIdentity, with path; kIo with ENOENT when missing.
StatusOr<LogIdentity> ReadIdentity(Env* env, const LogPaths& paths);
// Writes the file; durable on OK.
Status WriteIdentity(Env* env, const LogPaths& paths, const LogIdentity& identity);

// OK when `there` is what was expected. Errors: kIdentityMismatch, naming both.
Status CheckIdentity(const LogIdentity& there, const LogIdentity& expected,
                     const std::string& path);

}  // namespace clustor
