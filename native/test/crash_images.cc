#include "crash_images.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <numeric>
#include <optional>
#include <utility>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace clustor::test {

namespace {

constexpr size_t kFindingsKept = 10;
// A campaign of a million images tries every plan of a point with at most 8 units; a smaller one
// rather visits more points.
constexpr uint64_t kRunsWanted = 400;
constexpr uint64_t kImagesPerRunMin = 40;
constexpr uint64_t kImagesPerRunMax = 2500;
constexpr uint64_t kPointsPerRun = 4;

uint64_t Mix(uint64_t a, uint64_t b) {
  uint64_t x = a * 0x9e3779b97f4a7c15ull + b + 0x632be59bd9b4e019ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

// Buffers of a megabyte come and go with every open; asking the kernel for zeroed pages each time
// would be most of the work.
void KeepFreedMemory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 256 << 20);
  mallopt(M_TRIM_THRESHOLD, 512 << 20);
#endif
}

// Content that may show where new bytes did not arrive: what other files held before this point.
std::vector<const PagedBytes*> StaleOf(const History& history, size_t point) {
  std::vector<const PagedBytes*> stale;
  for (const size_t earlier : {point, point / 2}) {
    for (const auto& [path, inode] : history.points[earlier].disk.durable_names) {
      if (IsSegment(path) && inode->dirty.empty()) stale.push_back(&inode->durable);
    }
  }
  return stale;
}

class Campaign {
 public:
  explicit Campaign(const CampaignOptions& options) : options_(options) {}

  void Run();
  void Replay(const ImagePlace& place);
  CampaignResult Take() { return std::move(result_); }

 private:
  void RunOne(uint64_t run, uint64_t budget);
  uint64_t RunPoint(const CrashRun& run, uint64_t number, size_t point, uint64_t budget);
  void JudgeOne(const CrashRun& run, const ImagePlace& place, const CrashDisk& disk,
                const CrashPlan& plan);
  void Count(const ImagePlace& place, const Judgement& judgement);
  std::vector<CrashPlan> PlansOf(const CrashDisk& disk, const ImagePlace& place, uint64_t budget);
  bool IsDone() const {
    return result_.total.images >= options_.images ||
           result_.total.findings() >= options_.findings_max;
  }

  const CampaignOptions options_;
  CampaignResult result_;
  Workload workload_ = Workload::kMixed;
  CrashSettings settings_;
};

UnitBytes UnitBytesOf(uint64_t image) {
  return image % 2 == 0 ? UnitBytes::k512 : UnitBytes::k4096;
}

void Campaign::Run() {
  const uint64_t budget =
      std::clamp(options_.images / kRunsWanted, kImagesPerRunMin, kImagesPerRunMax);
  for (uint64_t run = 0; !IsDone(); ++run) {
    RunOne(run, std::min(budget, options_.images - result_.total.images));
  }
}

CrashSettings SettingsOf(uint64_t seed, uint64_t run) {
  std::mt19937_64 random(Mix(seed, run));
  return CrashSettings::Random(&random);
}

void Campaign::RunOne(uint64_t number, uint64_t budget) {
  workload_ = static_cast<Workload>(number % kWorkloads);
  settings_ = SettingsOf(options_.seed, number);
  CrashRun run(settings_, Mix(options_.seed, number) + 1);
  run.Run(workload_);
  std::vector<size_t> points(run.history().points.size());
  std::iota(points.begin(), points.end(), size_t{0});
  std::mt19937_64 random(Mix(options_.seed, number) + 2);
  std::shuffle(points.begin(), points.end(), random);
  const uint64_t per_point = std::max<uint64_t>(budget / kPointsPerRun, 1);
  for (const size_t point : points) {
    if (budget == 0 || IsDone()) return;
    budget -= std::min(budget, RunPoint(run, number, point, std::min(per_point, budget)));
  }
}

