// The whole tamper matrix, and the document that shows it.
#include "tamper.h"

#include <fstream>
#include <sstream>

#include "base/planted_bug.h"
#include "check.h"

namespace clustor::test {

// W06, W10, W23
TEST(Tamper, IsDetectedOrHarmlessInEveryCase) {
  const TamperResult result = RunTamper();

  for (const std::string& failure : result.failures) Fail(__FILE__, __LINE__, failure);
  CHECK_EQ(result.undetected, 0u);
  CHECK(result.cases > 10'000);
  std::ifstream file(CLUSTOR_DOCS "/tamper.md");
  std::stringstream document;
  document << file.rdbuf();
  if (document.str() != TamperMarkdown(result)) {
    Fail(__FILE__, __LINE__,
         "docs/tamper.md is stale: npm run --silent tamper -- --markdown > docs/tamper.md");
  }
}

// The matrix can fail: with the checksum of a block that is a plain CRC, and so a constant of its
// lengths, blocks of another log pass.
TEST(Tamper, FindsAChecksumThatCancelsOut) {
  if (kStride > 1) return;
  planted_bug.store(PlantedBug::kLengthChecksum, std::memory_order_relaxed);
  const TamperResult result = RunTamper();
  planted_bug.store(PlantedBug::kNone, std::memory_order_relaxed);

  CHECK(result.undetected > 0);
}

}  // namespace clustor::test
