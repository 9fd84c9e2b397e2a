// AsyncTask: work on a libuv thread (executor.h), then a settled promise on the JavaScript thread.
// For everything that waits for the disk and is not an append.
#pragma once

#include <napi.h>

#include <functional>
#include <optional>
#include <utility>

#include "base/status.h"
#include "binding/executor.h"
#include "binding/js_error.h"

namespace clustor {

template <typename Result>
class AsyncTask final : public Napi::AsyncWorker {
 public:
  // Runs on a libuv thread; must not touch JavaScript.
  using Work = std::function<StatusOr<Result>()>;
  // Runs on the JavaScript thread with the outcome; its value resolves the promise.
  using Convert = std::function<Napi::Value(Napi::Env, Result&)>;
  // Runs on the JavaScript thread before the promise is rejected.
  using OnFailure = std::function<void(Napi::Env)>;

  // `what` names the work in traces of asynchronous resources.
  static Napi::Value Run(
      Napi::Env env, const char* what, Work work, Convert convert,
      OnFailure on_failure = [](Napi::Env) {}) {
    auto* task =
        new AsyncTask(env, what, std::move(work), std::move(convert), std::move(on_failure));
    const Napi::Promise promise = task->deferred_.Promise();
    clustor::Run(env, task);  // The task deletes itself when it is done.
    return promise;
  }

 private:
  AsyncTask(Napi::Env env, const char* what, Work work, Convert convert, OnFailure on_failure)
      : Napi::AsyncWorker(env, what),
        deferred_(Napi::Promise::Deferred::New(env)),
        work_(std::move(work)),
        convert_(std::move(convert)),
        on_failure_(std::move(on_failure)) {}

  void Execute() override { outcome_.emplace(work_()); }

  void OnOK() override {
    const Napi::HandleScope scope(Env());
    if (outcome_->ok()) {
      deferred_.Resolve(convert_(Env(), outcome_->value()));
    } else {
      on_failure_(Env());
      deferred_.Reject(ToJsError(Env(), outcome_->status()));
    }
  }

  const Napi::Promise::Deferred deferred_;
  const Work work_;
  const Convert convert_;
  const OnFailure on_failure_;
  std::optional<StatusOr<Result>> outcome_;
};

}  // namespace clustor
