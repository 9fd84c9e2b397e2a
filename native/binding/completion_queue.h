// CompletionQueue: carries the outcomes of writes from the thread that commits to JavaScript. One
// ThreadSafeFunction per log; at most one call of it is queued at any time, however many groups
// complete meanwhile, and neighbouring successes travel as one.
//
// Teardown (docs/native.md): Node destroys ThreadSafeFunctions while an environment goes down, and
// a call into a destroyed one hangs. So the owner adds its cleanup hook after Open, hooks run last
// in first out, and the hook calls Stop before Node gets there. After Stop nothing is called.
#pragma once

#include <napi.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <vector>

#include "base/mutex.h"
#include "base/status.h"
#include "wal/log.h"

namespace clustor {

class CompletionQueue final : public CompletionSink {
 public:
  CompletionQueue() = default;
  // REQUIRES: Stop or Finish was called, or Open failed.
  ~CompletionQueue() override = default;
  CompletionQueue(const CompletionQueue&) = delete;
  CompletionQueue& operator=(const CompletionQueue&) = delete;

  // `complete(throughSequence, durableIndex, error?)` is called for every range of writes.
  // JavaScript thread.
  Status Open(Napi::Env env, Napi::Function complete);

  // Any thread, while the log is open.
  void OnComplete(Completion completion) override;

  // Tells that writes up to `sequence` were submitted: until they complete, the process stays
  // alive. JavaScript thread.
  void Submitted(uint64_t sequence);

  // Completion::shortages of what JavaScript was told last. JavaScript thread.
  uint64_t shortages_heard() const { return shortages_heard_; }

  // What completes from now on waits for Deliver instead of waking the event loop. JavaScript
  // thread.
  void HoldBack();

  // Delivers what has completed, from within a call of JavaScript. JavaScript thread.
  void Deliver();

  // Looks for some microseconds for what has completed and was not delivered yet, and delivers it;
  // false: nothing has. JavaScript thread.
  bool Poll();

  // Delivers what is left and lets go of the ThreadSafeFunction. The log was closed before.
  // JavaScript thread.
  void Finish();

  // Nothing is delivered after this returns. For the cleanup hook; JavaScript thread.
  void Stop();

 private:
  static void CallJs(napi_env env, napi_value callback, void* context, void* data);
  void DeliverOne(const Completion& completion);
  void KeepAlive(bool wanted);

  // JavaScript thread only.
  Napi::FunctionReference complete_;
  uint64_t submitted_sequence_ = 0;
  uint64_t delivered_sequence_ = 0;
  uint64_t shortages_heard_ = 0;
  bool keeps_alive_ = false;
  // Taken over and not told yet. What is told may ask for Deliver again: the order stays.
  std::deque<Completion> delivering_;

  // Held while the ThreadSafeFunction is called, so that Stop waits for that call.
  Mutex mutex_;
  napi_threadsafe_function function_ GUARDED_BY(mutex_) = nullptr;
  bool call_queued_ GUARDED_BY(mutex_) = false;
  bool held_back_ GUARDED_BY(mutex_) = false;
  std::vector<Completion> completions_ GUARDED_BY(mutex_);
  // Whether there are any: what is polled without the mutex.
  std::atomic<bool> has_completions_{false};
};

}  // namespace clustor
