// Windows. Compiled with MinGW-w64, never run (docs/native.md).
#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <windows.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "os/env.h"
#include "os/windows_error.h"
#include "os/windows_path.h"

namespace clustor {

namespace {

constexpr DWORD kIoBytesMax = 1 << 30;

// A handle that closes itself.
class Handle {
 public:
  explicit Handle(HANDLE handle) : handle_(handle) {}
  ~Handle() {
    if (valid()) CloseHandle(handle_);
  }
  Handle(Handle&& other) noexcept : handle_(std::exchange(other.handle_, INVALID_HANDLE_VALUE)) {}
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  HANDLE get() const { return handle_; }
  bool valid() const { return handle_ != INVALID_HANDLE_VALUE; }

 private:
  HANDLE handle_;
};

// The offset of one read or write; the handle itself is synchronous.
OVERLAPPED At(uint64_t offset) {
  OVERLAPPED at{};
  at.Offset = static_cast<DWORD>(offset);
  at.OffsetHigh = static_cast<DWORD>(offset >> 32);
  return at;
}

class WindowsFile final : public File {
 public:
  WindowsFile(Handle handle, std::string path)
      : handle_(std::move(handle)), path_(std::move(path)) {}

  Status WriteAt(uint64_t offset, std::span<const std::byte> bytes) override {
    while (!bytes.empty()) {
      OVERLAPPED at = At(offset);
      DWORD written = 0;
      const DWORD wanted = static_cast<DWORD>(std::min<size_t>(bytes.size(), kIoBytesMax));
      if (!WriteFile(handle_.get(), bytes.data(), wanted, &written, &at)) {
        return LastError("WriteFile", path_);
      }
      if (written == 0) return Status::FromErrno(EIO, "WriteFile", path_);
      offset += written;
      bytes = bytes.subspan(written);
    }
    return Status::Ok();
  }

  StatusOr<size_t> ReadAt(uint64_t offset, std::span<std::byte> into) override {
    size_t done = 0;
    while (done < into.size()) {
      OVERLAPPED at = At(offset + done);
      DWORD got = 0;
      const DWORD wanted = static_cast<DWORD>(std::min<size_t>(into.size() - done, kIoBytesMax));
      if (!ReadFile(handle_.get(), into.data() + done, wanted, &got, &at)) {
        if (GetLastError() == ERROR_HANDLE_EOF) break;
        return LastError("ReadFile", path_);
      }
      if (got == 0) break;
      done += got;
    }
    return done;
  }

  Status SyncData() override {
    return FlushFileBuffers(handle_.get()) ? Status::Ok() : LastError("FlushFileBuffers", path_);
  }

  Status Allocate(uint64_t bytes) override {
    FILE_ALLOCATION_INFO space{};
    space.AllocationSize.QuadPart = static_cast<LONGLONG>(bytes);
    if (!SetFileInformationByHandle(handle_.get(), FileAllocationInfo, &space, sizeof(space))) {
      return LastError("FileAllocationInfo", path_);
    }
    FILE_END_OF_FILE_INFO end{};
    end.EndOfFile.QuadPart = static_cast<LONGLONG>(bytes);
    if (!SetFileInformationByHandle(handle_.get(), FileEndOfFileInfo, &end, sizeof(end))) {
      return LastError("FileEndOfFileInfo", path_);
    }
    return Status::Ok();
  }

  StatusOr<uint64_t> Bytes() override {
    LARGE_INTEGER bytes;
    if (!GetFileSizeEx(handle_.get(), &bytes)) return LastError("GetFileSizeEx", path_);
    return static_cast<uint64_t>(bytes.QuadPart);
  }

 private:
  const Handle handle_;
  const std::string path_;
};

// Files can be renamed and removed while somebody has them open, as on other systems.
constexpr DWORD kShareAll = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;

Handle OpenHandle(const std::string& path, DWORD access, DWORD disposition, DWORD flags) {
  return Handle(
      CreateFileW(WidePath(path).c_str(), access, kShareAll, nullptr, disposition, flags, nullptr));
}

DWORD DispositionOf(OpenMode mode) {
  switch (mode) {
    case OpenMode::kReadOnly:
    case OpenMode::kReadWrite:
      return OPEN_EXISTING;
    case OpenMode::kCreate:
      return CREATE_NEW;
    case OpenMode::kTruncate:
      return CREATE_ALWAYS;
  }
  return OPEN_EXISTING;
}

// One byte far behind the text, so that others can read the process id while it is locked.
constexpr uint64_t kLockOffset = uint64_t{1} << 62;

bool TryLock(HANDLE handle) {
  OVERLAPPED at = At(kLockOffset);
  return LockFileEx(handle, LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &at) != 0;
}

void Unlock(HANDLE handle) {
  OVERLAPPED at = At(kLockOffset);
  UnlockFileEx(handle, 0, 1, 0, &at);
}

class WindowsFileLock final : public FileLock {
 public:
  explicit WindowsFileLock(Handle handle) : handle_(std::move(handle)) {}
  ~WindowsFileLock() override { Unlock(handle_.get()); }