// Half of a point's images are made in units of 512 bytes, half in units of 4 KiB.
uint64_t Campaign::RunPoint(const CrashRun& run, uint64_t number, size_t point, uint64_t budget) {
  const uint64_t before = result_.total.images;
  ++result_.total.points;
  ++result_.workloads[static_cast<size_t>(workload_)].points;
  const DiskState& state = run.history().points[point].disk;
  const std::vector<const PagedBytes*> stale = StaleOf(run.history(), point);
  for (const uint64_t parity : {0, 1}) {
    const CrashDisk disk(state, UnitBytesOf(parity), stale);
    std::mt19937_64 random(Mix(options_.seed, Mix(number, point)) + parity);
    const std::vector<CrashPlan> plans = disk.Plans((budget + 1) / 2, &random);
    for (size_t i = 0; i < plans.size(); ++i) {
      if (result_.total.images - before >= budget || IsDone()) break;
      JudgeOne(run, {number, point, 2 * i + parity}, disk, plans[i]);
    }
  }
  return result_.total.images - before;
}

// Three images of four are judged as they are, one with a bit of rot.
void Campaign::JudgeOne(const CrashRun& run, const ImagePlace& place, const CrashDisk& disk,
                        const CrashPlan& plan) {
  std::mt19937_64 random(Mix(Mix(options_.seed, place.run), Mix(place.point, place.image)));
  const ImageJudge judge(run.history(), place.point, run.options());
  if (random() % 4 == 0) {
    const std::optional<Judgement> rot =
        judge.JudgeRot(disk.Boot(disk.SparingLedger(plan), &random), &random);
    if (rot) return Count(place, *rot);
  }
  Count(place, judge.JudgeCrash(disk.Boot(plan, &random), &random));
}

void Campaign::Count(const ImagePlace& place, const Judgement& judgement) {
  for (CampaignCounts* counts :
       {&result_.total, &result_.workloads[static_cast<size_t>(workload_)]}) {
    ++counts->images;
    if (judgement.finding == Finding::kLostAcknowledged) ++counts->lost_acknowledged;
    if (judgement.finding == Finding::kInvented) ++counts->invented;
    if (judgement.finding == Finding::kMisjudged) ++counts->misjudged;
  }
  if (judgement.finding == Finding::kNone || result_.findings.size() == kFindingsKept) return;
  result_.findings.push_back(
      {place, judgement.finding,
       std::string(NameOf(workload_)) + " (" + settings_.Describe() + "): " + judgement.why});
}

// Plans are drawn in the same order whatever the budget is, so the place alone names the image.
void Campaign::Replay(const ImagePlace& place) {
  workload_ = static_cast<Workload>(place.run % kWorkloads);
  settings_ = SettingsOf(options_.seed, place.run);
  CrashRun run(settings_, Mix(options_.seed, place.run) + 1);
  run.Run(workload_);
  if (place.point >= run.history().points.size()) return;
  const CrashDisk disk(run.history().points[place.point].disk, UnitBytesOf(place.image),
                       StaleOf(run.history(), place.point));
  std::mt19937_64 random(Mix(options_.seed, Mix(place.run, place.point)) + place.image % 2);
  const std::vector<CrashPlan> plans = disk.Plans(place.image / 2 + 1, &random);
  if (place.image / 2 >= plans.size()) return;
  std::printf("%s", disk.Describe(plans[place.image / 2]).c_str());
  JudgeOne(run, place, disk, plans[place.image / 2]);
}

template <typename Work>
CampaignResult Timed(const CampaignOptions& options, Work work) {
  KeepFreedMemory();
  const auto start = std::chrono::steady_clock::now();
  Campaign campaign(options);
  work(&campaign);
  CampaignResult result = campaign.Take();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  result.seconds = took.count();
  return result;
}

}  // namespace

CampaignResult RunCampaign(const CampaignOptions& options) {
  return Timed(options, [](Campaign* campaign) { campaign->Run(); });
}

CampaignResult ReplayImage(uint64_t seed, const ImagePlace& place) {
  CampaignOptions options;
  options.seed = seed;
  return Timed(options, [&](Campaign* campaign) { campaign->Replay(place); });
}

}  // namespace clustor::test
