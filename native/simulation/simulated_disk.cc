#include "simulation/simulated_disk.h"

#include <cerrno>
#include <string>
#include <vector>

#include "binding/log_object.h"

namespace clustor::test {
namespace {

uint64_t NumberOf(const Napi::CallbackInfo& info) {
  return static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value());
}

}  // namespace

Napi::Function SimulatedDisk::Class(Napi::Env env) {
  return DefineClass(env, "SimulatedDisk",
                     {
                         InstanceMethod<&SimulatedDisk::OpenLog>("openLog"),
                         InstanceMethod<&SimulatedDisk::PowerOffAfter>("powerOffAfter"),
                         InstanceMethod<&SimulatedDisk::Restart>("restart"),
                         InstanceMethod<&SimulatedDisk::FailSync>("failSync"),
                         InstanceMethod<&SimulatedDisk::Calm>("calm"),
                         InstanceMethod<&SimulatedDisk::SetFull>("setFull"),
                         InstanceMethod<&SimulatedDisk::RefuseWrite>("refuseWrite"),
                         InstanceMethod<&SimulatedDisk::FlipBit>("flipBit"),
                         InstanceMethod<&SimulatedDisk::AdvanceClock>("advanceClock"),
                     });
}

SimulatedDisk::SimulatedDisk(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<SimulatedDisk>(info),
      env_(std::make_shared<FaultEnv>()),
      random_(NumberOf(info)) {
  env_->EndTrace();
  env_->SetSeed(random_());
}

Napi::Value SimulatedDisk::OpenLog(const Napi::CallbackInfo& info) {
  return LogObject::OpenOn(info, {env_, nullptr});
}

void SimulatedDisk::PowerOffAfter(const Napi::CallbackInfo& info) {
  env_->PowerOffAfter(NumberOf(info));
}

void SimulatedDisk::Restart(const Napi::CallbackInfo&) {
  // Logs of the dead process still hold the old one, where every call fails.
  env_->PowerOffAfter(0);
  env_ = env_->CrashImage(&random_, CrashStyle{});
}

void SimulatedDisk::FailSync(const Napi::CallbackInfo&) { env_->FailCall(Call::kSync, 1, EIO); }

void SimulatedDisk::Calm(const Napi::CallbackInfo&) {
  env_->ClearFaults();
  env_->SetDiskBytes(UINT64_MAX);
}

void SimulatedDisk::SetFull(const Napi::CallbackInfo& info) {
  env_->SetDiskBytes(info[0].ToBoolean() ? env_->UsedBytes() : UINT64_MAX);
}

void SimulatedDisk::RefuseWrite(const Napi::CallbackInfo& info) {
  env_->FailCall(Call::kWrite, static_cast<int>(NumberOf(info)), ENOSPC);
}

Napi::Value SimulatedDisk::FlipBit(const Napi::CallbackInfo& info) {
  uint64_t bytes = 0;
  std::vector<std::string> segments = env_->Names();
  std::erase_if(segments, [](const std::string& name) { return !IsSegment(name); });
  for (const std::string& name : segments) bytes += env_->Bytes(name).size();
  if (bytes == 0) return Napi::Boolean::New(info.Env(), false);
  uint64_t at = NumberOf(info) % (bytes * 8);
  for (const std::string& name : segments) {
    const uint64_t bits = env_->Bytes(name).size() * 8;
    if (at < bits) {
      env_->FlipSeenBit(name, at / 8, static_cast<unsigned>(at % 8));
      break;
    }
    at -= bits;
  }
  return Napi::Boolean::New(info.Env(), true);
}

void SimulatedDisk::AdvanceClock(const Napi::CallbackInfo& info) {
  env_->AdvanceClock(NumberOf(info) * 1'000'000);
}

}  // namespace clustor::test
