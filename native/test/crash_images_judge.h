// Opens what a crash left and says whether the log kept its promise.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include "crash_images_disk.h"
#include "crash_images_flip.h"
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
  // An image opened once and nothing else.
  Judgement JudgeOnce(std::unique_ptr<FaultEnv> image) const {
    return Open(image.get(), at().completed).judgement;
  }
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
  // The fast ledger settings cannot tell rot of the very last block from a torn tail until a
  // background record confirms it (docs/wal-format.md, section 8): from which state on the log may
  // then go on. Nothing when the flip is not in that window.
  std::optional<size_t> WindowStart(const FaultEnv& image, const BitFlip& flip) const;
  Judgement JudgeSecondCrash(std::unique_ptr<FaultEnv> image, std::mt19937_64* random) const;
  Judgement JudgeLifeGoesOn(FaultEnv* image, Opened opened) const;

  const History& history_;
  const size_t point_;
  const LogOptions& options_;
};

}  // namespace clustor::test
