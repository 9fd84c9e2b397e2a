// The addon: what src/native/addon.ts declares as `NativeAddon`.
#include <napi.h>

#include "binding/frame_functions.h"
#include "binding/inspect_functions.h"
#include "binding/log_object.h"
#include "binding/open_progress.h"
#include "binding/repair_functions.h"
#include "os/awake_processor.h"
#include "os/spin.h"

namespace clustor {
namespace {

// Counted up when a function of the addon changes; the loader compares it with its own.
constexpr int kInterfaceVersion = 9;

Napi::Value ThreadCpuMsJs(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(ThreadCpuNs()) / 1e6);
}

Napi::Value MayWaitAwakeJs(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), MayWaitAwake());
}

Napi::Object Initialize(Napi::Env env, Napi::Object exports) {
  // Node deletes it with the environment.
  env.SetInstanceData(new Napi::FunctionReference(Napi::Persistent(LogObject::Class(env))));
  exports.Set("interfaceVersion", kInterfaceVersion);
  exports.Set("openLog", Napi::Function::New<&LogObject::Open>(env, "openLog"));
  exports.Set("openProgress", Napi::Function::New<&OpenProgressJs>(env, "openProgress"));
  exports.Set("sealFrames", Napi::Function::New<&SealFramesJs>(env, "sealFrames"));
  exports.Set("parseFrames", Napi::Function::New<&ParseFramesJs>(env, "parseFrames"));
  exports.Set("verifyDirectory", Napi::Function::New<&VerifyDirectoryJs>(env, "verifyDirectory"));
  exports.Set("proveDirectory", Napi::Function::New<&ProveDirectoryJs>(env, "proveDirectory"));
  exports.Set("dumpDirectory", Napi::Function::New<&DumpDirectoryJs>(env, "dumpDirectory"));
  exports.Set("rewriteDirectory",
              Napi::Function::New<&RewriteDirectoryJs>(env, "rewriteDirectory"));
  exports.Set("salvageDirectory",
              Napi::Function::New<&SalvageDirectoryJs>(env, "salvageDirectory"));
  exports.Set("mayWaitAwake", Napi::Function::New<&MayWaitAwakeJs>(env, "mayWaitAwake"));
  exports.Set("threadCpuMs", Napi::Function::New<&ThreadCpuMsJs>(env, "threadCpuMs"));
  exports.Set("runRawBench", Napi::Function::New<&RunRawBenchJs>(env, "runRawBench"));
  return exports;
}

}  // namespace
}  // namespace clustor

static Napi::Object InitializeAddon(Napi::Env env, Napi::Object exports) {
  return clustor::Initialize(env, exports);
}

NODE_API_MODULE(clustor, InitializeAddon)
