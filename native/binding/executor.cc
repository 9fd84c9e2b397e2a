#include "binding/executor.h"

namespace clustor {

void Run(Napi::Env, Napi::AsyncWorker* worker) { worker->Queue(); }

}  // namespace clustor
