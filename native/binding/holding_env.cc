#include "binding/holding_env.h"

#include <time.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace clustor {
namespace {

constexpr long kPollNs = 2'000'000;

class HoldingFile final : public File {
 public:
  HoldingFile(std::unique_ptr<File> file, const std::string& hold)
      : file_(std::move(file)), hold_(hold) {}

  Status WriteAt(uint64_t offset, std::span<const std::byte> bytes) override {
    return file_->WriteAt(offset, bytes);
  }
  StatusOr<size_t> ReadAt(uint64_t offset, std::span<std::byte> into) override {
    return file_->ReadAt(offset, into);
  }
  Status SyncData() override {
    while (access(hold_.c_str(), F_OK) == 0) {
      const timespec pause{0, kPollNs};
      nanosleep(&pause, nullptr);
    }
    return file_->SyncData();
  }
  Status Allocate(uint64_t bytes) override { return file_->Allocate(bytes); }
  StatusOr<uint64_t> Bytes() override { return file_->Bytes(); }

 private:
  const std::unique_ptr<File> file_;
  const std::string& hold_;
};

class HoldingEnv final : public Env {
 public:
  HoldingEnv(Env* env, std::string hold) : env_(env), hold_(std::move(hold)) {}

  StatusOr<std::unique_ptr<File>> OpenFile(const std::string& path, OpenMode mode) override {
    StatusOr<std::unique_ptr<File>> file = env_->OpenFile(path, mode);
    if (!file.ok()) return file.status();
    return std::unique_ptr<File>(new HoldingFile(std::move(file.value()), hold_));
  }
  Status RemoveFile(const std::string& path) override { return env_->RemoveFile(path); }
  Status RenameFile(const std::string& from, const std::string& to) override {
    return env_->RenameFile(from, to);
  }
  StatusOr<bool> FileExists(const std::string& path) override { return env_->FileExists(path); }
  Status CreateDirectories(const std::string& path) override {
    return env_->CreateDirectories(path);
  }
  StatusOr<std::vector<std::string>> ListDirectory(const std::string& path) override {
    return env_->ListDirectory(path);
  }
  Status SyncDirectory(const std::string& path) override { return env_->SyncDirectory(path); }
  StatusOr<std::unique_ptr<FileLock>> LockFile(const std::string& path) override {
    return env_->LockFile(path);
  }
  StatusOr<bool> IsLocked(const std::string& path) override { return env_->IsLocked(path); }
  StatusOr<uint64_t> FreeBytes(const std::string& path) override { return env_->FreeBytes(path); }
  StatusOr<FileSystem> FileSystemKind(const std::string& path) override {
    return env_->FileSystemKind(path);
  }
  Status RandomBytes(std::span<std::byte> into) override { return env_->RandomBytes(into); }
  uint64_t MonotonicNs() override { return env_->MonotonicNs(); }
  uint64_t WallClockMs() override { return env_->WallClockMs(); }

 private:
  Env* const env_;
  const std::string hold_;
};

Env* MakeEnvOfLogs() {
  const char* hold = std::getenv("CLUSTOR_TEST_HOLD_SYNCS");
  if (hold == nullptr || hold[0] == '\0') return PosixEnv();
  return new HoldingEnv(PosixEnv(), hold);
}

}  // namespace

std::shared_ptr<Env> EnvOfLogs() {
  static Env* const env = MakeEnvOfLogs();
  return {std::shared_ptr<Env>(), env};  // Owns nothing.
}

}  // namespace clustor
