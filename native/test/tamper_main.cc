// tamper [--json | --markdown]
#include <cstdio>
#include <cstring>

#include "tamper.h"

int main(int argc, char** argv) {
  const bool json = argc == 2 && std::strcmp(argv[1], "--json") == 0;
  const bool markdown = argc == 2 && std::strcmp(argv[1], "--markdown") == 0;
  if (argc > 1 && !json && !markdown) {
    std::fprintf(stderr, "usage: tamper [--json | --markdown]\n");
    return 2;
  }
  const clustor::test::TamperResult result = clustor::test::RunTamper();
  for (const std::string& failure : result.failures) {
    std::fprintf(stderr, "undetected: %s\n", failure.c_str());
  }
  if (json) {
    std::printf("{\"cases\":%llu,\"undetected\":%llu}\n",
                static_cast<unsigned long long>(result.cases),
                static_cast<unsigned long long>(result.undetected));
  } else {
    std::printf("%s", clustor::test::TamperMarkdown(result).c_str());
  }
  return result.undetected == 0 ? 0 : 1;
}
