// crash_images [--images N] [--seed S] [--json] [--replay RUN.POINT.IMAGE]
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "crash_images.h"

namespace clustor::test {

namespace {

struct Arguments {
  CampaignOptions campaign;
  bool json = false;
  bool replay = false;
  ImagePlace place;
};

bool ParsePlace(const char* text, ImagePlace* place) {
  unsigned long long run, point, image;
  if (std::sscanf(text, "%llu.%llu.%llu", &run, &point, &image) != 3) return false;
  *place = {run, point, image};
  return true;
}

bool Parse(int argc, char** argv, Arguments* arguments) {
  for (int i = 1; i < argc; ++i) {
    const char* value = i + 1 < argc ? argv[i + 1] : nullptr;
    if (std::strcmp(argv[i], "--json") == 0) {
      arguments->json = true;
    } else if (value == nullptr) {
      return false;
    } else if (std::strcmp(argv[i], "--images") == 0) {
      arguments->campaign.images = std::strtoull(argv[++i], nullptr, 10);
    } else if (std::strcmp(argv[i], "--seed") == 0) {
      arguments->campaign.seed = std::strtoull(argv[++i], nullptr, 10);
    } else if (std::strcmp(argv[i], "--replay") == 0) {
      arguments->replay = true;
      if (!ParsePlace(argv[++i], &arguments->place)) return false;
    } else {
      return false;
    }
  }
  return arguments->campaign.images > 0;
}

const char* NameOf(Finding finding) {
  switch (finding) {
    case Finding::kNone:
      break;
    case Finding::kLostAcknowledged:
      return "lost acknowledged";
    case Finding::kInvented:
      return "invented";
    case Finding::kMisjudged:
      return "misjudged";
  }
  return "good";
}

void PrintRow(const char* name, const CampaignCounts& counts) {
  std::printf("%-24s %9llu %8llu %9llu %9llu %9llu\n", name,
              static_cast<unsigned long long>(counts.images),
              static_cast<unsigned long long>(counts.points),
              static_cast<unsigned long long>(counts.lost_acknowledged),
              static_cast<unsigned long long>(counts.invented),
              static_cast<unsigned long long>(counts.misjudged));
}

void PrintTable(const CampaignResult& result, uint64_t seed) {
  std::printf("%-24s %9s %8s %9s %9s %9s\n", "workload", "images", "points", "lost", "invented",
              "misjudged");
  for (size_t i = 0; i < kWorkloads; ++i) {
    PrintRow(NameOf(static_cast<Workload>(i)), result.workloads[i]);
  }
  PrintRow("all", result.total);
  std::printf("%.1f s, %.0f images a second, seed %llu\n", result.seconds,
              static_cast<double>(result.total.images) / result.seconds,
              static_cast<unsigned long long>(seed));
}

void PrintJson(const CampaignResult& result, uint64_t seed) {
  std::printf(
      "{\"images\":%llu,\"lostAcknowledged\":%llu,\"invented\":%llu,\"misjudged\":%llu,"
      "\"seconds\":%.3f,\"seed\":%llu}\n",
      static_cast<unsigned long long>(result.total.images),
      static_cast<unsigned long long>(result.total.lost_acknowledged),
      static_cast<unsigned long long>(result.total.invented),
      static_cast<unsigned long long>(result.total.misjudged), result.seconds,
      static_cast<unsigned long long>(seed));
}

void PrintFindings(const CampaignResult& result, uint64_t seed) {
  for (const CampaignFinding& found : result.findings) {
    std::fprintf(
        stderr,
        "%s: %s\n  again with: npm run crash-images -- --seed %llu --replay %llu.%llu.%llu\n",
        NameOf(found.finding), found.why.c_str(), static_cast<unsigned long long>(seed),
        static_cast<unsigned long long>(found.place.run),
        static_cast<unsigned long long>(found.place.point),
        static_cast<unsigned long long>(found.place.image));
  }
}

int Main(int argc, char** argv) {
  Arguments arguments;
  if (!Parse(argc, argv, &arguments)) {
    std::fprintf(stderr, "usage: crash_images [--images N] [--seed S] [--json] [--replay R.P.I]\n");
    return 2;
  }
  const uint64_t seed = arguments.campaign.seed;
  const CampaignResult result =
      arguments.replay ? ReplayImage(seed, arguments.place) : RunCampaign(arguments.campaign);
  PrintFindings(result, seed);
  if (arguments.json) {
    PrintJson(result, seed);
  } else {
    PrintTable(result, seed);
  }
  return result.total.findings() == 0 ? 0 : 1;
}

}  // namespace

}  // namespace clustor::test

int main(int argc, char** argv) { return clustor::test::Main(argc, argv); }
