// A share of the campaign of crash images, and the proof that it can fail: bugs planted in the log
// are found (docs/testing.md).
#include "crash_images.h"

#include <cstdio>
#include <string>

#include "base/planted_bug.h"
#include "check.h"

namespace clustor::test {

namespace {

struct Planted {
  PlantedBug bug;
  const char* name;
};

constexpr Planted kPlanted[] = {
    {PlantedBug::kSkipSegmentSync, "skip the sync of the segment"},
    {PlantedBug::kSkipLedgerSync, "complete before the ledger is synced"},
    {PlantedBug::kSkipBlockChecksum, "skip the checksum of a block"},
    {PlantedBug::kIgnoreLedger, "ignore the ledger in the verdict"},
    {PlantedBug::kReplayRecycled, "replay blocks of a recycled file"},
    {PlantedBug::kSkipDirectorySync, "skip the sync of the directory at a rotation"},
    {PlantedBug::kSkipRollback, "leave a block that met a shortage"},
    {PlantedBug::kSkipPrefixRecord, "remove a prefix without a record"},
    {PlantedBug::kSkipSettlingCopy, "write a block in place without a copy of it"},
};

}  // namespace

// W02, W03, W04, W05, W08, W10, W16, W17, W18
TEST(CrashImages, LoseNothingInventNothingAndAreJudgedRight) {
  const CampaignResult result = RunCampaign({.seed = 20'000, .images = 6'000});

  for (const CampaignFinding& found : result.findings) {
    Fail(__FILE__, __LINE__,
         "crash_images --seed 20000 --replay " + std::to_string(found.place.run) + "." +
             std::to_string(found.place.point) + "." + std::to_string(found.place.image) + ": " +
             found.why);
  }
  CHECK_EQ(result.total.images, 6'000u);
  CHECK_EQ(result.total.findings(), 0u);
}

TEST(CrashImages, FindEveryPlantedBugWithin20000) {
  if (kStride > 1) return;
  for (const Planted& planted : kPlanted) {
    planted_bug.store(planted.bug, std::memory_order_relaxed);
    const CampaignResult result = RunCampaign({.seed = 1, .images = 20'000, .findings_max = 1});
    planted_bug.store(PlantedBug::kNone, std::memory_order_relaxed);

    if (result.findings.empty()) return Fail(__FILE__, __LINE__, planted.name);
    std::printf("  %s: image %llu, %s\n", planted.name,
                static_cast<unsigned long long>(result.total.images),
                result.findings[0].why.c_str());
  }
}

}  // namespace clustor::test
