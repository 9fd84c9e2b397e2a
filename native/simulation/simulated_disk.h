// SimulatedDisk: the disk of one machine of a simulation, for JavaScript (test/support/
// simulated-machine.ts). It outlives the processes that have logs on it. The same seed and the same
// calls give the same bytes.
#pragma once

#include <napi.h>

#include <memory>
#include <random>

#include "fault_env.h"

namespace clustor::test {

class SimulatedDisk final : public Napi::ObjectWrap<SimulatedDisk> {
 public:
  static Napi::Function Class(Napi::Env env);

  // new SimulatedDisk(seed)
  explicit SimulatedDisk(const Napi::CallbackInfo& info);

 private:
  // openLog of the addon, on this disk: nothing happens but in pump.
  Napi::Value OpenLog(const Napi::CallbackInfo& info);
  // The power fails after so many more calls that change something.
  void PowerOffAfter(const Napi::CallbackInfo& info);
  // The power was off: the disk is what a crash may have left.
  void Restart(const Napi::CallbackInfo& info);
  // The next sync fails with EIO.
  void FailSync(const Napi::CallbackInfo& info);
  // No call fails any more that was to fail.
  void Calm(const Napi::CallbackInfo& info);
  // Files may grow, or not.
  void SetFull(const Napi::CallbackInfo& info);
  // refuseWrite(n): the n-th write from now on, 1 is the next, fails with ENOSPC, also one into
  // space that was allocated: the volume under the file system is full.
  void RefuseWrite(const Napi::CallbackInfo& info);
  // The bit at `position` modulo the bits of all segments is another for those who read it, until
  // the next restart or the same call again. Returns whether there was one.
  Napi::Value FlipBit(const Napi::CallbackInfo& info);
  void AdvanceClock(const Napi::CallbackInfo& info);

  std::shared_ptr<FaultEnv> env_;
  std::mt19937_64 random_;
};

}  // namespace clustor::test
