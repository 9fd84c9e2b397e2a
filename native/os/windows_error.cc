#include "os/windows_error.h"

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <cerrno>

namespace clustor {

namespace {

// ERROR_DISK_QUOTA_EXCEEDED, which older headers lack, and there is no errno for it.
constexpr DWORD kDiskQuotaExceeded = 1295;

struct Mapping {
  DWORD error;
  int os_errno;
};

constexpr Mapping kMappings[] = {
    {ERROR_FILE_NOT_FOUND, ENOENT},      {ERROR_PATH_NOT_FOUND, ENOENT},
    {ERROR_INVALID_NAME, ENOENT},        {ERROR_BAD_PATHNAME, ENOENT},
    {ERROR_DIRECTORY, ENOTDIR},          {ERROR_ACCESS_DENIED, EACCES},
    {ERROR_SHARING_VIOLATION, EACCES},   {ERROR_FILE_EXISTS, EEXIST},
    {ERROR_ALREADY_EXISTS, EEXIST},      {ERROR_DISK_FULL, ENOSPC},
    {ERROR_HANDLE_DISK_FULL, ENOSPC},    {ERROR_WRITE_PROTECT, EROFS},
    {ERROR_TOO_MANY_OPEN_FILES, EMFILE}, {ERROR_NO_SYSTEM_RESOURCES, ENOMEM},
    {ERROR_NOT_ENOUGH_MEMORY, ENOMEM},
};

}  // namespace

Status LastError(const char* call, const std::string& path) {
  const DWORD error = GetLastError();
  int os_errno = EIO;
  for (const Mapping& mapping : kMappings) {
    if (mapping.error == error) os_errno = mapping.os_errno;
  }
  Status status = Status::FromErrno(os_errno, call, path);
  if (error == kDiskQuotaExceeded) status = Status(StatusCode::kQuotaExceeded, status.details());
  status.mutable_details().message += " (error " + std::to_string(error) + ")";
  SetLastError(error);
  return status;
}

}  // namespace clustor
