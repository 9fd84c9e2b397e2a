// The campaign: runs workloads, crashes them at many points, makes the images that each crash could
// leave, and counts what the judge says. Everything follows from the seed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "crash_images_judge.h"
#include "crash_images_workload.h"

namespace clustor::test {

// Names one image: the same seed and place make it again.
struct ImagePlace {
  uint64_t run = 0;
  uint64_t point = 0;
  uint64_t image = 0;  // Of the point.
};

struct CampaignOptions {
  uint64_t seed = 1;
  uint64_t images = 20'000;
  uint64_t findings_max = UINT64_MAX;  // The campaign ends when it found so many.
};

struct CampaignCounts {
  uint64_t images = 0;
  uint64_t points = 0;
  uint64_t lost_acknowledged = 0;
  uint64_t invented = 0;
  uint64_t misjudged = 0;

  uint64_t findings() const { return lost_acknowledged + invented + misjudged; }
};

struct CampaignFinding {
  ImagePlace place;
  Finding finding;
  std::string why;  // With workload and settings.
};

struct CampaignResult {
  CampaignCounts total;
  CampaignCounts workloads[kWorkloads];
  std::vector<CampaignFinding> findings;  // The first ten.
  double seconds = 0;
};

CampaignResult RunCampaign(const CampaignOptions& options);
// Makes and judges one image again, printing what it consists of.
CampaignResult ReplayImage(uint64_t seed, const ImagePlace& place);

}  // namespace clustor::test
