// Env: everything the log asks of the operating system. PosixEnv is the real one; the tests have
// one in memory that drops unsynced bytes, tears, and fails the n-th call. All methods may be
// called from any thread; one File is written by one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/pieces.h"
#include "base/status.h"
#include "os/file_system.h"

namespace clustor {

// An open file. Closes on destruction (the log never relies on close for durability).
class File {
 public:
  virtual ~File() = default;
  // Writes all bytes at offset: short writes and EINTR are continued. On failure any part of the
  // range may have been written.
  virtual Status WriteAt(uint64_t offset, std::span<const std::byte> bytes) = 0;
  // The same for pieces that follow each other.
  virtual Status WritePiecesAt(uint64_t offset, const Pieces& pieces) {
    for (const std::span<const std::byte> piece : pieces.spans()) {
      RETURN_IF_ERROR(WriteAt(offset, piece));
      offset += piece.size();
    }
    return Status::Ok();
  }
  // The device may begin with what was written to this range, so that a SyncData that follows has
  // less to wait for. Promises nothing; that it failed says the same as a failed WriteAt.
  virtual Status StartWriteback(uint64_t, uint64_t) { return Status::Ok(); }
  // Fills `into` from offset; returns how many bytes there were, less only at the end of the file.
  virtual StatusOr<size_t> ReadAt(uint64_t offset, std::span<std::byte> into) = 0;
  // fdatasync, or what brings bytes to the disk on this system. Never retried: after a failure the
  // state of unsynced bytes is unknown for good.
  virtual Status SyncData() = 0;
  // Reserves space up to `bytes` and makes the file that long. Content is zero, not yet cheap to
  // overwrite: the caller fills it with zeros.
  virtual Status Allocate(uint64_t bytes) = 0;
  virtual StatusOr<uint64_t> Bytes() = 0;
  // The system need not keep this range in memory, so that the next read comes from the disk. Only
  // advice; unsynced bytes stay.
  virtual void DropCache(uint64_t, uint64_t) {}
};

// A held lock; released on destruction.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

enum class OpenMode : uint8_t {
  kReadOnly,
  kReadWrite,  // Must exist.
  kCreate,     // Must not exist; read and write.
  kTruncate,   // Made, or emptied; read and write.
};

class Env {
 public:
  virtual ~Env() = default;
  // Errors name syscall, path and errno; a missing file is kIo with os_errno ENOENT.
  virtual StatusOr<std::unique_ptr<File>> OpenFile(const std::string& path, OpenMode mode) = 0;
  virtual Status RemoveFile(const std::string& path) = 0;
  // Atomic; replaces `to`.
  virtual Status RenameFile(const std::string& from, const std::string& to) = 0;
  virtual StatusOr<bool> FileExists(const std::string& path) = 0;
  // Makes the directory and missing parents.
  virtual Status CreateDirectories(const std::string& path) = 0;
  // Names of files in the directory, sorted.
  virtual StatusOr<std::vector<std::string>> ListDirectory(const std::string& path) = 0;
  // Makes creations, renames and removals in the directory durable.
  virtual Status SyncDirectory(const std::string& path) = 0;
  // Takes the exclusive lock on the file, making it when missing, and writes the process id into
  // it. Errors: kLocked with owner_pid.
  virtual StatusOr<std::unique_ptr<FileLock>> LockFile(const std::string& path) = 0;
  // Whether somebody holds the lock; changes nothing. A missing file is not locked.
  virtual StatusOr<bool> IsLocked(const std::string& path) = 0;
  // Bytes that a process without privileges can still use in the file system of the path.
  virtual StatusOr<uint64_t> FreeBytes(const std::string& path) = 0;
  // The file system of the path, or of its nearest parent that exists. Changes nothing.
  virtual StatusOr<FileSystem> FileSystemKind(const std::string& path) = 0;
  // Fills the span with bytes that nobody can foretell. Errors: kIo when the system has none to
  // give.
  virtual Status RandomBytes(std::span<std::byte> into) = 0;
  // Monotonic, for durations and queues.
  virtual uint64_t MonotonicNs() = 0;
  // Wall clock, milliseconds since 1970: only ever a label in the ledger.
  virtual uint64_t WallClockMs() = 0;
};

// The one Env of the operating system; lives forever.
Env* PosixEnv();

}  // namespace clustor
