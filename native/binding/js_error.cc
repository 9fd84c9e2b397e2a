#include "binding/js_error.h"

#include <cstdint>
#include <string>

namespace clustor {
namespace {

void SetText(Napi::Object error, const char* name, const std::string& text) {
  if (!text.empty()) error.Set(name, text);
}

void SetNumber(Napi::Object error, const char* name, int64_t value) {
  if (value >= 0) error.Set(name, static_cast<double>(value));
}

}  // namespace

Napi::Value ToJsError(Napi::Env env, const Status& status) {
  const StatusDetails& details = status.details();
  Napi::Object error = Napi::Error::New(env, details.message).Value();
  error.Set("code", status.code_name());
  if (details.os_errno != 0) error.Set("errno", details.os_errno);
  SetText(error, "syscall", details.syscall);
  SetText(error, "path", details.path);
  SetNumber(error, "segment", details.segment);
  SetNumber(error, "offset", details.offset);
  SetNumber(error, "firstIndex", details.first_index);
  SetNumber(error, "lastIndex", details.last_index);
  SetNumber(error, "ownerPid", details.owner_pid);
  return error;
}

void ThrowStatus(Napi::Env env, const Status& status) {
  // A failure here means that an exception is pending already or that JavaScript may not run; in
  // both cases there is nobody to tell.
  const napi_status ignored = napi_throw(env, ToJsError(env, status));
  static_cast<void>(ignored);
}

}  // namespace clustor
