#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "os/env.h"
#include "os/posix_platform.h"

namespace clustor {

namespace {

// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

 private:
  int fd_;
};

Descriptor OpenRetrying(const std::string& path, int flags) {
  int fd;
  do {
    fd = open(path.c_str(), flags | O_CLOEXEC, 0644);
  } while (fd < 0 && errno == EINTR);
  return Descriptor(fd);
}

class PosixFile final : public File {
 public:
  PosixFile(Descriptor descriptor, std::string path)
      : descriptor_(std::move(descriptor)), path_(std::move(path)) {}

  Status WriteAt(uint64_t offset, std::span<const std::byte> bytes) override {
    while (!bytes.empty()) {
      const ssize_t written =
          pwrite(descriptor_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (written < 0) {
        if (errno == EINTR) continue;
        return Status::FromErrno(errno, "pwrite", path_);
      }
      // A write of nothing without an error would loop for ever; no file system should do it.
      if (written == 0) return Status::FromErrno(EIO, "pwrite", path_);
      offset += static_cast<uint64_t>(written);
      bytes = bytes.subspan(static_cast<size_t>(written));
    }
    return Status::Ok();
  }

  Status WritePiecesAt(uint64_t offset, const Pieces& pieces) override {
    for (uint64_t done = 0; done < pieces.bytes();) {
      const StatusOr<size_t> written = WriteSome(offset + done, pieces, done);
      if (!written.ok()) return written.status();
      done += *written;
    }
    return Status::Ok();
  }

  Status StartWriteback(uint64_t offset, uint64_t bytes) override {
    return StartFileWriteback(descriptor_.get(), offset, bytes, path_);
  }

  StatusOr<size_t> ReadAt(uint64_t offset, std::span<std::byte> into) override {
    size_t done = 0;
    while (done < into.size()) {
      const ssize_t got = pread(descriptor_.get(), into.data() + done, into.size() - done,
                                static_cast<off_t>(offset + done));
      if (got < 0) {
        if (errno == EINTR) continue;
        return Status::FromErrno(errno, "pread", path_);
      }
      if (got == 0) break;
      done += static_cast<size_t>(got);
    }
    return done;
  }

  Status SyncData() override { return SyncFileData(descriptor_.get(), path_); }

  Status Allocate(uint64_t bytes) override { return AllocateFile(descriptor_.get(), bytes, path_); }

  StatusOr<uint64_t> Bytes() override {
    const off_t end = lseek(descriptor_.get(), 0, SEEK_END);
    if (end < 0) return Status::FromErrno(errno, "lseek", path_);
    return static_cast<uint64_t>(end);
  }

  void DropCache(uint64_t offset, uint64_t bytes) override {
#if defined(POSIX_FADV_DONTNEED)
    posix_fadvise(descriptor_.get(), static_cast<off_t>(offset), static_cast<off_t>(bytes),
                  POSIX_FADV_DONTNEED);
#endif
  }

 private:
  // One write of what follows the first `done` bytes: as much as one call takes.
  StatusOr<size_t> WriteSome(uint64_t offset, const Pieces& pieces, uint64_t done) {
    std::array<iovec, kVectorsMax> vectors;
    size_t count = 0;
    pieces.ForEach(done, pieces.bytes() - done, [&](std::span<const std::byte> piece) {
      // iovec is of reading as well; nobody writes through this pointer.
      if (count < vectors.size()) {
        vectors[count++] = {const_cast<std::byte*>(piece.data()), piece.size()};
      }
    });
    ssize_t written;
    do {
      written = pwritev(descriptor_.get(), vectors.data(), static_cast<int>(count),
                        static_cast<off_t>(offset));
    } while (written < 0 && errno == EINTR);
    if (written < 0) return Status::FromErrno(errno, "pwritev", path_);
    // A write of nothing without an error would loop for ever; no file system should do it.
    if (written == 0) return Status::FromErrno(EIO, "pwritev", path_);
    return static_cast<size_t>(written);
  }

  // Below every system's IOV_MAX; few blocks have more pieces.
  static constexpr size_t kVectorsMax = 64;

  const Descriptor descriptor_;
  const std::string path_;
};

// The pid written in a lock file, or -1.
int64_t ReadOwnerPid(int fd) {
  char text[32] = {};
  const ssize_t got = pread(fd, text, sizeof(text) - 1, 0);
  if (got <= 0) return -1;
  const long pid = std::strtol(text, nullptr, 10);
  return pid > 0 ? pid : -1;
}

class PosixFileLock final : public FileLock {
 public:
  explicit PosixFileLock(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}
  // An empty file means: not locked (IsLocked). Unlocked by name, not just by closing: a process
  // that is being spawned has a copy of the descriptor until its exec, and would hold the lock so
  // long.
  ~PosixFileLock() override {
    if (ftruncate(descriptor_.get(), 0) != 0) errno = 0;
    flock(descriptor_.get(), LOCK_UN);
  }

