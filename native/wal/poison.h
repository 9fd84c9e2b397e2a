#pragma once

#include <utility>

#include "base/status.h"

namespace clustor {

// The status of a failure after which the log promises nothing any more, whatever its errno: a sync
// that failed, or a write that could not be taken back.
inline Status Poisoned(const Status& why) {
  if (why.code() == StatusCode::kLogPoisoned) return why;
  // As final, and its own code says more: the kernel gave the file system up.
  if (why.code() == StatusCode::kReadOnlyFilesystem) return why;
  StatusDetails details = why.details();
  details.message = "the log takes no more writes: " + details.message;
  return Status(StatusCode::kLogPoisoned, std::move(details));
}

}  // namespace clustor
