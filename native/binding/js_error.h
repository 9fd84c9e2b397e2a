// The one place where a Status becomes a JavaScript error. src/native/native-error.ts is the other
// side: it makes a ClustorError of what is built here.
#pragma once

#include <napi.h>

#include "base/status.h"

namespace clustor {

// An Error with `code` and, as far as they are known, errno, syscall, path, segment, offset,
// firstIndex, lastIndex, ownerPid. REQUIRES: !status.ok(); a handle scope.
Napi::Value ToJsError(Napi::Env env, const Status& status);

// Makes the current native function throw. REQUIRES: !status.ok().
void ThrowStatus(Napi::Env env, const Status& status);

}  // namespace clustor
