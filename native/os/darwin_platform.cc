// macOS. fsync(2) only hands the bytes to the drive, whose cache may lose them; F_FULLFSYNC makes
// the drive write them.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/param.h>
#include <unistd.h>

#include <cerrno>

#include "os/posix_platform.h"

namespace clustor {

namespace {

// A volume that does not know F_FULLFSYNC cannot make anything durable: the failure is reported and
// no weaker sync stands in for it.
Status FullSync(int fd, const std::string& path) {
  if (fcntl(fd, F_FULLFSYNC) == -1) return Status::FromErrno(errno, "F_FULLFSYNC", path);
  return Status::Ok();
}

bool Preallocate(int fd, fstore_t* store) {
  int result;
  do {
    result = fcntl(fd, F_PREALLOCATE, store);
  } while (result == -1 && errno == EINTR);
  return result != -1;
}

}  // namespace

Status SyncFileData(int fd, const std::string& path) { return FullSync(fd, path); }

Status SyncDirectoryFile(int fd, const std::string& path) { return FullSync(fd, path); }

// There is no such call.
Status StartFileWriteback(int, uint64_t, uint64_t, const std::string&) { return Status::Ok(); }

Status AllocateFile(int fd, uint64_t bytes, const std::string& path) {
  fstore_t store{};
  store.fst_flags = F_ALLOCATECONTIG | F_ALLOCATEALL;
  store.fst_posmode = F_PEOFPOSMODE;
  store.fst_length = static_cast<off_t>(bytes);
  bool reserved = Preallocate(fd, &store);
  if (!reserved) {
    // Not in one piece, then.
    store.fst_flags = F_ALLOCATEALL;
    reserved = Preallocate(fd, &store);
  }
  if (!reserved && errno != ENOTSUP && errno != EOPNOTSUPP) {
    return Status::FromErrno(errno, "F_PREALLOCATE", path);
  }
  if (ftruncate(fd, static_cast<off_t>(bytes)) != 0) {
    return Status::FromErrno(errno, "ftruncate", path);
  }
  return Status::Ok();
}

StatusOr<FileSystem> StatFileSystem(const std::string& path) {
  struct statfs info;
  if (statfs(path.c_str(), &info) != 0) return Status::FromErrno(errno, "statfs", path);
  FileSystem there = FileSystemOfName(info.f_fstypename);
  // Whatever its name: the kernel knows which volumes are stored on this machine.
  if (there.kind == FileSystem::Kind::kLocal && (info.f_flags & MNT_LOCAL) == 0) {
    there.kind = FileSystem::Kind::kNetwork;
  }
  return there;
}

}  // namespace clustor
