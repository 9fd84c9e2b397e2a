#include "crash_images_judge.h"

#include <utility>

#include "log_fixture.h"

namespace clustor::test {

namespace {

class NoSink final : public CompletionSink {
 public:
  void OnComplete(Completion completion) override { last = std::move(completion.status); }
  Status last = Status(StatusCode::kInternal, "the write is still pending");
};

Judgement Bad(Finding finding, std::string why) { return {finding, std::move(why)}; }

std::string Range(const FoundLog& found) {
  return "entries " + std::to_string(found.first_index) + " to " +
         std::to_string(found.last_index) + ", term " + std::to_string(found.hard_state.term);
}

// What a damaged log may be refused with.
bool IsRefusal(StatusCode code) {
  return code == StatusCode::kLogCorrupt || code == StatusCode::kFormatNewer ||
         code == StatusCode::kIdentityMismatch || code == StatusCode::kCodecMismatch ||
         code == StatusCode::kKeyWrong || code == StatusCode::kKeyUnknownEpoch;
}

}  // namespace

ImageJudge::Opened ImageJudge::Open(FaultEnv* image, size_t from) const {
  Opened opened;
  NoSink sink;
  StatusOr<std::unique_ptr<Log>> log = Log::Open(image, options_, nullptr, &sink);
  if (!log.ok()) {
    opened.judgement = Bad(Finding::kMisjudged, "refused: " + Describe(log.status()));
    return opened;
  }
  opened.log = std::move(*log);
  StatusOr<FoundLog> found = ReadFound(opened.log.get());
  if (!found.ok()) {
    opened.judgement = Bad(Finding::kMisjudged, "opened, but " + Describe(found.status()));
    return opened;
  }
  opened.found = std::move(*found);
  if (opened.found.first_index < at().first_index_min) {
    opened.judgement =
        Bad(Finding::kInvented, "a prefix that was cut is back: " + Range(opened.found));
    return opened;
  }
  const std::optional<size_t> state = FindState(history_, point_, from, opened.found);
  if (state && opened.found.first_index <= at().first_index_max) {
    opened.state = *state;
    return opened;
  }
  const Finding finding = LacksAcknowledged(history_, point_, opened.found)
                              ? Finding::kLostAcknowledged
                              : Finding::kInvented;
  opened.judgement =
      Bad(finding, "found " + Range(opened.found) + "; acknowledged was the state with " +
                       std::to_string(history_.states[from].frames.size()) + " entries, term " +
                       std::to_string(history_.states[from].hard_state.term));
  return opened;
}

Judgement ImageJudge::JudgeCrash(std::unique_ptr<FaultEnv> image, std::mt19937_64* random) const {
  const uint64_t dice = (*random)() % 8;
  if (dice < 2) return JudgeSecondCrash(std::move(image), random);
  Opened opened = Open(image.get(), at().completed);
  if (dice > 2 || opened.judgement.finding != Finding::kNone) return std::move(opened.judgement);
  return JudgeLifeGoesOn(image.get(), std::move(opened));
}

Judgement ImageJudge::JudgeSecondCrash(std::unique_ptr<FaultEnv> image,
                                       std::mt19937_64* random) const {
  image->PowerOffAfter(1 + (*random)() % 14);
  size_t from = at().completed;
  {
    NoSink sink;
    const StatusOr<std::unique_ptr<Log>> log = Log::Open(image.get(), options_, nullptr, &sink);
    if (!log.ok() && !image->is_off()) {
      return Bad(Finding::kMisjudged, "refused: " + Describe(log.status()));
    }
  }
  const DiskState state = image->Freeze();
  const UnitBytes unit_bytes = (*random)() % 2 == 0 ? UnitBytes::k512 : UnitBytes::k4096;
  const CrashDisk disk(state, unit_bytes, {});
  Judgement judgement = Open(disk.Boot(disk.RandomPlan(random), random).get(), from).judgement;
  if (!judgement.why.empty()) judgement.why = "after a crash in recovery: " + judgement.why;
  return judgement;
}

// What recovery settled on survives the next crash, with what is written behind it.
Judgement ImageJudge::JudgeLifeGoesOn(FaultEnv* image, Opened opened) const {
  opened.log.reset();
  NoSink sink;
  StatusOr<std::unique_ptr<Log>> log = Log::Open(image, options_, nullptr, &sink);
  if (!log.ok()) {
    return Bad(Finding::kMisjudged, "refused at a second open: " + Describe(log.status()));
  }
  const std::vector<Entry> more = {{1'000'000, 0, "life goes on"}};
  Write write = Frames(opened.found.last_index + 1, more);
  FoundLog expected = std::move(opened.found);
  const std::span<const std::byte> frame = write.frames->bytes.span();
  expected.frames.emplace_back(reinterpret_cast<const char*>(frame.data()), frame.size());
  ++expected.last_index;
  (*log)->Submit(std::move(write));
  while ((*log)->Pump()) {
  }
  if (!sink.last.ok()) {
    return Bad(Finding::kLostAcknowledged, "a write after recovery: " + Describe(sink.last));
  }
  const std::unique_ptr<FaultEnv> crashed = image->DropUnsynced();
  StatusOr<std::unique_ptr<Log>> again = Log::Open(crashed.get(), options_, nullptr, &sink);
  if (!again.ok()) {
    return Bad(Finding::kMisjudged, "refused after a write: " + Describe(again.status()));
  }
  const StatusOr<FoundLog> found = ReadFound(again->get());
  Judgement judgement;
  if (!found.ok() || found->frames != expected.frames ||
      !(found->hard_state == expected.hard_state)) {
    judgement.finding = Finding::kLostAcknowledged;
    judgement.why = "what recovery settled on, or a write after it, is gone after a crash";
  }
  return judgement;
}

std::optional<size_t> ImageJudge::WindowStart(const FaultEnv& image, const BitFlip& flip) const {
  if (options_.ledger == LedgerSetting::kOrdered || flip.block != at().durable_block ||
      ProvenBlock(image) >= flip.block || HasBlockAbove(image, flip.block)) {
    return std::nullopt;
  }
  size_t state = at().completed;
  const auto is_before = [&](const LogState& candidate) {
    return candidate.refused_at == SIZE_MAX && candidate.block < flip.block;
  };
  while (state > 0 && !is_before(history_.states[state])) --state;
  return state;
}

std::optional<Judgement> ImageJudge::JudgeRot(std::unique_ptr<FaultEnv> image,
                                              std::mt19937_64* random) const {
  const std::optional<BitFlip> flip = FlipAcknowledged(image.get(), at().durable_block, random);
  if (!flip) return std::nullopt;
  const std::unique_ptr<FaultEnv> before = image->Copy();
  NoSink sink;
  {
    const StatusOr<std::unique_ptr<Log>> log = Log::Open(image.get(), options_, nullptr, &sink);
    if (!log.ok()) {
      if (!IsRefusal(log.status().code())) {
        return Bad(Finding::kMisjudged, flip->Describe() + ": " + Describe(log.status()));
      }
      if (SameFiles(*before, *image)) return Judgement();
      return Bad(Finding::kMisjudged, flip->Describe() + ": a refused open changed something");
    }
  }
  const std::optional<size_t> window = WindowStart(*before, *flip);
  Opened opened = Open(image.get(), window.value_or(at().completed));
  if (opened.judgement.finding == Finding::kNone) return Judgement();
  const std::string why = opened.judgement.why;
  return Bad(Finding::kMisjudged, flip->Describe() + " was not noticed: " + why);
}

}  // namespace clustor::test