 private:
  const Handle handle_;
};

Status LockedBy(int64_t pid, const std::string& path) {
  StatusDetails details;
  details.message = "the log directory is in use" +
                    (pid > 0 ? " by process " + std::to_string(pid) : std::string()) + ": " + path;
  details.path = path;
  details.syscall = "LockFileEx";
  details.os_errno = EWOULDBLOCK;
  details.owner_pid = pid;
  return Status(StatusCode::kLocked, std::move(details));
}

int64_t ReadOwnerPid(HANDLE handle) {
  char text[32] = {};
  OVERLAPPED at = At(0);
  DWORD got = 0;
  if (!ReadFile(handle, text, sizeof(text) - 1, &got, &at)) return -1;
  const long pid = std::strtol(text, nullptr, 10);
  return pid > 0 ? pid : -1;
}

class WindowsEnv final : public Env {
 public:
  StatusOr<std::unique_ptr<File>> OpenFile(const std::string& path, OpenMode mode) override {
    const DWORD access = mode == OpenMode::kReadOnly ? GENERIC_READ : GENERIC_READ | GENERIC_WRITE;
    Handle handle = OpenHandle(path, access, DispositionOf(mode), FILE_ATTRIBUTE_NORMAL);
    if (!handle.valid()) return LastError("CreateFileW", path);
    return std::unique_ptr<File>(std::make_unique<WindowsFile>(std::move(handle), path));
  }

  Status RemoveFile(const std::string& path) override {
    return DeleteFileW(WidePath(path).c_str()) ? Status::Ok() : LastError("DeleteFileW", path);
  }

  Status RenameFile(const std::string& from, const std::string& to) override {
    const DWORD flags = MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH;
    const bool moved = MoveFileExW(WidePath(from).c_str(), WidePath(to).c_str(), flags) != 0;
    return moved ? Status::Ok() : LastError("MoveFileExW", from);
  }

  StatusOr<bool> FileExists(const std::string& path) override {
    if (GetFileAttributesW(WidePath(path).c_str()) != INVALID_FILE_ATTRIBUTES) return true;
    const Status why = LastError("GetFileAttributesW", path);
    const int os_errno = why.details().os_errno;
    if (os_errno == ENOENT || os_errno == ENOTDIR) return false;
    return why;
  }

  Status CreateDirectories(const std::string& path) override {
    for (size_t slash = path.find_first_of("/\\", 1);;
         slash = path.find_first_of("/\\", slash + 1)) {
      const std::string prefix = path.substr(0, slash);
      const bool is_drive = prefix.ends_with(':');
      if (!is_drive && !CreateDirectoryW(WidePath(prefix).c_str(), nullptr) &&
          GetLastError() != ERROR_ALREADY_EXISTS) {
        return LastError("CreateDirectoryW", prefix);
      }
      if (slash == std::string::npos) return Status::Ok();
    }
  }

  StatusOr<std::vector<std::string>> ListDirectory(const std::string& path) override {
    WIN32_FIND_DATAW found;
    const HANDLE search = FindFirstFileW(WidePath(path + "\\*").c_str(), &found);
    if (search == INVALID_HANDLE_VALUE) return LastError("FindFirstFileW", path);
    std::vector<std::string> names;
    do {
      const std::string name = NarrowPath(found.cFileName);
      if (name != "." && name != "..") names.push_back(name);
    } while (FindNextFileW(search, &found));
    const Status ended = LastError("FindNextFileW", path);
    const bool complete = GetLastError() == ERROR_NO_MORE_FILES;
    FindClose(search);
    if (!complete) return ended;
    std::sort(names.begin(), names.end());
    return names;
  }

  // NTFS keeps names in its journal, in order; renames are written through. What is left is to
  // flush the directory itself, which needs a handle that may write to it.
  Status SyncDirectory(const std::string& path) override {
    const Handle handle =
        OpenHandle(path, GENERIC_READ | GENERIC_WRITE, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS);
    if (!handle.valid()) return LastError("CreateFileW", path);
    if (FlushFileBuffers(handle.get())) return Status::Ok();
    return LastError("FlushFileBuffers", path);
  }

