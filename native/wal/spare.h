// SpareStore: files that are ready to become segments, so that rotation waits for no zeros and, in
// the long run, writes none: removed segments become spares (docs/wal-format.md, section 3.1). Also
// keeps the headroom, a small file for the writes that must go through on a full disk.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/status.h"
#include "os/env.h"
#include "wal/paths.h"
#include "wal/spare_marker.h"

namespace clustor {

struct Spare {
  std::unique_ptr<File> file;
  std::string path;
  SpareMarker marker;
};

struct SpareLimits {
  uint64_t segment_bytes = 0;
  uint64_t headroom_bytes = 0;
  uint32_t spares_max = 0;  // Spares that wait at a time; one is made ahead even when it is 0.
};

// How new segments are encrypted. Only files that held the same are used again: else bytes under an
// older key, or none, would stay on the disk.
struct SpareContent {
  uint8_t cipher = 0;
  uint32_t dek_epoch = 0;
  friend bool operator==(const SpareContent&, const SpareContent&) = default;
};

class SpareStore {
 public:
  SpareStore(Env* env, LogPaths paths, SpareLimits limits, SpareContent content)
      : env_(env), paths_(std::move(paths)), limits_(limits), content_(content) {}

  // Keeps a spare or the headroom that an earlier process left; false when the file is of no use
  // and may be removed. Before anything else is called.
  bool Adopt(const std::string& path) EXCLUDES(mutex_);
  // From now on new segments are encrypted like this; spares that held something else go.
  void SetContent(SpareContent content) EXCLUDES(mutex_);

  // True when Prepare should run in the background. Any thread.
  bool Wanted() const { return wanted_.load(std::memory_order_relaxed); }
  // Makes a spare when none is there; a failure is left to Take to meet again.
  void Prepare(const std::atomic<bool>* cancelled) EXCLUDES(mutex_);
  // Hands out a spare, or makes one now (*late = true), of which the zeros are not written: who
  // waits for it should wait for no more than its space. Where that is short, waits for a Prepare
  // that is under way.
  StatusOr<Spare> Take(bool* late) EXCLUDES(mutex_);
  // After Take or TakeHeadroom, exactly one of these: the file became a segment, or it comes back.
  void Used() EXCLUDES(mutex_);
  void Return(Spare spare) EXCLUDES(mutex_);

  // Makes a removed segment a spare, or the headroom when that is missing and the file has its
  // size; false when it should be removed instead. Its new name is not durable yet.
  bool Recycle(uint64_t segment_seq) EXCLUDES(mutex_);

  // True when MakeHeadroom should run: the file is missing, and the last failure is a while ago.
  bool WantsHeadroom() const;
  // Makes the headroom unless it is there. A failure is no failure of the log: it is tried again.
  void MakeHeadroom() EXCLUDES(mutex_);
  // The headroom, or nothing.
  Spare TakeHeadroom() EXCLUDES(mutex_);
  // Whether the tail could be followed without asking the file system for space. Any thread.
  bool HasSuccessor() const { return successor_.load(std::memory_order_relaxed); }

 private:
  enum class Role : uint8_t { kNone, kSpare, kHeadroom };
  // kComing and kTaken: a file of that name exists and is somebody else's to touch.
  enum class Headroom : uint8_t { kMissing, kComing, kReady, kTaken };

  StatusOr<Spare> Make(const std::string& path, uint64_t bytes, const std::atomic<bool>* cancelled);
  StatusOr<Spare> Mark(StatusOr<std::unique_ptr<File>> file, const std::string& path,
                       uint64_t bytes);
  Role RoleFor(uint64_t file_bytes) const REQUIRES(mutex_);
  bool HasPlace() const REQUIRES(mutex_);
  bool Fits(const SpareMarker& marker) const REQUIRES(mutex_);
  void Keep(Spare spare, Role role) REQUIRES(mutex_);
  StatusOr<Spare> MakeNow() REQUIRES(mutex_);
  Spare TakeWaiting() REQUIRES(mutex_);
  void NoteState() REQUIRES(mutex_);
  std::string NextPath() REQUIRES(mutex_) { return paths_.Spare(next_number_++); }

  // Constant after construction.
  Env* const env_;
  const LogPaths paths_;
  const SpareLimits limits_;

  // Relaxed: hints; what they are made of is guarded.
  std::atomic<bool> wanted_{true};
  std::atomic<bool> successor_{false};
  std::atomic<bool> headroom_missing_{true};
  std::atomic<uint64_t> headroom_retry_ns_{0};

  // Not held while a spare is prepared or recycled, which takes long.
  Mutex mutex_;
  SpareContent content_ GUARDED_BY(mutex_);
  std::vector<Spare> spares_ GUARDED_BY(mutex_);
  Spare headroom_ GUARDED_BY(mutex_);
  Headroom headroom_state_ GUARDED_BY(mutex_) = Headroom::kMissing;
  uint64_t next_number_ GUARDED_BY(mutex_) = 1;  // In the next spare's name; never used twice.
  uint32_t recycling_ GUARDED_BY(mutex_) = 0;    // Spares to be, on their way.
  bool preparing_ GUARDED_BY(mutex_) = false;    // Another one.
  CondVar prepared_;                             // When it becomes false.
  bool taken_ GUARDED_BY(mutex_) = false;
  // Not tried again in the background until somebody needs a segment.
  bool failed_ GUARDED_BY(mutex_) = false;
};

}  // namespace clustor
