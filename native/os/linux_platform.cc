#include <fcntl.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <cerrno>

#include "os/posix_platform.h"

namespace clustor {

Status SyncFileData(int fd, const std::string& path) {
  if (fdatasync(fd) != 0) return Status::FromErrno(errno, "fdatasync", path);
  return Status::Ok();
}

// Waits for nothing but a place in the queue of the device. It does not take the news of a failed
// write away from the fdatasync that follows: only a call that waits for pages would.
Status StartFileWriteback(int fd, uint64_t offset, uint64_t bytes, const std::string& path) {
  const int result = sync_file_range(fd, static_cast<off_t>(offset), static_cast<off_t>(bytes),
                                     SYNC_FILE_RANGE_WRITE);
  // Emulated systems lack the call.
  if (result == 0 || errno == ENOSYS) return Status::Ok();
  return Status::FromErrno(errno, "sync_file_range", path);
}

Status SyncDirectoryFile(int fd, const std::string& path) {
  if (fsync(fd) != 0) return Status::FromErrno(errno, "fsync", path);
  return Status::Ok();
}

Status AllocateFile(int fd, uint64_t bytes, const std::string& path) {
  int result;
  do {
    result = fallocate(fd, 0, 0, static_cast<off_t>(bytes));
  } while (result != 0 && errno == EINTR);
  if (result == 0) return Status::Ok();
  if (errno != EOPNOTSUPP) return Status::FromErrno(errno, "fallocate", path);
  // A file system without reservation: the zeros that the caller writes take the space.
  if (ftruncate(fd, static_cast<off_t>(bytes)) != 0) {
    return Status::FromErrno(errno, "ftruncate", path);
  }
  return Status::Ok();
}

StatusOr<FileSystem> StatFileSystem(const std::string& path) {
  struct statfs info;
  int result;
  do {
    result = statfs(path.c_str(), &info);
  } while (result != 0 && errno == EINTR);
  if (result != 0) return Status::FromErrno(errno, "statfs", path);
  // f_type is signed on some architectures: keep the 32 bits that the constants have.
  return FileSystemOfMagic(static_cast<uint32_t>(info.f_type));
}

}  // namespace clustor
