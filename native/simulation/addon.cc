// The addon of simulations: the log of the shipped addon, the same sources, on disks in memory and
// without threads.
#include <napi.h>

#include "binding/log_object.h"
#include "binding/open_progress.h"
#include "simulation/simulated_disk.h"

namespace clustor {

Napi::Value LogObject::Pump(const Napi::CallbackInfo& info) {
  handle_->completions().HoldBack();
  const bool worked = handle_->log().Pump();
  handle_->completions().Deliver();
  return Napi::Boolean::New(info.Env(), worked);
}

namespace {

Napi::Object InitializeSimulation(Napi::Env env, Napi::Object exports) {
  const Napi::Function log =
      LogObject::Class(env, {LogObject::InstanceMethod<&LogObject::Pump>("pump")});
  // Node deletes it with the environment.
  env.SetInstanceData(new Napi::FunctionReference(Napi::Persistent(log)));
  exports.Set("SimulatedDisk", test::SimulatedDisk::Class(env));
  exports.Set("openProgress", Napi::Function::New<&OpenProgressJs>(env, "openProgress"));
  return exports;
}

}  // namespace
}  // namespace clustor

static Napi::Object Initialize(Napi::Env env, Napi::Object exports) {
  return clustor::InitializeSimulation(env, exports);
}

NODE_API_MODULE(clustor_simulation, Initialize)
