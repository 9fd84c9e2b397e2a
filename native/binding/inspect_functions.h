// Offline inspection and the raw loops of `bench fsync`, for JavaScript.
#pragma once

#include <napi.h>

namespace clustor {

// verifyDirectory(directory, walDirectory, keys): resolves to the report.
Napi::Value VerifyDirectoryJs(const Napi::CallbackInfo& info);

// proveDirectory(directory, walDirectory, keys, index): resolves to the proof of an entry.
Napi::Value ProveDirectoryJs(const Napi::CallbackInfo& info);

// dumpDirectory(directory, walDirectory, keys): resolves to next(countMax), which resolves to a
// list of at most countMax items, empty at the end. One call of next at a time.
Napi::Value DumpDirectoryJs(const Napi::CallbackInfo& info);

// runRawBench(options): resolves to the latency of each operation, nanoseconds.
Napi::Value RunRawBenchJs(const Napi::CallbackInfo& info);

}  // namespace clustor
