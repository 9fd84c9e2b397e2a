// Reads durable entries back from segments.
#pragma once

#include <cstdint>

#include "base/status.h"
#include "crypto/key_ring.h"
#include "os/env.h"
#include "wal/catalog.h"
#include "wal/log.h"
#include "wal/paths.h"

namespace clustor {

// See Log::Read. Needs no lock against the committer: published blocks never change; they only go,
// with their segment.
StatusOr<FrameRead> ReadEntries(Env* env, const LogPaths& paths, const Catalog& catalog,
                                const KeyHolder* keys, uint64_t first_index, uint64_t last_index,
                                uint64_t bytes_max);

}  // namespace clustor
