// Making files of zeros: when they were written and synced, overwriting them later changes no
// metadata, which makes a sync a third cheaper than extending (docs/performance.md).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"
#include "os/env.h"

namespace clustor {

// Writes zeros over [from, to). Not synced.
Status WriteZeros(File* file, uint64_t from, uint64_t to);

// Makes the file at path, or empties it, fills it with `bytes` zeros and syncs it; its directory is
// not synced. Gives up with kClosed between pieces once *cancelled is true (null: never). On
// failure the file is removed again.
StatusOr<std::unique_ptr<File>> CreateZeroFile(Env* env, const std::string& path, uint64_t bytes,
                                               const std::atomic<bool>* cancelled);

// The same without writing the zeros: the space is there and reads as zeros, and the first sync of
// each part of it costs more. Not synced. On failure the file is removed again.
StatusOr<std::unique_ptr<File>> AllocateZeroFile(Env* env, const std::string& path, uint64_t bytes);

}  // namespace clustor
