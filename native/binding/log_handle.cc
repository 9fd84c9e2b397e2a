#include "binding/log_handle.h"

#include <utility>

namespace clustor {

StatusOr<std::shared_ptr<LogHandle>> LogHandle::Create(Napi::Env env, Napi::Function complete) {
  std::shared_ptr<LogHandle> handle(new LogHandle);
  RETURN_IF_ERROR(handle->completions_.Open(env, complete));
  // After the ThreadSafeFunction: hooks run last in, first out (completion_queue.h).
  if (napi_add_env_cleanup_hook(env, OnEnvironmentCleanup, handle.get()) != napi_ok) {
    handle->completions_.Finish();
    return Status(StatusCode::kInternal, "no cleanup hook");
  }
  handle->hook_reference_ = handle;
  return handle;
}

Status LogHandle::OpenLog(LogOptions options, LogHost host) {
  host_ = std::move(host);
  StatusOr<std::unique_ptr<Log>> log =
      Log::Open(host_.env.get(), std::move(options), host_.pool.get(), &completions_);
  if (log.ok()) log_ = std::move(log.value());
  return log.status();
}

void LogHandle::Release(Napi::Env env) {
  completions_.Finish();
  if (hook_reference_ == nullptr) return;  // The hook has run.
  const napi_status removed = napi_remove_env_cleanup_hook(env, OnEnvironmentCleanup, this);
  static_cast<void>(removed);  // It fails only when Node runs its hooks, and then ours is a no-op.
  hook_reference_.reset();
}

void LogHandle::OnEnvironmentCleanup(void* data) {
  const std::shared_ptr<LogHandle> handle =
      std::move(static_cast<LogHandle*>(data)->hook_reference_);
  if (handle == nullptr) return;
  handle->completions_.Stop();
  // Bounded by the I/O in flight. Its result has nobody left to hear it.
  if (handle->log_ != nullptr) static_cast<void>(handle->log_->Close());
}

}  // namespace clustor
