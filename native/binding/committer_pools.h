// The committer pool of the process: all logs of all JavaScript threads share it.
#pragma once

#include <cstdint>
#include <memory>

#include "wal/committer_pool.h"

namespace clustor {

// The pool while any log holds it; made with `threads` when nobody does. Any thread.
std::shared_ptr<CommitterPool> SharedCommitterPool(uint32_t threads);

}  // namespace clustor
