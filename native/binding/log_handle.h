// LogHandle: an open log together with what it needs, shared by the JavaScript object, the
// operations in flight and the cleanup hook of the environment.
#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>

#include "base/status.h"
#include "binding/completion_queue.h"
#include "os/env.h"
#include "wal/committer_pool.h"
#include "wal/log.h"

namespace clustor {

// What a log of JavaScript runs on.
struct LogHost {
  std::shared_ptr<Env> env;
  // Null: nothing runs by itself, and JavaScript pumps the log.
  std::shared_ptr<CommitterPool> pool;
};

class LogHandle final : public std::enable_shared_from_this<LogHandle> {
 public:
  // Makes the way back to JavaScript and adds the cleanup hook. JavaScript thread.
  static StatusOr<std::shared_ptr<LogHandle>> Create(Napi::Env env, Napi::Function complete);

  // Opens the log. Blocks; called once, on a libuv thread.
  Status OpenLog(LogOptions options, LogHost host);

  // REQUIRES: OpenLog succeeded.
  Log& log() { return *log_; }
  CompletionQueue& completions() { return completions_; }

  // Undoes Create: after the log was closed, or when it could not be opened. JavaScript thread.
  void Release(Napi::Env env);

 private:
  LogHandle() = default;
  static void OnEnvironmentCleanup(void* handle);

  // Destroyed last to first: the log before what it calls into.
  LogHost host_;
  CompletionQueue completions_;
  std::unique_ptr<Log> log_;
  // Keeps the handle alive as long as the hook may run. JavaScript thread only.
  std::shared_ptr<LogHandle> hook_reference_;
};

}  // namespace clustor
