// A test harness of one page: TEST registers, CHECK and CHECK_EQ report and end the test, and
// run_tests.cc runs what was registered. No exceptions: a failed check returns from the test body.
#pragma once

#include <cstdio>
#include <sstream>
#include <string>
#include <vector>

#include "base/status.h"

namespace clustor::test {

// Campaigns take every kStride-th case under AddressSanitizer, which slows them ten times and finds
// what it finds in a few cases of a kind. They take all of them in the build without.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr int kStride = 5;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
inline constexpr int kStride = 5;
#else
inline constexpr int kStride = 1;
#endif
#else
inline constexpr int kStride = 1;
#endif

struct TestCase {
  const char* suite;
  const char* name;
  void (*body)();
};

std::vector<TestCase>& Registry();
// Marks the running test as failed and prints why.
void Fail(const char* file, int line, const std::string& what);
bool CurrentTestFailed();
// Runs the body; true when nothing in it failed.
bool RunTest(const TestCase& test);

struct Registration {
  Registration(const char* suite, const char* name, void (*body)()) {
    Registry().push_back({suite, name, body});
  }
};

template <typename Value>
std::string Show(const Value& value) {
  std::ostringstream text;
  text << value;
  return text.str();
}
inline std::string Show(StatusCode code) { return StatusCodeName(code); }

template <typename A, typename B>
bool CheckEqual(const A& actual, const B& expected, const char* what, const char* file, int line) {
  if (actual == expected) return true;
  Fail(file, line, std::string(what) + ": " + Show(actual) + " instead of " + Show(expected));
  return false;
}

inline std::string Describe(const Status& status) {
  return std::string(status.code_name()) + " " + status.message();
}

}  // namespace clustor::test

#define TEST(suite, name)                                                                   \
  static void suite##_##name();                                                             \
  static const ::clustor::test::Registration registration_##suite##_##name(#suite, #name,   \
                                                                           suite##_##name); \
  static void suite##_##name()

#define CHECK(condition)                                                  \
  do {                                                                    \
    if (!(condition)) {                                                   \
      ::clustor::test::Fail(__FILE__, __LINE__, "not true: " #condition); \
      return;                                                             \
    }                                                                     \
  } while (false)

#define CHECK_EQ(actual, expected)                                                           \
  do {                                                                                       \
    if (!::clustor::test::CheckEqual(actual, expected, #actual, __FILE__, __LINE__)) return; \
  } while (false)

#define CHECK_OK(expression)                                                           \
  do {                                                                                 \
    const ::clustor::Status check_ok_status = (expression);                            \
    if (!check_ok_status.ok()) {                                                       \
      ::clustor::test::Fail(                                                           \
          __FILE__, __LINE__,                                                          \
          std::string(#expression ": ") + ::clustor::test::Describe(check_ok_status)); \
      return;                                                                          \
    }                                                                                  \
  } while (false)
