// The steps of Log::Open before recovery: options, directories, lock, probe, identity.
#pragma once

#include <memory>

#include "base/status.h"
#include "os/env.h"
#include "wal/options.h"
#include "wal/paths.h"

namespace clustor {

// Errors: kInvalidArgument naming the option; kCryptoUnavailable when an option needs it.
Status CheckOptions(const LogOptions& options);

// Refuses directories, or places for them, whose file system cannot keep the log's promise; changes
// nothing. Errors: kUnsafeFileSystem naming path and file system.
Status CheckFileSystems(Env* env, const LogPaths& paths);

// Makes the directories when they are missing, takes the lock and writes a probe into each.
// Errors: kLocked, kNotWritable with path and errno.
StatusOr<std::unique_ptr<FileLock>> ClaimDirectories(Env* env, const LogPaths& paths);

// Checks identity.json, or writes it when the directory holds no log; *created tells which.
// Returns the identity with its incarnation filled in.
StatusOr<LogIdentity> ClaimIdentity(Env* env, const LogPaths& paths, const LogIdentity& expected,
                                    bool* created);

}  // namespace clustor
