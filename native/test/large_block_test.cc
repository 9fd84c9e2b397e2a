// Blocks whose frames are written from the memory of their writes, and in steps.
#include <cerrno>
#include <random>
#include <string>
#include <vector>

#include "check.h"
#include "crash_model.h"
#include "key_fixture.h"
#include "log_fixture.h"

namespace clustor::test {

namespace {

LogOptions LargeOptions(LedgerSetting ledger = LedgerSetting::kInline) {
  LogOptions options = SmallOptions();
  options.segment_bytes_max = 8 << 20;
  options.durability = Durability::kGroup;
  options.ledger = ledger;
  return options;
}

// No two pages alike.
std::string PayloadOf(size_t bytes, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string payload(bytes, 'p');
  for (size_t at = 0; at < bytes; at += 100) payload[at] = static_cast<char>(random());
  return payload;
}

// Writes of one group: small, large and small payloads behind a vote.
std::vector<std::vector<Entry>> GroupOf(uint64_t seed) {
  return {{{1, 0, PayloadOf(300, seed)}},
          {{1, 0, PayloadOf(1'200'000, seed + 1)}, {1, 1, PayloadOf(20'000, seed + 2)}},
          {{1, 0, PayloadOf(1'400'000, seed + 3)}},
          {{1, 0, ""}}};
}

// Submits a group behind what the log holds, and takes down the states that it leads to.
void SubmitGroup(LogFixture* log, uint64_t seed, std::vector<State>* states) {
  for (const std::vector<Entry>& entries : GroupOf(seed)) {
    State next = states->back();
    log->log->Submit(Frames(next.entries.size() + 1, entries));
    next.entries.insert(next.entries.end(), entries.begin(), entries.end());
    states->push_back(std::move(next));
  }
  log->PumpWrites();
}

}  // namespace

TEST(LargeBlock, IsWrittenInStepsAndSyncedOnce) {
  LogFixture log(LargeOptions());
  CHECK(log.Open());
  CHECK(log.Reopen());
  std::vector<State> states = {State()};
  const uint64_t starts = log.env->calls(Call::kStartWriteback);
  log.env->ClearTrace();

  SubmitGroup(&log, 1, &states);

  CHECK_EQ(log.log->Stats().blocks, 1u);
  CHECK_EQ(log.env->calls(Call::kStartWriteback) - starts, 1u);
  // A piece at a time, as this file system takes them.
  const std::string written = "write segment-0000000001.log";
  std::vector<std::string> trace = log.env->trace();
  trace.resize(6);  // Behind it a spare is made.
  CHECK((trace == std::vector<std::string>{written, written, written, written, written,
                                           "sync segment-0000000001.log"}));
  CHECK(log.Reopen());
  CHECK(log.ReadAll() == states.back().entries);
}

// W2, W3
TEST(LargeBlock, IsThereOrNotAfterACrashAtEveryCall) {
  for (const LedgerSetting ledger : {LedgerSetting::kOrdered, LedgerSetting::kInline}) {
    LogFixture whole(LargeOptions(ledger));
    CHECK(whole.Open());
    std::vector<State> states = {State()};
    SubmitGroup(&whole, 1, &states);
    const std::unique_ptr<FaultEnv> start = whole.env->Copy();
    CHECK(whole.Restart(start->Copy()));
    const uint64_t opened = whole.env->changes();
    SubmitGroup(&whole, 9, &states);
    std::mt19937_64 random(7);
    for (uint64_t call = opened + 1; call <= whole.env->changes(); ++call) {
      LogFixture log(LargeOptions(ledger));
      log.env = start->Copy();
      log.env->PowerOffAfter(call);
      CHECK(log.Open());
      std::vector<State> reached(states.begin(), states.begin() + 5);
      SubmitGroup(&log, 9, &reached);
      const uint64_t completed = 4 + log.recorder.completed();
      for (int image = 0; image < 4; ++image) {
        LogFixture crashed(LargeOptions(ledger));
        CHECK(crashed.Restart(log.env->CrashImage(&random, {})));
        CHECK(Judge(reached, completed, 1, &crashed).has_value());
      }
    }
  }
}

// W13
TEST(LargeBlock, LeavesNoTraceWhenAnyOfItsCallsMeetsAShortage) {
  for (const Call call : {Call::kWrite, Call::kStartWriteback}) {
    for (int nth = 1; nth <= (call == Call::kWrite ? 5 : 1); ++nth) {
      LogFixture log(LargeOptions(LedgerSetting::kOrdered));
      CHECK(log.Open());
      CHECK(log.Reopen());
      std::vector<State> states = {State()};
      SubmitGroup(&log, 1, &states);
      log.env->OnlyOn("segment-");
      log.env->FailCall(call, nth, ENOSPC, false, 5'000);
      std::vector<State> refused = states;

      SubmitGroup(&log, 9, &refused);

      CHECK_EQ(log.recorder.completions.back().status.code(), StatusCode::kDiskFull);
      CHECK(log.ReadAll() == states.back().entries);
      LogFixture crashed(LargeOptions());
      CHECK(crashed.Restart(log.env->Copy()));
      CHECK(crashed.ReadAll() == states.back().entries);
      SubmitGroup(&log, 9, &states);
      CHECK(log.ReadAll() == states.back().entries);
    }
  }
}

// W2
TEST(LargeBlock, PoisonsTheLogWhenItsWritebackFails) {
  LogFixture log(LargeOptions());
  CHECK(log.Open());
  CHECK(log.Reopen());
  log.env->OnlyOn("segment-");
  log.env->FailCall(Call::kStartWriteback, 1, EIO);
  std::vector<State> states = {State()};

  SubmitGroup(&log, 1, &states);

  CHECK_EQ(log.recorder.completions.back().status.code(), StatusCode::kLogPoisoned);
  CHECK(log.log->Stats().poisoned);
}

// Also where blocks begin between pages, and where the code of the segment covers them.
TEST(LargeBlock, IsTheSameWhateverItsPlaceAndWhoeverReadsIt) {
  auto ring = std::make_shared<KeyRing>();
  ring->AddMac(1, KeyOf(9));
  ring->SetActive(0, 1);
  for (const bool sealed : {false, true}) {
    LogFixture log(LargeOptions());
    log.options.block_alignment = 512;
    if (sealed) log.options.keys = ring;
    CHECK(log.Open());
    std::vector<State> states = {State()};
    for (uint64_t seed = 1; seed < 6; ++seed) SubmitGroup(&log, 10 * seed, &states);
    CHECK(log.log->Stats().rotations >= 1);
    CHECK(log.Reopen());
    CHECK(log.ReadAll() == states.back().entries);
  }
}

}  // namespace clustor::test
