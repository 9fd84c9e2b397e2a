// EnvWrapper: an Env that hands everything on to another one; subclasses change what they must.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "os/env.h"

namespace clustor {

class EnvWrapper : public Env {
 public:
  // base outlives the wrapper.
  explicit EnvWrapper(Env* base) : base_(base) {}

  StatusOr<std::unique_ptr<File>> OpenFile(const std::string& path, OpenMode mode) override {
    return base_->OpenFile(path, mode);
  }
  Status RemoveFile(const std::string& path) override { return base_->RemoveFile(path); }
  Status RenameFile(const std::string& from, const std::string& to) override {
    return base_->RenameFile(from, to);
  }
  StatusOr<bool> FileExists(const std::string& path) override { return base_->FileExists(path); }
  Status CreateDirectories(const std::string& path) override {
    return base_->CreateDirectories(path);
  }
  StatusOr<std::vector<std::string>> ListDirectory(const std::string& path) override {
    return base_->ListDirectory(path);
  }
  Status SyncDirectory(const std::string& path) override { return base_->SyncDirectory(path); }
  StatusOr<std::unique_ptr<FileLock>> LockFile(const std::string& path) override {
    return base_->LockFile(path);
  }
  StatusOr<bool> IsLocked(const std::string& path) override { return base_->IsLocked(path); }
  StatusOr<uint64_t> FreeBytes(const std::string& path) override { return base_->FreeBytes(path); }
  StatusOr<FileSystem> FileSystemKind(const std::string& path) override {
    return base_->FileSystemKind(path);
  }
  Status RandomBytes(std::span<std::byte> into) override { return base_->RandomBytes(into); }
  uint64_t MonotonicNs() override { return base_->MonotonicNs(); }
  uint64_t WallClockMs() override { return base_->WallClockMs(); }

 protected:
  Env* base() const { return base_; }

 private:
  Env* const base_;
};

}  // namespace clustor
