#pragma once

#include <string>

#include "base/status.h"

namespace clustor {

// The failure of the call that just returned, as the errno that other systems have for it.
Status LastError(const char* call, const std::string& path);

}  // namespace clustor