 private:
  const Descriptor descriptor_;
};

int OpenFlags(OpenMode mode) {
  switch (mode) {
    case OpenMode::kReadOnly:
      return O_RDONLY;
    case OpenMode::kReadWrite:
      return O_RDWR;
    case OpenMode::kCreate:
      return O_RDWR | O_CREAT | O_EXCL;
    case OpenMode::kTruncate:
      return O_RDWR | O_CREAT | O_TRUNC;
  }
  return O_RDONLY;
}

Status LockedBy(int64_t pid, const std::string& path) {
  StatusDetails details;
  details.message = "the log directory is in use" +
                    (pid > 0 ? " by process " + std::to_string(pid) : std::string()) + ": " + path;
  details.path = path;
  details.syscall = "flock";
  details.os_errno = EWOULDBLOCK;
  details.owner_pid = pid;
  return Status(StatusCode::kLocked, std::move(details));
}

uint64_t ClockNs(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000ull + static_cast<uint64_t>(now.tv_nsec);
}

class PosixEnvImpl final : public Env {
 public:
  StatusOr<std::unique_ptr<File>> OpenFile(const std::string& path, OpenMode mode) override {
    Descriptor descriptor = OpenRetrying(path, OpenFlags(mode));
    if (!descriptor.valid()) return Status::FromErrno(errno, "open", path);
    return std::unique_ptr<File>(std::make_unique<PosixFile>(std::move(descriptor), path));
  }

  Status RemoveFile(const std::string& path) override {
    if (unlink(path.c_str()) != 0) return Status::FromErrno(errno, "unlink", path);
    return Status::Ok();
  }

  Status RenameFile(const std::string& from, const std::string& to) override {
    if (rename(from.c_str(), to.c_str()) != 0) return Status::FromErrno(errno, "rename", from);
    return Status::Ok();
  }

  StatusOr<bool> FileExists(const std::string& path) override {
    if (access(path.c_str(), F_OK) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return Status::FromErrno(errno, "access", path);
  }

  Status CreateDirectories(const std::string& path) override {
    for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
      const std::string prefix = path.substr(0, slash);
      if (mkdir(prefix.c_str(), 0755) == 0) {
        RETURN_IF_ERROR(SyncParent(prefix));
      } else if (errno != EEXIST && access(prefix.c_str(), F_OK) != 0) {
        return Status::FromErrno(errno, "mkdir", prefix);
      }
      if (slash == std::string::npos) return Status::Ok();
    }
  }

  StatusOr<std::vector<std::string>> ListDirectory(const std::string& path) override {
    DIR* directory = opendir(path.c_str());
    if (directory == nullptr) return Status::FromErrno(errno, "opendir", path);
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = readdir(directory)) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(name);
    }
    const int failure = errno;
    closedir(directory);
    if (failure != 0) return Status::FromErrno(failure, "readdir", path);
    std::sort(names.begin(), names.end());
    return names;
  }

  Status SyncDirectory(const std::string& path) override {
    const Descriptor descriptor = OpenRetrying(path, O_RDONLY | O_DIRECTORY);
    if (!descriptor.valid()) return Status::FromErrno(errno, "open", path);
    return SyncDirectoryFile(descriptor.get(), path);
  }

  StatusOr<std::unique_ptr<FileLock>> LockFile(const std::string& path) override {
    Descriptor descriptor = OpenRetrying(path, O_RDWR | O_CREAT);
    if (!descriptor.valid()) return Status::FromErrno(errno, "open", path);
    if (flock(descriptor.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return Status::FromErrno(errno, "flock", path);
      return LockedBy(ReadOwnerPid(descriptor.get()), path);
    }
    // The pid is only information for the process that fails to get the lock: a full disk must not
    // keep the owner out, so a failure to write it is no failure of the lock.
    char text[32];
    const int bytes = std::snprintf(text, sizeof(text), "%ld\n", static_cast<long>(getpid()));
    if (ftruncate(descriptor.get(), 0) == 0 &&
        pwrite(descriptor.get(), text, static_cast<size_t>(bytes), 0) != bytes) {
      errno = 0;
    }
    return std::unique_ptr<FileLock>(std::make_unique<PosixFileLock>(std::move(descriptor)));
  }

  StatusOr<bool> IsLocked(const std::string& path) override {
    const Descriptor descriptor = OpenRetrying(path, O_RDONLY);
    if (!descriptor.valid()) {
      if (errno == ENOENT) return false;
      return Status::FromErrno(errno, "open", path);
    }
    const int64_t pid = ReadOwnerPid(descriptor.get());
    return pid > 0 && (kill(static_cast<pid_t>(pid), 0) == 0 || errno == EPERM);
  }

  StatusOr<uint64_t> FreeBytes(const std::string& path) override {
    struct statvfs info;
    if (statvfs(path.c_str(), &info) != 0) return Status::FromErrno(errno, "statvfs", path);
    return static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
  }

  StatusOr<FileSystem> FileSystemKind(const std::string& path) override {
    std::string existing = path;
    while (access(existing.c_str(), F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR) &&
           existing != ".") {
      existing = ParentOf(existing);
    }
    return StatFileSystem(existing);
  }

  Status RandomBytes(std::span<std::byte> into) override {
    // getentropy gives at most 256 bytes a call.
    while (!into.empty()) {
      const size_t bytes = std::min<size_t>(into.size(), 256);
      if (getentropy(into.data(), bytes) != 0) return Status::FromErrno(errno, "getentropy", "");
      into = into.subspan(bytes);
    }
    return Status::Ok();
  }

  uint64_t MonotonicNs() override { return ClockNs(CLOCK_MONOTONIC); }
  uint64_t WallClockMs() override { return ClockNs(CLOCK_REALTIME) / 1'000'000; }

 private:
  static std::string ParentOf(const std::string& path) {
    const size_t slash = path.find_last_of('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
  }

  Status SyncParent(const std::string& path) { return SyncDirectory(ParentOf(path)); }
};

}  // namespace

Env* PosixEnv() {
  static PosixEnvImpl* const kEnv = new PosixEnvImpl();
  return kEnv;
}

}  // namespace clustor
