#include "binding/inspect_functions.h"

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "binding/async_task.h"
#include "binding/convert.h"
#include "binding/js_error.h"
#include "binding/key_ring_value.h"
#include "os/raw_bench.h"
#include "wal/catalog.h"
#include "wal/identity.h"
#include "wal/inspect.h"
#include "wal/prove.h"
#include "wal/recovery.h"
#include "wal/scan.h"

namespace clustor {
namespace {

using Keys = std::shared_ptr<const KeyRing>;
using SharedIterator = std::shared_ptr<DumpIterator>;

Napi::Value Throw(Napi::Env env, const Status& status) {
  ThrowStatus(env, status);
  return env.Undefined();
}

std::string TextArgument(const Napi::CallbackInfo& info, size_t position) {
  const Napi::Value value = info[position];
  return value.IsString() ? value.As<Napi::String>().Utf8Value() : std::string();
}

StatusOr<std::vector<DumpItem>> NextItems(DumpIterator* iterator, uint64_t count_max) {
  std::vector<DumpItem> items;
  while (items.size() < count_max) {
    StatusOr<std::optional<DumpItem>> next = iterator->Next();
    if (!next.ok()) return next.status();
    if (!next.value()) break;
    items.push_back(std::move(*next.value()));
  }
  return items;
}

Napi::Value FromDumpItems(Napi::Env env, std::vector<DumpItem>& items) {
  Napi::Array array = Napi::Array::New(env, items.size());
  for (size_t position = 0; position < items.size(); ++position) {
    array.Set(static_cast<uint32_t>(position), FromDumpItem(env, items[position]));
  }
  return array;
}

Napi::Value NextFunction(Napi::Env env, SharedIterator& iterator) {
  return Napi::Function::New(env, [iterator](const Napi::CallbackInfo& info) {
    const uint64_t count_max = ToPosition(info[0]).value_or(1);
    return AsyncTask<std::vector<DumpItem>>::Run(
        info.Env(), "clustor.dump",
        [iterator, count_max] { return NextItems(iterator.get(), count_max); }, FromDumpItems);
  });
}

// What Log::Prove gives, of a log that nobody opens: nothing is changed and no lock is taken.
StatusOr<EntryProof> ProveOffline(const std::string& directory, const std::string& wal_directory,
                                  const Keys& keys, uint64_t index) {
  Env* const env = PosixEnv();
  const LogPaths paths = PathsOf(directory, wal_directory);
  const StatusOr<LogIdentity> identity = ReadIdentity(env, paths);
  if (!identity.ok()) return identity.status();
  ScanOptions options;
  options.threads = LogOptions().verify_threads;
  options.list_entries = false;
  options.keys = keys;
  StatusOr<DirectoryScan> scan = ScanDirectory(env, paths, *identity, options);
  if (!scan.ok()) return scan.status();
  RETURN_IF_ERROR(scan->verdict);
  RecoveryReport report;
  FillReport(&*scan, &report);
  Catalog catalog;
  catalog.Reset(std::move(scan->segments), report.entries.first_index, report.entries.last_index);
  const KeyHolder holder(keys);
  return ProveEntry(env, paths, catalog, &holder, index);
}

RawBenchMethod ToMethod(std::string_view name) {
  if (name == "single-extending") return RawBenchMethod::kSingleExtending;
  if (name == "two-ordered") return RawBenchMethod::kTwoOrdered;
  if (name == "two-parallel") return RawBenchMethod::kTwoParallel;
  if (name == "single-direct") return RawBenchMethod::kSingleDirect;
  return RawBenchMethod::kSinglePreallocated;
}

RawBenchOptions ToRawBenchOptions(Napi::Object object) {
  RawBenchOptions options;
  options.directory = TextProperty(object, "directory");
  options.method = ToMethod(TextProperty(object, "method"));
  const auto number = [&object](const char* name, uint32_t fallback) {
    return static_cast<uint32_t>(NumberProperty(object, name, fallback));
  };
  options.write_bytes = number("writeBytes", options.write_bytes);
  options.second_write_bytes = number("secondWriteBytes", options.second_write_bytes);
  options.stride_bytes = number("strideBytes", options.stride_bytes);
  options.operations = number("operations", options.operations);
  return options;
}

Napi::Value FromLatencies(Napi::Env env, std::vector<uint64_t>& latencies) {
  const std::vector<double> values(latencies.begin(), latencies.end());
  return FromDoubles(env, values);
}

}  // namespace

Napi::Value VerifyDirectoryJs(const Napi::CallbackInfo& info) {
  StatusOr<Keys> keys = ToKeyRing(info[2]);
  if (!keys.ok()) return Throw(info.Env(), keys.status());
  return AsyncTask<VerifyReport>::Run(
      info.Env(), "clustor.verify",
      [directory = TextArgument(info, 0), wal_directory = TextArgument(info, 1),
       keys = std::move(keys.value())] {
        return VerifyDirectory(PosixEnv(), directory, wal_directory, keys);
      },
      [](Napi::Env env, VerifyReport& report) -> Napi::Value {
        return FromVerifyReport(env, report);
      });
}

Napi::Value ProveDirectoryJs(const Napi::CallbackInfo& info) {
  StatusOr<Keys> keys = ToKeyRing(info[2]);
  if (!keys.ok()) return Throw(info.Env(), keys.status());
  return AsyncTask<EntryProof>::Run(
      info.Env(), "clustor.prove",
      [directory = TextArgument(info, 0), wal_directory = TextArgument(info, 1),
       keys = std::move(keys.value()), index = ToPosition(info[3]).value_or(0)] {
        return ProveOffline(directory, wal_directory, keys, index);
      },
      [](Napi::Env env, EntryProof& proof) -> Napi::Value { return FromProof(env, proof); });
}

Napi::Value DumpDirectoryJs(const Napi::CallbackInfo& info) {
  StatusOr<Keys> keys = ToKeyRing(info[2]);
  if (!keys.ok()) return Throw(info.Env(), keys.status());
  return AsyncTask<SharedIterator>::Run(
      info.Env(), "clustor.dump",
      [directory = TextArgument(info, 0), wal_directory = TextArgument(info, 1),
       keys = std::move(keys.value()),
       from_index = ToPosition(info[3]).value_or(0)]() -> StatusOr<SharedIterator> {
        StatusOr<std::unique_ptr<DumpIterator>> iterator =
            DumpIterator::Open(PosixEnv(), directory, wal_directory, keys, from_index);
        if (!iterator.ok()) return iterator.status();
        return SharedIterator(std::move(iterator.value()));
      },
      NextFunction);
}

Napi::Value RunRawBenchJs(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const RawBenchOptions options =
      info[0].IsObject() ? ToRawBenchOptions(info[0].As<Napi::Object>()) : RawBenchOptions();
  return AsyncTask<std::vector<uint64_t>>::Run(
      env, "clustor.rawBench", [options] { return RunRawBench(options); }, FromLatencies);
}

}  // namespace clustor
