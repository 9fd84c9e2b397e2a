#include "binding/completion_queue.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "binding/js_error.h"
#include "os/spin.h"

namespace clustor {

namespace {

// Longer than the turn of an event loop around it, and nothing that anybody waits for would notice.
constexpr uint64_t kPollNs = 12'000;

}  // namespace

Status CompletionQueue::Open(Napi::Env env, Napi::Function complete) {
  const Napi::String name = Napi::String::New(env, "clustor.log");
  napi_threadsafe_function function = nullptr;
  const napi_status created = napi_create_threadsafe_function(
      env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, this, CallJs, &function);
  if (created != napi_ok) return Status(StatusCode::kInternal, "no thread-safe function");
  // An idle log must not keep the process alive.
  if (napi_unref_threadsafe_function(env, function) != napi_ok) {
    return Status(StatusCode::kInternal, "the thread-safe function cannot be released");
  }
  complete_ = Napi::Persistent(complete);
  const MutexLock lock(&mutex_);
  function_ = function;
  return Status::Ok();
}

void CompletionQueue::OnComplete(Completion completion) {
  const MutexLock lock(&mutex_);
  if (!completions_.empty() && completions_.back().status.ok() && completion.status.ok()) {
    completions_.back() = std::move(completion);
  } else {
    completions_.push_back(std::move(completion));
  }
  has_completions_.store(true, std::memory_order_release);
  if (call_queued_ || held_back_ || function_ == nullptr) return;
  // Fails only while the environment goes down, and then nobody listens.
  call_queued_ =
      napi_call_threadsafe_function(function_, nullptr, napi_tsfn_nonblocking) == napi_ok;
}

void CompletionQueue::Submitted(uint64_t sequence) {
  submitted_sequence_ = sequence;
  KeepAlive(true);
}

void CompletionQueue::HoldBack() {
  const MutexLock lock(&mutex_);
  held_back_ = true;
}

void CompletionQueue::Finish() {
  Deliver();
  napi_threadsafe_function function = nullptr;
  {
    const MutexLock lock(&mutex_);
    std::swap(function, function_);
  }
  if (function != nullptr) {
    const napi_status released = napi_release_threadsafe_function(function, napi_tsfn_abort);
    static_cast<void>(released);  // It fails only when Node has taken it down already.
  }
  complete_.Reset();
}

void CompletionQueue::Stop() {
  {
    const MutexLock lock(&mutex_);
    function_ = nullptr;  // Node owns it from here on: it goes down with the environment.
  }
  complete_.Reset();
}

void CompletionQueue::CallJs(napi_env env, napi_value, void* context, void*) {
  if (env == nullptr) return;  // The environment goes down.
  const Napi::HandleScope scope(env);
  static_cast<CompletionQueue*>(context)->Deliver();
}

void CompletionQueue::Deliver() {
  {
    const MutexLock lock(&mutex_);
    call_queued_ = false;
    held_back_ = false;
    std::move(completions_.begin(), completions_.end(), std::back_inserter(delivering_));
    completions_.clear();
    has_completions_.store(false, std::memory_order_relaxed);
  }
  while (!delivering_.empty()) {
    const Completion completion = std::move(delivering_.front());
    delivering_.pop_front();
    DeliverOne(completion);
  }
  if (delivered_sequence_ == submitted_sequence_) KeepAlive(false);
}

bool CompletionQueue::Poll() {
  const auto found = [this] { return has_completions_.load(std::memory_order_acquire); };
  if (LookUntil(found, kPollNs)) {
    Deliver();
    return true;
  }
  // Once a turn and not all the while: a yield costs as much as looking for most of a microsecond,
  // and takes the locks that the thread on the disk wants when it is woken.
  sched_yield();
  return false;
}

void CompletionQueue::DeliverOne(const Completion& completion) {
  delivered_sequence_ = completion.through_sequence;
  shortages_heard_ = completion.shortages;
  if (complete_.IsEmpty()) return;
  const Napi::Env env = complete_.Env();
  const auto through = static_cast<double>(completion.through_sequence);
  const auto durable = static_cast<double>(completion.durable_index);
  const napi_value error =
      completion.status.ok() ? env.Undefined() : ToJsError(env, completion.status);
  // The function on the other side catches everything (src/wal/log-driver.ts).
  complete_.Call({Napi::Number::New(env, through), Napi::Number::New(env, durable), error});
}

void CompletionQueue::KeepAlive(bool wanted) {
  if (wanted == keeps_alive_ || complete_.IsEmpty()) return;
  napi_threadsafe_function function = nullptr;
  {
    const MutexLock lock(&mutex_);
    function = function_;
  }
  if (function == nullptr) return;
  const napi_env env = complete_.Env();
  const napi_status status = wanted ? napi_ref_threadsafe_function(env, function)
                                    : napi_unref_threadsafe_function(env, function);
  if (status == napi_ok) keeps_alive_ = wanted;
}

}  // namespace clustor
