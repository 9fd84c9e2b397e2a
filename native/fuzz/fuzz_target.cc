#include "fuzz_target.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace clustor::fuzz {

namespace {

std::vector<FuzzTarget>* Registry() {
  static std::vector<FuzzTarget>* const kTargets = new std::vector<FuzzTarget>();
  return kTargets;
}

}  // namespace

std::vector<FuzzTarget> Targets() {
  std::vector<FuzzTarget> targets = *Registry();
  std::sort(targets.begin(), targets.end(), [](const FuzzTarget& a, const FuzzTarget& b) {
    return std::strcmp(a.name, b.name) < 0;
  });
  return targets;
}

Registration::Registration(const char* name, void (*run)(std::span<const std::byte>),
                           std::vector<Bytes> (*seeds)()) {
  Registry()->push_back({name, run, seeds});
}

void Violated(const char* file, int line, const char* what) {
  std::fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
  std::abort();
}

std::unique_ptr<File> OpenBytes(test::FaultEnv* env, std::span<const std::byte> bytes) {
  env->SetBytes("/file", {bytes.begin(), bytes.end()});
  StatusOr<std::unique_ptr<File>> file = env->OpenFile("/file", OpenMode::kReadOnly);
  HOLDS(file.ok());
  return std::move(*file);
}

std::span<const std::byte> AsBytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

void Append(Bytes* bytes, std::span<const std::byte> more) {
  if (more.empty()) return;
  const size_t at = bytes->size();
  bytes->resize(at + more.size());
  std::memcpy(bytes->data() + at, more.data(), more.size());
}

bool Equal(std::span<const std::byte> a, std::span<const std::byte> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

}  // namespace clustor::fuzz
