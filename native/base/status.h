// Status: the result of every fallible native operation; StatusOr<T>: a value or a Status.
// A success is one null pointer; a failure owns its details. Nobody compares message text: branch
// on code().
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>

namespace clustor {

enum class StatusCode : uint8_t {
  kOk = 0,
#define STATUS_CODE(name, text) name,
#include "base/status_codes.def"
#undef STATUS_CODE
};

// The stable text of a code ("ERR_DISK_FULL"); "OK" for kOk.
const char* StatusCodeName(StatusCode code);

// What a failure carries besides its code. Absent values: empty strings, 0, or -1 as noted.
struct StatusDetails {
  std::string message;       // One sentence: what happened, to which thing, what to do.
  std::string syscall;       // "pwrite", "fdatasync", ...
  std::string path;          // The file or directory concerned.
  int os_errno = 0;          // errno of the failed call.
  int64_t segment = -1;      // segment_seq, -1 when no segment is concerned.
  int64_t offset = -1;       // Byte offset in that segment or file, -1 when unknown.
  int64_t first_index = -1;  // Range of log indexes concerned, -1 when unknown.
  int64_t last_index = -1;
  int64_t owner_pid = -1;  // kLocked only: the process that holds the lock.
};

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(StatusCode code, std::string message);
  Status(StatusCode code, StatusDetails details);
  Status(const Status& other);
  Status& operator=(const Status& other);
  Status(Status&&) noexcept = default;
  Status& operator=(Status&&) noexcept = default;
  ~Status() = default;

  static Status Ok() { return Status(); }
  // Maps errno to the code that names it: ENOSPC kDiskFull, EDQUOT kQuotaExceeded, EROFS
  // kReadOnlyFilesystem, EMFILE and ENFILE kTooManyFiles, everything else kIo.
  static Status FromErrno(int os_errno, const char* syscall, std::string path);

  bool ok() const { return failure_ == nullptr; }
  StatusCode code() const { return failure_ ? failure_->code : StatusCode::kOk; }
  const char* code_name() const { return StatusCodeName(code()); }
  // Details of a failure; empty details for a success.
  const StatusDetails& details() const;
  // REQUIRES: !ok(). For adding the segment, offset or range known only by the caller.
  StatusDetails& mutable_details() { return failure_->details; }
  const std::string& message() const { return details().message; }
  // True when the failure is a shortage that can end by itself (space, quota, descriptors, memory):
  // nothing was written and the same call can succeed later.
  bool IsShortage() const;

 private:
  struct Failure {
    StatusCode code;
    StatusDetails details;
  };
  std::unique_ptr<Failure> failure_;
};

// kOutOfMemory, for a piece of memory of `bytes`.
Status OutOfMemory(uint64_t bytes);

template <typename T>
class [[nodiscard]] StatusOr {
 public:
  StatusOr(T value) : value_(std::in_place_index<1>, std::move(value)) {}
  StatusOr(Status status) : value_(std::in_place_index<0>, std::move(status)) {}

  bool ok() const { return value_.index() == 1; }
  // The failure, or OK when there is a value.
  Status status() const { return ok() ? Status::Ok() : *std::get_if<0>(&value_); }
  // REQUIRES: ok().
  T& value() & { return *std::get_if<1>(&value_); }
  const T& value() const& { return *std::get_if<1>(&value_); }
  T&& value() && { return std::move(*std::get_if<1>(&value_)); }
  T* operator->() { return std::get_if<1>(&value_); }
  const T* operator->() const { return std::get_if<1>(&value_); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }

 private:
  std::variant<Status, T> value_;
};

// Returns the Status of a failed expression from the calling function.
#define RETURN_IF_ERROR(expression)                                  \
  do {                                                               \
    ::clustor::Status return_if_error_status = (expression);         \
    if (!return_if_error_status.ok()) return return_if_error_status; \
  } while (false)

}  // namespace clustor
