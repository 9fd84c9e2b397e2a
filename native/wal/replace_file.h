// Replacing a small file as a whole.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "os/env.h"

namespace clustor {

// Writes `text` to the file `next`, syncs it, renames it to `path` and syncs `directory`, which
// holds both. Durable on OK. A crash or a failure leaves the old file or the new one, and perhaps
// `next`.
Status ReplaceFile(Env* env, const std::string& directory, const std::string& next,
                   const std::string& path, std::string_view text);

}  // namespace clustor
