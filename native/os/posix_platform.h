// What POSIX leaves to each system. posix_env.cc holds everything else; linux_platform.cc or
// darwin_platform.cc is compiled in beside it.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"
#include "os/file_system.h"

namespace clustor {

// Brings the bytes of the file, and what is needed to find them, to the disk itself. Not retried.
Status SyncFileData(int fd, const std::string& path);
// The same for a directory: the names in it.
Status SyncDirectoryFile(int fd, const std::string& path);
// File::StartWriteback.
Status StartFileWriteback(int fd, uint64_t offset, uint64_t bytes, const std::string& path);
// File::Allocate.
Status AllocateFile(int fd, uint64_t bytes, const std::string& path);
// Of a path that exists.
StatusOr<FileSystem> StatFileSystem(const std::string& path);

}  // namespace clustor
