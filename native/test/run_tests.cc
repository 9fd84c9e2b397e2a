#include <cstring>

#include "check.h"

// Runs all tests, or those whose "Suite.Name" begins with the argument.
int main(int argc, char** argv) {
  using namespace clustor::test;
  int failed = 0;
  int run = 0;
  for (const TestCase& test : Registry()) {
    const std::string name = std::string(test.suite) + "." + test.name;
    if (argc > 1 && name.rfind(argv[1], 0) != 0) continue;
    const bool passed = RunTest(test);
    ++run;
    if (!passed) ++failed;
    std::printf("%s %s\n", passed ? "ok    " : "FAILED", name.c_str());
    std::fflush(stdout);
  }
  std::printf("%d tests, %d failed\n", run, failed);
  return failed == 0 && run > 0 ? 0 : 1;
}
