#include "binding/repair_functions.h"

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "binding/async_task.h"
#include "binding/convert.h"
#include "binding/js_error.h"
#include "binding/key_ring_value.h"
#include "wal/rewrite.h"
#include "wal/salvage.h"

namespace clustor {
namespace {

void SetCount(Napi::Object object, const char* name, uint64_t value) {
  object.Set(name, static_cast<double>(value));
}

Napi::Value FromRewrite(Napi::Env env, RewriteReport& report) {
  Napi::Object object = Napi::Object::New(env);
  SetCount(object, "firstIndex", report.first_index);
  SetCount(object, "lastIndex", report.last_index);
  SetCount(object, "blocks", report.blocks);
  SetCount(object, "segmentsBefore", report.segments_before);
  SetCount(object, "segmentsAfter", report.segments_after);
  SetCount(object, "firstSegment", report.first_segment);
  SetCount(object, "bytesWritten", report.bytes_written);
  LogAnchor anchor = report.end;
  anchor.first_index = report.first_index;
  object.Set("anchor", FromAnchor(env, anchor));
  return object;
}

Napi::Value FromLoss(Napi::Env env, const SalvageLoss& loss) {
  Napi::Object object = Napi::Object::New(env);
  SetCount(object, "segment", loss.segment);
  SetCount(object, "offset", loss.offset);
  SetCount(object, "firstIndex", loss.first_index);
  SetCount(object, "lastIndex", loss.last_index);
  object.Set("why", loss.why);
  return object;
}

Napi::Value FromStrays(Napi::Env env, const std::vector<StrayRange>& strays) {
  Napi::Array array = Napi::Array::New(env, strays.size());
  for (size_t position = 0; position < strays.size(); ++position) {
    Napi::Object object = Napi::Object::New(env);
    SetCount(object, "segment", strays[position].segment);
    SetCount(object, "firstIndex", strays[position].first_index);
    SetCount(object, "lastIndex", strays[position].last_index);
    array.Set(static_cast<uint32_t>(position), object);
  }
  return array;
}

Napi::Value FromSalvage(Napi::Env env, SalvageReport& report) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("cluster", report.identity.cluster);
  object.Set("partition", report.identity.partition);
  SetCount(object, "replica", report.identity.replica);
  SetCount(object, "firstIndex", report.first_index);
  SetCount(object, "lastIndex", report.last_index);
  SetCount(object, "blocks", report.blocks);
  object.Set("loss", report.loss ? FromLoss(env, *report.loss) : env.Null());
  object.Set("strays", FromStrays(env, report.strays));
  SetCount(object, "strayEntries", report.stray_entries);
  return object;
}

Napi::Value Throw(Napi::Env env, const Status& status) {
  ThrowStatus(env, status);
  return env.Undefined();
}

}  // namespace

Napi::Value RewriteDirectoryJs(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsObject()) {
    return Throw(env, Status(StatusCode::kInvalidArgument, "rewriteDirectory(options)"));
  }
  StatusOr<LogOptions> options = ToLogOptions(info[0].As<Napi::Object>());
  if (!options.ok()) return Throw(env, options.status());
  return AsyncTask<RewriteReport>::Run(
      env, "clustor.rewrite",
      [options = std::move(options.value())] { return RewriteDirectory(PosixEnv(), options); },
      FromRewrite);
}

Napi::Value SalvageDirectoryJs(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsString() || !info[1].IsString()) {
    return Throw(env, Status(StatusCode::kInvalidArgument, "salvageDirectory(from, to, keys)"));
  }
  StatusOr<std::shared_ptr<const KeyRing>> keys = ToKeyRing(info[2]);
  if (!keys.ok()) return Throw(env, keys.status());
  SalvageOptions options;
  options.from = info[0].As<Napi::String>().Utf8Value();
  options.to = info[1].As<Napi::String>().Utf8Value();
  options.keys = std::move(keys.value());
  return AsyncTask<SalvageReport>::Run(
      env, "clustor.salvage", [options] { return SalvageDirectory(PosixEnv(), options); },
      FromSalvage);
}

}  // namespace clustor
