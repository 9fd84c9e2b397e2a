#include "check.h"

namespace clustor::test {

namespace {
bool g_failed = false;
}

std::vector<TestCase>& Registry() {
  static std::vector<TestCase>* const kTests = new std::vector<TestCase>();
  return *kTests;
}

void Fail(const char* file, int line, const std::string& what) {
  g_failed = true;
  std::printf("  %s:%d: %s\n", file, line, what.c_str());
}

bool CurrentTestFailed() { return g_failed; }

bool RunTest(const TestCase& test) {
  g_failed = false;
  test.body();
  return !g_failed;
}

}  // namespace clustor::test
