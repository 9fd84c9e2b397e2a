#include "binding/committer_pools.h"

#include "base/mutex.h"

namespace clustor {

std::shared_ptr<CommitterPool> SharedCommitterPool(uint32_t threads) {
  // Both live until the process ends; the pool itself only as long as a log holds it, so that its
  // threads are joined before the addon can be unloaded.
  static Mutex& mutex = *new Mutex;
  static std::weak_ptr<CommitterPool>& current = *new std::weak_ptr<CommitterPool>;
  const MutexLock lock(&mutex);
  std::shared_ptr<CommitterPool> pool = current.lock();
  if (pool == nullptr) {
    CommitterPoolOptions options;
    options.threads = threads;
    options.awake = AwakeProcessor::OfProcess();
    pool = std::make_shared<CommitterPool>(options);
    current = pool;
  }
  return pool;
}

}  // namespace clustor
