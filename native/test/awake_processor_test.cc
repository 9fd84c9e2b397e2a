// When a processor is kept awake, by a clock of the test; and that a thread does it, with real
// ones.
#include "os/awake_processor.h"

#include <sys/stat.h>

#include <fstream>
#include <string>

#include "check.h"
#include "temporary_directory.h"

namespace clustor::test {

namespace {

constexpr uint64_t kUs = 1'000;
constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kSecond = 1'000'000'000;

// A thread that polls, and its time.
struct Polling {
  AwakeWatch watch;
  uint64_t now_ns = kSecond;
  AwakeWatch::Waits waits = {.under_way = 1, .changed_ns = kSecond};

  Polling() { watch.Begin(now_ns); }
  // The wait is always a new one.
  bool LookAfter(uint64_t gap_ns) {
    now_ns += gap_ns;
    waits.changed_ns = now_ns;
    return watch.Look(now_ns, waits);
  }
  void PollFor(uint64_t duration_ns) {
    for (uint64_t done = 0; done < duration_ns; done += 100 * kUs) CHECK(LookAfter(100 * kUs));
  }
  uint64_t PauseNs() const {
    return watch.paused_until_ns() > now_ns ? watch.paused_until_ns() - now_ns : 0;
  }
};

TEST(AwakeWatch, GoesOnWhileSomebodyWaitsAndALittleLonger) {
  AwakeWatch watch;
  const uint64_t from = kSecond;
  watch.Begin(from);
  CHECK(watch.Look(from + kUs, {.under_way = 1, .changed_ns = from}));
  CHECK(watch.Look(from + 300 * kUs, {.under_way = 2, .changed_ns = from}));
  // The wait has ended.
  CHECK(watch.Look(from + 400 * kUs, {.under_way = 0, .changed_ns = from + 300 * kUs}));
  CHECK(!watch.Look(from + 451 * kUs, {.under_way = 0, .changed_ns = from + 300 * kUs}));
  CHECK_EQ(watch.paused_until_ns(), 0u);
}

TEST(AwakeWatch, GivesUpOnADiskThatDoesNotAnswer) {
  Polling polling;
  const uint64_t began_ns = polling.now_ns;
  while (
      polling.watch.Look(polling.now_ns += 100 * kUs, {.under_way = 1, .changed_ns = began_ns})) {
  }
  CHECK_EQ(polling.now_ns, began_ns + 10 * kMs);
}

TEST(AwakeWatch, PausesWhenOthersWantTheProcessor) {
  Polling polling;
  CHECK(!polling.LookAfter(4 * kMs));
  CHECK_EQ(polling.PauseNs(), 200 * kMs);
}

TEST(AwakeWatch, PausesTwiceAsLongWhileThatGoesOnUpToFourSeconds) {
  Polling polling;
  uint64_t expected_ns = 200 * kMs;
  for (int i = 0; i < 8; ++i) {
    CHECK(!polling.LookAfter(4 * kMs));
    CHECK_EQ(polling.PauseNs(), expected_ns);
    expected_ns = std::min(2 * expected_ns, 4 * kSecond);
    polling.now_ns = polling.watch.paused_until_ns();
    polling.watch.Begin(polling.now_ns);
    polling.PollFor(10 * kMs);
  }
}

TEST(AwakeWatch, AffordsAFiftiethOfItsTime) {
  Polling polling;
  polling.PollFor(200 * kMs);
  CHECK(polling.LookAfter(4 * kMs));
  CHECK_EQ(polling.PauseNs(), 0u);
  // That used it up.
  CHECK(!polling.LookAfter(4 * kMs));
  CHECK_EQ(polling.PauseNs(), 200 * kMs);
}

TEST(AwakeWatch, DoesNotCountTheTimeBetweenTwoPollings) {
  Polling polling;
  polling.now_ns += kSecond;
  polling.watch.Begin(polling.now_ns);
  CHECK(polling.LookAfter(kUs));
}

#if defined(__linux__)

// Waits like a thread that commits, again and again: others may have the processor now and then, so
// that the thread pauses.
TEST(AwakeProcessor, PollsWhileSomebodyWaitsAndSleepsAfterwards) {
  AwakeProcessor awake;
  for (int i = 0; i < 2; ++i) {
    while (awake.IsUseful() && !awake.IsPolling()) {
      const AwakeProcessor::Waiting waiting(&awake);
      usleep(100);
    }
    CHECK(awake.IsUseful());
    while (awake.IsPolling()) usleep(100);
  }
}

TEST(AwakeProcessor, EndsWithItsThreadPolling) {
  AwakeProcessor awake;
  const AwakeProcessor::Waiting nobody(nullptr);
  {
    const AwakeProcessor::Waiting outer(&awake);
    const AwakeProcessor::Waiting inner(&awake);
  }
}

std::string GroupsWith(const TemporaryDirectory& directory, const std::string& name,
                       const std::string& content) {
  mkdir((directory.path() + "/cpu").c_str(), 0700);
  std::ofstream(directory.path() + "/" + name) << content << "\n";
  return directory.path();
}

TEST(ProcessorQuota, IsReadFromEitherVersionOfControlGroups) {
  TemporaryDirectory version2;
  CHECK_EQ(ProcessorQuota(version2.path().c_str()), 0.0);
  CHECK_EQ(ProcessorQuota(GroupsWith(version2, "cpu.max", "max 100000").c_str()), 0.0);
  CHECK_EQ(ProcessorQuota(GroupsWith(version2, "cpu.max", "150000 100000").c_str()), 1.5);

  TemporaryDirectory version1;
  GroupsWith(version1, "cpu/cpu.cfs_period_us", "50000");
  CHECK_EQ(ProcessorQuota(GroupsWith(version1, "cpu/cpu.cfs_quota_us", "-1").c_str()), 0.0);
  CHECK_EQ(ProcessorQuota(GroupsWith(version1, "cpu/cpu.cfs_quota_us", "200000").c_str()), 4.0);
}

#endif

}  // namespace

}  // namespace clustor::test
