#include "binding/inspect_functions.h"

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "binding/async_task.h"
#include "binding/convert.h"
#include "os/raw_bench.h"
#include "wal/inspect.h"

namespace clustor {
namespace {

using SharedIterator = std::shared_ptr<DumpIterator>;

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

RawBenchMethod ToMethod(std::string_view name) {
  if (name == "single-extending") return RawBenchMethod::kSingleExtending;
  if (name == "two-ordered") return RawBenchMethod::kTwoOrdered;
  if (name == "two-parallel") return RawBenchMethod::kTwoParallel;
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
  return AsyncTask<VerifyReport>::Run(
      info.Env(), "clustor.verify",
      [directory = TextArgument(info, 0), wal_directory = TextArgument(info, 1)] {
        return VerifyDirectory(PosixEnv(), directory, wal_directory);
      },
      [](Napi::Env env, VerifyReport& report) -> Napi::Value {
        return FromVerifyReport(env, report);
      });
}

Napi::Value DumpDirectoryJs(const Napi::CallbackInfo& info) {
  return AsyncTask<SharedIterator>::Run(
      info.Env(), "clustor.dump",
      [directory = TextArgument(info, 0),
       wal_directory = TextArgument(info, 1)]() -> StatusOr<SharedIterator> {
        StatusOr<std::unique_ptr<DumpIterator>> iterator =
            DumpIterator::Open(PosixEnv(), directory, wal_directory);
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