  StatusOr<std::unique_ptr<FileLock>> LockFile(const std::string& path) override {
    Handle handle =
        OpenHandle(path, GENERIC_READ | GENERIC_WRITE, OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL);
    if (!handle.valid()) return LastError("CreateFileW", path);
    if (!TryLock(handle.get())) {
      if (GetLastError() != ERROR_LOCK_VIOLATION) return LastError("LockFileEx", path);
      return LockedBy(ReadOwnerPid(handle.get()), path);
    }
    // Only information for the process that fails to get the lock: without it the lock holds.
    char text[32];
    const int bytes = std::snprintf(text, sizeof(text), "%lu\n", GetCurrentProcessId());
    OVERLAPPED at = At(0);
    DWORD written = 0;
    WriteFile(handle.get(), text, static_cast<DWORD>(bytes), &written, &at);
    return std::unique_ptr<FileLock>(std::make_unique<WindowsFileLock>(std::move(handle)));
  }

  StatusOr<bool> IsLocked(const std::string& path) override {
    const Handle handle =
        OpenHandle(path, GENERIC_READ | GENERIC_WRITE, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL);
    if (!handle.valid()) {
      const Status why = LastError("CreateFileW", path);
      if (why.details().os_errno == ENOENT) return false;
      return why;
    }
    if (!TryLock(handle.get())) return true;
    Unlock(handle.get());
    return false;
  }

  StatusOr<uint64_t> FreeBytes(const std::string& path) override {
    ULARGE_INTEGER bytes;
    if (!GetDiskFreeSpaceExW(WidePath(path).c_str(), &bytes, nullptr, nullptr)) {
      return LastError("GetDiskFreeSpaceExW", path);
    }
    return bytes.QuadPart;
  }

  StatusOr<FileSystem> FileSystemKind(const std::string& path) override {
    wchar_t root[MAX_PATH + 1];
    if (!GetVolumePathNameW(WidePath(path).c_str(), root, MAX_PATH)) {
      return LastError("GetVolumePathNameW", path);
    }
    const UINT type = GetDriveTypeW(root);
    wchar_t name[MAX_PATH + 1] = L"";
    if (!GetVolumeInformationW(root, nullptr, 0, nullptr, nullptr, nullptr, name, MAX_PATH)) {
      name[0] = 0;
    }
    FileSystem there{FileSystem::Kind::kLocal, NarrowPath(name)};
    if (type == DRIVE_REMOTE) there.kind = FileSystem::Kind::kNetwork;
    if (type == DRIVE_RAMDISK) there.kind = FileSystem::Kind::kMemory;
    return there;
  }

  Status RandomBytes(std::span<std::byte> into) override {
    // SystemFunction036, better known as RtlGenRandom: the system's random source for keys.
    using Generate = BOOLEAN(APIENTRY*)(void*, ULONG);
    static const auto generate = reinterpret_cast<Generate>(reinterpret_cast<void*>(
        GetProcAddress(LoadLibraryW(L"advapi32.dll"), "SystemFunction036")));
    if (generate == nullptr || !generate(into.data(), static_cast<ULONG>(into.size()))) {
      return Status::FromErrno(EIO, "RtlGenRandom", "");
    }
    return Status::Ok();
  }

  uint64_t MonotonicNs() override {
    LARGE_INTEGER now;
    LARGE_INTEGER per_second;
    QueryPerformanceCounter(&now);
    QueryPerformanceFrequency(&per_second);
    const auto ticks = static_cast<uint64_t>(now.QuadPart);
    const auto rate = static_cast<uint64_t>(per_second.QuadPart);
    return ticks / rate * 1'000'000'000 + ticks % rate * 1'000'000'000 / rate;
  }

  uint64_t WallClockMs() override {
    // 100-nanosecond steps since 1601.
    constexpr uint64_t kUnixEpoch = 116'444'736'000'000'000;
    FILETIME time;
    GetSystemTimeAsFileTime(&time);
    const uint64_t steps = uint64_t{time.dwHighDateTime} << 32 | time.dwLowDateTime;
    return (steps - kUnixEpoch) / 10'000;
  }
};

}  // namespace

// The Env of this system, whatever it is called.
Env* PosixEnv() {
  static WindowsEnv* const kEnv = new WindowsEnv();
  return kEnv;
}

}  // namespace clustor
