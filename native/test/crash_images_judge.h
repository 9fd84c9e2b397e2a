// Opens what a crash left and says whether the log kept its promise.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include "crash_images_disk.h"
#include "crash_images_history.h"
#include "fault_env.h"
#include "wal/options.h"

namespace clustor::test {

enum class Finding : uint8_t {
  kNone,
  kLostAcknowledged,  // Something is missing that had been acknowledged.
  kInvented,          // Something is there that was not written, or is there in no such order.
  kMisjudged,         // A torn tail was refused as rot, or rot dropped as a torn tail.
};

struct Judgement {
  Finding finding = Finding::kNone;
  std::string why;
};

class ImageJudge {
 public:
  // Of images of this point. All outlive the judge.
  ImageJudge(const History& history, size_t point, const LogOptions& options)
      : history_(history), point_(point), options_(options) {}

  // An image as the crash left it: opened once; or with another crash during recovery; or with a
  // write and a restart afterwards. `random` decides.
  Judgement JudgeCrash(std::unique_ptr<FaultEnv> image, std::mt19937_64* random) const;
  // The image with one bit flipped in what was acknowledged. Nothing when there is no such bit.
  std::optional<Judgement> JudgeRot(std::unique_ptr<FaultEnv> image, std::mt19937_64* random) const;

 private:
  struct Opened {
    Judgement judgement;
    std::unique_ptr<Log> log;
    FoundLog found;
    size_t state = 0;
  };

  const CrashPoint& at() const { return history_.points[point_]; }
  // Opens and compares; the state must be no older than `from`.
  Opened Open(FaultEnv* image, size_t from) const;
  Judgement JudgeSecondCrash(std::unique_ptr<FaultEnv> image, std::mt19937_64* random) const;
  Judgement JudgeLifeGoesOn(FaultEnv* image, Opened opened) const;

  const History& history_;
  const size_t point_;
  const LogOptions& options_;
};

}  // namespace clustor::test
