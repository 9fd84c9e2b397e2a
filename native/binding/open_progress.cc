#include "binding/open_progress.h"

#include <array>

#include "binding/convert.h"

namespace clustor {
namespace {

using SharedProgress = std::shared_ptr<OpenProgress>;

Napi::Value ReadProgress(Napi::Env env, const OpenProgress& progress) {
  const std::array<double, 2> bytes = {
      static_cast<double>(progress.bytes_done.load(std::memory_order_relaxed)),
      static_cast<double>(progress.bytes_total.load(std::memory_order_relaxed))};
  return FromDoubles(env, bytes);
}

}  // namespace

Napi::Value OpenProgressJs(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto progress = std::make_shared<OpenProgress>();
  Napi::Object object = Napi::Object::New(env);
  object.Set("handle", Napi::External<SharedProgress>::New(
                           env, new SharedProgress(progress),
                           [](Napi::Env, SharedProgress* shared) { delete shared; }));
  object.Set("read", Napi::Function::New(env, [progress](const Napi::CallbackInfo& call) {
               return ReadProgress(call.Env(), *progress);
             }));
  return object;
}

std::shared_ptr<OpenProgress> ToOpenProgress(const Napi::Value& value) {
  if (!value.IsObject()) return nullptr;
  const Napi::Value handle = value.As<Napi::Object>().Get("handle");
  if (!handle.IsExternal()) return nullptr;
  return *handle.As<Napi::External<SharedProgress>>().Data();
}

}  // namespace clustor
