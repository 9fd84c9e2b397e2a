// A fuzz target: a decoder with the properties that hold for whatever bytes it is given. Each
// *_fuzz.cc registers one. The same file is linked into a libFuzzer program (clang) and into
// corpus_test, which replays the kept inputs with any compiler.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "fault_env.h"

namespace clustor::fuzz {

using Bytes = std::vector<std::byte>;

struct FuzzTarget {
  const char* name;
  // Aborts when a property does not hold.
  void (*run)(std::span<const std::byte> input);
  // Inputs to start from, made by the real encoder.
  std::vector<Bytes> (*seeds)();
};

// In order of name.
std::vector<FuzzTarget> Targets();

struct Registration {
  Registration(const char* name, void (*run)(std::span<const std::byte>),
               std::vector<Bytes> (*seeds)());
};

// Prints what does not hold and aborts, so that libFuzzer keeps the input.
[[noreturn]] void Violated(const char* file, int line, const char* what);

// A read-only file that holds the bytes. env outlives it.
std::unique_ptr<File> OpenBytes(test::FaultEnv* env, std::span<const std::byte> bytes);

std::span<const std::byte> AsBytes(const std::string& text);
void Append(Bytes* bytes, std::span<const std::byte> more);
bool Equal(std::span<const std::byte> a, std::span<const std::byte> b);

}  // namespace clustor::fuzz

#define FUZZ_TARGET(name, run, seeds) \
  static const ::clustor::fuzz::Registration registration_of_target(name, run, seeds)

#define HOLDS(condition)                                                         \
  do {                                                                           \
    if (!(condition)) ::clustor::fuzz::Violated(__FILE__, __LINE__, #condition); \
  } while (false)
