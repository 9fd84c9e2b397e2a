#include <cstring>

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

}  // namespace clustor::test

// Runs all tests, or those whose "Suite.Name" begins with the argument.
int main(int argc, char** argv) {
  using namespace clustor::test;
  int failed = 0;
  int run = 0;
  for (const TestCase& test : Registry()) {
    const std::string name = std::string(test.suite) + "." + test.name;
    if (argc > 1 && name.rfind(argv[1], 0) != 0) continue;
    g_failed = false;
    test.body();
    ++run;
    if (g_failed) {
      ++failed;
      std::printf("FAILED %s\n", name.c_str());
    } else {
      std::printf("ok     %s\n", name.c_str());
    }
    std::fflush(stdout);
  }
  std::printf("%d tests, %d failed\n", run, failed);
  return failed == 0 && run > 0 ? 0 : 1;
}
