#include "binding/executor.h"

namespace clustor {

void Run(Napi::Env env, Napi::AsyncWorker* worker) {
  worker->OnExecute(env);
  worker->OnWorkComplete(env, napi_ok);
}

}  // namespace clustor
