// Mutex, CondVar and the annotations that clang's -Wthread-safety checks. Over pthreads directly:
// std::mutex and std::condition_variable would raise the C++ library the binary needs.
#pragma once

#include <pthread.h>
#include <time.h>

#include <cstdint>

#if defined(__clang__)
#define CLUSTOR_ANNOTATION(x) __attribute__((x))
#else
#define CLUSTOR_ANNOTATION(x)
#endif
#define CAPABILITY(x) CLUSTOR_ANNOTATION(capability(x))
#define SCOPED_CAPABILITY CLUSTOR_ANNOTATION(scoped_lockable)
#define GUARDED_BY(x) CLUSTOR_ANNOTATION(guarded_by(x))
#define REQUIRES(...) CLUSTOR_ANNOTATION(requires_capability(__VA_ARGS__))
#define ACQUIRE(...) CLUSTOR_ANNOTATION(acquire_capability(__VA_ARGS__))
#define RELEASE(...) CLUSTOR_ANNOTATION(release_capability(__VA_ARGS__))
#define EXCLUDES(...) CLUSTOR_ANNOTATION(locks_excluded(__VA_ARGS__))

namespace clustor {

class CAPABILITY("mutex") Mutex {
 public:
  Mutex() { pthread_mutex_init(&mutex_, nullptr); }
  ~Mutex() { pthread_mutex_destroy(&mutex_); }
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() ACQUIRE() { pthread_mutex_lock(&mutex_); }
  void Unlock() RELEASE() { pthread_mutex_unlock(&mutex_); }

 private:
  friend class CondVar;
  pthread_mutex_t mutex_;
};

// Holds a mutex for a scope.
class SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex* mutex) ACQUIRE(mutex) : mutex_(mutex) { mutex_->Lock(); }
  ~MutexLock() RELEASE() { mutex_->Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex* const mutex_;
};

class CondVar {
 public:
  CondVar() { pthread_cond_init(&condition_, nullptr); }
  ~CondVar() { pthread_cond_destroy(&condition_); }
  CondVar(const CondVar&) = delete;
  CondVar& operator=(const CondVar&) = delete;

  // May return without a signal: wait in a loop.
  void Wait(Mutex* mutex) REQUIRES(mutex) { pthread_cond_wait(&condition_, &mutex->mutex_); }
  // The same, for about so long at most. Measured by the wall clock, for pthread_condattr_setclock
  // would raise the C library the binary needs: a clock that is put back meanwhile prolongs the
  // wait by as much.
  void WaitFor(Mutex* mutex, uint64_t nanoseconds) REQUIRES(mutex) {
    timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    const uint64_t fraction = static_cast<uint64_t>(until.tv_nsec) + nanoseconds;
    until.tv_sec += static_cast<time_t>(fraction / 1'000'000'000);
    until.tv_nsec = static_cast<long>(fraction % 1'000'000'000);
    pthread_cond_timedwait(&condition_, &mutex->mutex_, &until);
  }
  void Signal() { pthread_cond_signal(&condition_); }
  void Broadcast() { pthread_cond_broadcast(&condition_); }

 private:
  pthread_cond_t condition_;
};

}  // namespace clustor
