// KeyRing: the keys of a log, by epoch. Data keys (dek) encrypt blocks, mac keys seal segments. One
// epoch of each is active: new segments use it; the others only open what is there. Immutable: a
// rotation hands the log another ring. Key bytes are zeroed when the ring goes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "base/mutex.h"
#include "base/status.h"

namespace clustor {

inline constexpr size_t kKeyBytes = 32;

using KeyView = std::span<const std::byte, kKeyBytes>;

// Bytes of one key; zeroed on destruction, moved nowhere.
class SecretKey {
 public:
  explicit SecretKey(KeyView bytes);
  ~SecretKey();
  SecretKey(const SecretKey&) = delete;
  SecretKey& operator=(const SecretKey&) = delete;

  KeyView view() const { return bytes_; }

 private:
  std::array<std::byte, kKeyBytes> bytes_;
};

class KeyRing {
 public:
  // Epochs count from 1; 0 means none.
  void AddDek(uint32_t epoch, KeyView bytes);
  void AddMac(uint32_t epoch, KeyView bytes);
  // REQUIRES: the epoch was added, or is 0.
  void SetActive(uint32_t dek_epoch, uint32_t mac_epoch);
  // Whether a log under this ring may have segments that are not encrypted although a dek is
  // active, or not sealed although a mac key is: those from before it had keys. Else they are
  // refused, for whoever can write to the disk can make them.
  void AllowPlain(bool allowed) { allows_plain_ = allowed; }

  uint32_t active_dek() const { return active_dek_; }
  uint32_t active_mac() const { return active_mac_; }
  bool MustBeEncrypted() const { return active_dek_ != 0 && !allows_plain_; }
  bool MustBeSealed() const { return active_mac_ != 0 && !allows_plain_; }
  // Nothing when the ring does not hold that epoch.
  std::optional<KeyView> Dek(uint32_t epoch) const;
  std::optional<KeyView> Mac(uint32_t epoch) const;

 private:
  using Keys = std::map<uint32_t, std::unique_ptr<SecretKey>>;
  Keys deks_;
  Keys macs_;
  uint32_t active_dek_ = 0;
  uint32_t active_mac_ = 0;
  bool allows_plain_ = false;
};

// The ring that a log uses at the moment. Any thread.
class KeyHolder {
 public:
  explicit KeyHolder(std::shared_ptr<const KeyRing> keys) : keys_(std::move(keys)) {}

  std::shared_ptr<const KeyRing> Get() const EXCLUDES(mutex_) {
    const MutexLock lock(&mutex_);
    return keys_;
  }
  void Set(std::shared_ptr<const KeyRing> keys) EXCLUDES(mutex_) {
    const MutexLock lock(&mutex_);
    // The old ring, when this was its last owner, goes after the lock.
    keys_.swap(keys);
  }

 private:
  mutable Mutex mutex_;
  std::shared_ptr<const KeyRing> keys_ GUARDED_BY(mutex_);
};

}  // namespace clustor
