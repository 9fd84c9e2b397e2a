// CopyEnv: where the copy of a log is made. What is written is synced once, when its file is
// closed, instead of block by block: nothing relies on a copy before it is complete. With a prefix
// the copy stands beside the log it is made of, in the same directories (docs/wal-format.md,
// "Rewriting a log"): segment-<n>.log is rewrite-<n>.log, any other name gets "rewrite-" in front.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "os/env_wrapper.h"
#include "wal/paths.h"

namespace clustor {

class CopyEnv final : public EnvWrapper {
 public:
  enum class Names : uint8_t { kTheirOwn, kRewrite };

  CopyEnv(Env* base, LogPaths paths, Names names)
      : EnvWrapper(base), paths_(std::move(paths)), names_(names) {}

  // The first sync of a closed file that failed: then the copy is worth nothing.
  Status failure() const EXCLUDES(mutex_);
  void NoteFailure(const Status& why) EXCLUDES(mutex_);

  StatusOr<std::unique_ptr<File>> OpenFile(const std::string& path, OpenMode mode) override;
  Status RemoveFile(const std::string& path) override;
  Status RenameFile(const std::string& from, const std::string& to) override;
  StatusOr<bool> FileExists(const std::string& path) override;
  StatusOr<std::vector<std::string>> ListDirectory(const std::string& path) override;
  // The maker of the copy syncs directories when it is complete.
  Status SyncDirectory(const std::string&) override { return Status::Ok(); }
  // Whoever makes a copy beside a log holds that log's lock.
  StatusOr<std::unique_ptr<FileLock>> LockFile(const std::string& path) override;

 private:
  std::string Map(const std::string& path) const;

  const LogPaths paths_;
  const Names names_;
  mutable Mutex mutex_;
  Status failure_ GUARDED_BY(mutex_);
};

}  // namespace clustor
