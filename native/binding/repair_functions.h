// Making logs anew, for JavaScript: rewriting one in its place, salvaging a damaged one.
#pragma once

#include <napi.h>

namespace clustor {

// rewriteDirectory(options): options as of openLog; resolves to the report.
Napi::Value RewriteDirectoryJs(const Napi::CallbackInfo& info);

// salvageDirectory(from, to, keys): resolves to the report. `to` must hold no log.
Napi::Value SalvageDirectoryJs(const Napi::CallbackInfo& info);

}  // namespace clustor
