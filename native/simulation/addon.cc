// The addon of simulations: the log of the shipped addon, the same sources, on disks in memory and
// without threads.
#include <napi.h>

#include <string>

#include "base/planted_bug.h"
#include "binding/log_object.h"
#include "binding/open_progress.h"
#include "simulation/simulated_disk.h"

namespace clustor {

// pump(deliver): without delivery JavaScript hears of what is done from the next one that delivers.
Napi::Value LogObject::Pump(const Napi::CallbackInfo& info) {
  handle_->completions().HoldBack();
  const bool worked = handle_->log().Pump();
  if (info[0].ToBoolean()) handle_->completions().Deliver();
  return Napi::Boolean::New(info.Env(), worked);
}

namespace {

struct NamedBug {
  const char* name;
  PlantedBug bug;
};

// Those that a crash or a full disk shows; the others need an image of the disk that is chosen for
// them, as the campaign of crash images does.
constexpr NamedBug kBugs[] = {
    {"skip-segment-sync", PlantedBug::kSkipSegmentSync},
    {"skip-directory-sync", PlantedBug::kSkipDirectorySync},
    {"skip-rollback", PlantedBug::kSkipRollback},
};

// plantBug(name): every log of the process has it from now on. Returns whether there is such a bug.
Napi::Value PlantBug(const Napi::CallbackInfo& info) {
  const std::string name = info[0].ToString();
  for (const NamedBug& named : kBugs) {
    if (name != named.name) continue;
    planted_bug.store(named.bug, std::memory_order_relaxed);
    return Napi::Boolean::New(info.Env(), true);
  }
  return Napi::Boolean::New(info.Env(), false);
}

Napi::Object InitializeSimulation(Napi::Env env, Napi::Object exports) {
  const Napi::Function log =
      LogObject::Class(env, {LogObject::InstanceMethod<&LogObject::Pump>("pump")});
  // Node deletes it with the environment.
  env.SetInstanceData(new Napi::FunctionReference(Napi::Persistent(log)));
  exports.Set("SimulatedDisk", test::SimulatedDisk::Class(env));
  exports.Set("plantBug", Napi::Function::New<&PlantBug>(env, "plantBug"));
  exports.Set("openProgress", Napi::Function::New<&OpenProgressJs>(env, "openProgress"));
  return exports;
}

}  // namespace
}  // namespace clustor

static Napi::Object Initialize(Napi::Env env, Napi::Object exports) {
  return clustor::InitializeSimulation(env, exports);
}

NODE_API_MODULE(clustor_simulation, Initialize)
