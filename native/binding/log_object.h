// LogObject: the `NativeLog` of src/native/addon.ts. Checks arguments, copies bytes, hands over.
#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "binding/log_handle.h"

namespace clustor {

class LogObject final : public Napi::ObjectWrap<LogObject> {
 public:
  static Napi::Function Class(Napi::Env env, std::vector<PropertyDescriptor> methods = {});

  // The addon's openLog(options, complete): resolves to {log, recovery}.
  static Napi::Value Open(const Napi::CallbackInfo& info);

  // The same on this host.
  static Napi::Value OpenOn(const Napi::CallbackInfo& info, LogHost host);

  // Runs what is queued on the calling thread and delivers it; returns whether there was anything.
  // Defined in simulations only (native/simulation). REQUIRES: opened without a pool.
  Napi::Value Pump(const Napi::CallbackInfo& info);

  // Called by Open only, with the handle as an External.
  explicit LogObject(const Napi::CallbackInfo& info);

 private:
  static Napi::Value FromOpened(Napi::Env env, const std::shared_ptr<LogHandle>& handle);

  Napi::Value Append(const Napi::CallbackInfo& info);
  Napi::Value AppendQuietly(const Napi::CallbackInfo& info);
  Napi::Value AppendPayloads(const Napi::CallbackInfo& info);
  Napi::Value AppendPayloadsQuietly(const Napi::CallbackInfo& info);
  Napi::Value AppendWith(const Napi::CallbackInfo& info, uint64_t (Log::*submit)(Write write));
  Napi::Value AppendPayloadsWith(const Napi::CallbackInfo& info,
                                 uint64_t (Log::*submit)(Write write));
  Napi::Value Submit(const Napi::CallbackInfo& info);
  Napi::Value CommitThrough(const Napi::CallbackInfo& info);
  Napi::Value StartPolling(const Napi::CallbackInfo& info);
  Napi::Value Poll(const Napi::CallbackInfo& info);
  Napi::Value StopPolling(const Napi::CallbackInfo& info);
  Napi::Value Read(const Napi::CallbackInfo& info);
  Napi::Value TruncatePrefix(const Napi::CallbackInfo& info);
  Napi::Value Prove(const Napi::CallbackInfo& info);
  Napi::Value MerkleRoot(const Napi::CallbackInfo& info);
  Napi::Value SetKeys(const Napi::CallbackInfo& info);
  Napi::Value NewScrub(const Napi::CallbackInfo& info);
  Napi::Value Stats(const Napi::CallbackInfo& info);
  Napi::Value Failures(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);

  // Submits and returns the sequence number to JavaScript; 0 when the log was closed.
  Napi::Value Submitted(Napi::Env env, uint64_t sequence);

  std::shared_ptr<LogHandle> handle_;
};

}  // namespace clustor
