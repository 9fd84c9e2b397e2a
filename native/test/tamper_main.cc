// tamper [--json | --markdown]
#include <cstdio>
#include <cstring>

#include "tamper.h"

namespace {

void PrintCounts(const clustor::test::TamperResult& result) {
  std::printf("%9s %9s %9s %10s\n", "refused", "harmless", "anchored", "undetected");
  for (const auto& [key, row] : result.rows) {
    const auto& [who, file, part, action] = key;
    std::printf("%9llu %9llu %9llu %10llu  %s: %s, %s: %s\n",
                static_cast<unsigned long long>(row.refused),
                static_cast<unsigned long long>(row.harmless),
                static_cast<unsigned long long>(row.anchored),
                static_cast<unsigned long long>(row.undetected), who.c_str(), file.c_str(),
                part.c_str(), action.c_str());
  }
  std::printf("%llu cases, %llu undetected\n", static_cast<unsigned long long>(result.cases),
              static_cast<unsigned long long>(result.undetected));
}

}  // namespace

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
  } else if (markdown) {
    std::printf("%s", clustor::test::TamperMarkdown(result).c_str());
  } else {
    PrintCounts(result);
  }
  return result.undetected == 0 ? 0 : 1;
}
