#include "base/status.h"

#include <cerrno>
#include <cstring>

namespace clustor {

namespace {

StatusCode CodeOfErrno(int os_errno) {
  switch (os_errno) {
    case ENOSPC:
      return StatusCode::kDiskFull;
#ifdef EDQUOT
    case EDQUOT:
      return StatusCode::kQuotaExceeded;
#endif
    case EROFS:
      return StatusCode::kReadOnlyFilesystem;
    case EMFILE:
    case ENFILE:
      return StatusCode::kTooManyFiles;
    default:
      return StatusCode::kIo;
  }
}

}  // namespace

const char* StatusCodeName(StatusCode code) {
  switch (code) {
    case StatusCode::kOk:
      return "OK";
#define STATUS_CODE(name, text) \
  case StatusCode::name:        \
    return text;
#include "base/status_codes.def"
#undef STATUS_CODE
  }
  return "ERR_INTERNAL";
}

Status::Status(StatusCode code, std::string message) {
  StatusDetails details;
  details.message = std::move(message);
  failure_ = std::make_unique<Failure>(Failure{code, std::move(details)});
}

Status::Status(StatusCode code, StatusDetails details)
    : failure_(std::make_unique<Failure>(Failure{code, std::move(details)})) {}

Status::Status(const Status& other)
    : failure_(other.failure_ ? std::make_unique<Failure>(*other.failure_) : nullptr) {}

Status& Status::operator=(const Status& other) {
  if (this != &other) {
    failure_ = other.failure_ ? std::make_unique<Failure>(*other.failure_) : nullptr;
  }
  return *this;
}

Status Status::FromErrno(int os_errno, const char* syscall, std::string path) {
  StatusDetails details;
  // strerrordesc_np needs a newer C library than the package's floor; strerror of a known errno
  // returns a constant string and is safe to read.
  details.message = std::string(syscall) + " failed on " + path + ": " + std::strerror(os_errno);
  details.syscall = syscall;
  details.path = std::move(path);
  details.os_errno = os_errno;
  return Status(CodeOfErrno(os_errno), std::move(details));
}

Status OutOfMemory(uint64_t bytes) {
  return Status(StatusCode::kOutOfMemory, "there is no memory for " + std::to_string(bytes) +
                                              " bytes: nothing was done; try again with more "
                                              "memory or with less at once");
}

const StatusDetails& Status::details() const {
  static const StatusDetails* const kNone = new StatusDetails();
  return failure_ ? failure_->details : *kNone;
}

bool Status::IsShortage() const {
  switch (code()) {
    case StatusCode::kDiskFull:
    case StatusCode::kQuotaExceeded:
    case StatusCode::kTooManyFiles:
    case StatusCode::kOutOfMemory:
      return true;
    default:
      return false;
  }
}

}  // namespace clustor
