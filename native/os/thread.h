// Thread: a joinable pthread.
#pragma once

#include <pthread.h>

namespace clustor {

class Thread {
 public:
  Thread() = default;
  ~Thread() { Join(); }
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;

  // Starts body(argument). False when the system has no thread to give.
  // REQUIRES: not started, or joined.
  bool Start(void* (*body)(void*), void* argument);
  // Waits for the end of the thread; does nothing when none runs.
  void Join();

 private:
  pthread_t thread_{};
  bool started_ = false;
};

}  // namespace clustor
