// How far an opening has come, for JavaScript to look at while it runs.
#pragma once

#include <napi.h>

#include <memory>

#include "wal/options.h"

namespace clustor {

// openProgress(): {handle, read()}; read returns [bytesDone, bytesTotal].
Napi::Value OpenProgressJs(const Napi::CallbackInfo& info);

// What such an object reads; null when the value is none.
std::shared_ptr<OpenProgress> ToOpenProgress(const Napi::Value& value);

}  // namespace clustor
