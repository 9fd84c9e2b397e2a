// Where the work of an AsyncTask runs. Two definitions: executor.cc hands it to libuv;
// native/simulation/executor.cc runs it at once, so that nothing depends on threads.
#pragma once

#include <napi.h>

namespace clustor {

// Runs Execute of the worker, then OnOK on the JavaScript thread; the worker deletes itself.
void Run(Napi::Env env, Napi::AsyncWorker* worker);

}  // namespace clustor
