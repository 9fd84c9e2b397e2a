// The tamper matrix: what can be done to the files of a log, by accident or on purpose, and whether
// opening it notices (docs/tamper.md).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

namespace clustor::test {

enum class TamperOutcome : uint8_t {
  kRefused,   // Opening the log is refused.
  kHarmless,  // It opens and holds exactly what it truly held.
  kAnchored,  // Only an open that names the anchor is refused.
  kUndetected,
};

// One line of the table: what was done to which part, and how that ended how often.
struct TamperRow {
  uint64_t refused = 0;
  uint64_t harmless = 0;
  uint64_t anchored = 0;
  uint64_t undetected = 0;
};

// Who, which files, which part, what was done to it.
using TamperKey = std::tuple<std::string, std::string, std::string, std::string>;

struct TamperResult {
  uint64_t cases = 0;
  uint64_t undetected = 0;
  std::map<TamperKey, TamperRow> rows;
  std::vector<std::string> failures;  // The first ten undetected cases.
};

TamperResult RunTamper();
// docs/tamper.md, whole.
std::string TamperMarkdown(const TamperResult& result);

}  // namespace clustor::test
