// Scripts that crash at every single call that changes the disk, each with the images a crash could
// leave: nothing unsynced, everything, and random parts.
#include <random>
#include <string>

#include "check.h"
#include "crash_model.h"
#include "log_fixture.h"
#include "wal/ledger_codec.h"

namespace clustor::test {

namespace {

// One thing to do. Exactly one of: a prefix to cut, or a write.
struct Step {
  std::vector<Entry> entries;
  std::optional<HardState> hard_state;
  std::optional<uint64_t> truncate_from;
  std::optional<uint64_t> prefix_before;
};

Step Append(uint64_t term, size_t payload_bytes, char fill) {
  return {.entries = {{term, 0, std::string(payload_bytes, fill)}},
          .hard_state = {},
          .truncate_from = {},
          .prefix_before = {}};
}

Step Replace(uint64_t from, std::vector<Entry> entries) {
  return {
      .entries = std::move(entries), .hard_state = {}, .truncate_from = from, .prefix_before = {}};
}

Step Vote(HardState state) {
  return {.entries = {}, .hard_state = state, .truncate_from = {}, .prefix_before = {}};
}

Step CutPrefix(uint64_t before) {
  return {.entries = {}, .hard_state = {}, .truncate_from = {}, .prefix_before = before};
}

struct Run {
  std::vector<State> states = {State()};
  uint64_t completed = 0;
  uint64_t first_index_max = 1;
};

void Submit(LogFixture* log, const Step& step, Run* run) {
  State next = run->states.back();
  Write write;
  if (step.truncate_from) next.entries.resize(*step.truncate_from - 1);
  if (step.hard_state) next.hard_state = *step.hard_state;
  write.truncate_from = step.truncate_from;
  write.hard_state = step.hard_state;
  if (!step.entries.empty()) {
    write.frames = BatchOf(next.entries.size() + 1, step.entries);
    next.entries.insert(next.entries.end(), step.entries.begin(), step.entries.end());
  }
  run->states.push_back(std::move(next));
  log->log->Submit(std::move(write));
  // Every other write is confirmed; the others leave that to what follows.
  if (run->states.size() % 2 == 0) {
    log->PumpAll();
  } else {
    log->PumpWrites();
  }
}

// Opens the log and follows the script until the power goes off.
Run Follow(const std::vector<Step>& script, LogFixture* log) {
  Run run;
  if (!log->Open()) return run;
  for (const Step& step : script) {
    if (step.prefix_before) {
      run.first_index_max = *step.prefix_before;
      // A cut that the crash interrupts may or may not have happened.
      if (!log->log->TruncatePrefix(*step.prefix_before).ok()) break;
    } else {
      Submit(log, step, &run);
    }
    if (log->env->is_off()) break;
  }
  run.completed = log->recorder.completed();
  return run;
}

void CheckImage(const Run& run, uint64_t call, const LogOptions& options,
                std::unique_ptr<FaultEnv> image) {
  LogFixture log(options);
  // A log may be opened under another setting than it was written under.
  log.options.ledger = static_cast<LedgerSetting>(call % 3);
  if (!log.Restart(std::move(image))) {
    Fail(__FILE__, __LINE__, "call " + std::to_string(call) + ": " + Describe(log.open_status));
  } else if (!Judge(run.states, run.completed, run.first_index_max, &log)) {
    Fail(__FILE__, __LINE__, "call " + std::to_string(call) + ": not a state after a write");
  } else {
    CHECK_OK(log.Append({{1'000, 0, "life goes on"}}));
  }
}

struct Setup {
  LedgerSetting ledger;
  LedgerCodec codec;
  int random_images;
};

constexpr Setup kSetups[] = {
    {LedgerSetting::kOrdered, LedgerCodec::kBinary, 4},
    {LedgerSetting::kOverlapped, LedgerCodec::kBinary, 2},
    {LedgerSetting::kInline, LedgerCodec::kBinary, 2},
    {LedgerSetting::kOrdered, LedgerCodec::kJson, 1},
    {LedgerSetting::kOverlapped, LedgerCodec::kJson, 1},
    {LedgerSetting::kInline, LedgerCodec::kJson, 1},
};

LogOptions OptionsOf(const Setup& setup, LogOptions options) {
  options.ledger = setup.ledger;
  options.ledger_codec = setup.codec;
  return options;
}

// Crashes at the last calls_max calls of the script.
void CrashAtCallsOf(const std::vector<Step>& script, const Setup& setup, const LogOptions& options,
                    uint64_t calls_max) {
  LogFixture whole(options);
  Follow(script, &whole);
  const uint64_t calls = whole.env->changes();
  std::mt19937_64 random(42);
  const uint64_t first = calls > calls_max ? calls - calls_max : 1;
  for (uint64_t call = first; call <= calls && !CurrentTestFailed(); call += kStride) {
    LogFixture log(options);
    log.env->PowerOffAfter(call);
    const Run run = Follow(script, &log);
    CheckImage(run, call, options, log.env->DropUnsynced());
    CheckImage(run, call, options, log.env->Copy());
    for (int i = 0; i < setup.random_images; ++i) {
      CheckImage(run, call, options, log.env->CrashImage(&random, {}));
    }
  }
  if (!CurrentTestFailed()) return;
  Fail(__FILE__, __LINE__,
       "under setting " + std::to_string(static_cast<int>(setup.ledger)) + ", codec " +
           LedgerCodecName(setup.codec));
}

void CrashAtEveryCall(const std::vector<Step>& script, const LogOptions& options = SmallOptions()) {
  for (const Setup& setup : kSetups) {
    CrashAtCallsOf(script, setup, OptionsOf(setup, options), UINT64_MAX);
  }
}

}  // namespace

// W02, W03, W08, W09: from the very first call that makes the directory.
TEST(CrashAtEveryCall, OfTheFirstOpenAndAppends) {
  CrashAtEveryCall({Append(1, 100, 'a'), Vote({2, 1, 0}), Append(2, 5'000, 'b')});
}

// W16: old suffix or new one, never mixed terms.
TEST(CrashAtEveryCall, OfATruncatedSuffix) {
  CrashAtEveryCall({Append(1, 100, 'a'), Append(1, 100, 'b'), Append(1, 100, 'c'),
                    Replace(2, {{2, 0, "new"}}), Append(2, 50, 'd'), Replace(3, {}),
                    Replace(1, {{3, 0, "all new"}, {3, 0, "and more"}}), Append(3, 10, 'e')});
}

// W18
TEST(CrashAtEveryCall, OfARotation) {
  std::vector<Step> script;
  for (int i = 0; i < 8; ++i) script.push_back(Append(1, 20'000, static_cast<char>('a' + i)));
  script.push_back(Replace(2, {{2, 0, "over segments"}}));
  script.push_back(Append(2, 30'000, 'z'));
  CrashAtEveryCall(script);
}

// W17: segments are there or gone, and the log opens either way.
TEST(CrashAtEveryCall, OfARemovedPrefix) {
  std::vector<Step> script = {Vote({1, 3, 0})};
  for (int i = 0; i < 12; ++i) script.push_back(Append(1, 20'000, static_cast<char>('a' + i)));
  script.push_back(CutPrefix(6));
  script.push_back(Append(1, 100, 'y'));
  script.push_back(CutPrefix(12));
  script.push_back(Append(1, 30'000, 'z'));
  CrashAtEveryCall(script);
}

// W02, W16, W18 with segments in the json encoding.
TEST(CrashAtEveryCall, OfJsonSegments) {
  LogOptions options = SmallOptions();
  options.encoding = LogEncoding::kJson;
  std::vector<Step> script = {Vote({1, 3, 0})};
  for (int i = 0; i < 6; ++i) script.push_back(Append(1, 20'000, static_cast<char>('a' + i)));
  script.push_back(Replace(2, {{2, 0, "over segments"}, {2, 1, ""}}));
  script.push_back(Append(2, 30'000, 'z'));
  CrashAtEveryCall(script, options);
}

// W10, W17: removed segments come back as new ones, with their old blocks in them.
TEST(CrashAtEveryCall, OfRecycledSegments) {
  std::vector<Step> script;
  for (int i = 0; i < 7; ++i) script.push_back(Append(1, 20'000, static_cast<char>('a' + i)));
  script.push_back(CutPrefix(7));
  for (int i = 0; i < 7; ++i) script.push_back(Append(2, 20'000, static_cast<char>('m' + i)));
  script.push_back(Replace(14, {{3, 0, "short"}}));
  script.push_back(CutPrefix(13));
  script.push_back(Append(3, 30'000, 'z'));
  LogFixture whole;
  Follow(script, &whole);
  CHECK(whole.log->Stats().recycled_segments >= 2);
  CHECK(whole.log->Stats().rotations >= 4);
  CrashAtEveryCall(script);
}

// The file that replaces another proves what was durable, whoever proved it: under inline only the
// blocks themselves had.
TEST(CrashAtEveryCall, OfALedgerSwitch) {
  for (const Setup& setup : kSetups) {
    const LogOptions options = OptionsOf(setup, SmallOptions());
    std::vector<Step> script;
    LogFixture whole(options);
    CHECK(whole.Open());
    Run run;
    while (whole.log->Stats().ledger_switches == 0 && script.size() < 1'000) {
      script.push_back(Append(1, 1, static_cast<char>('a' + script.size() % 26)));
      Submit(&whole, script.back(), &run);
    }
    CHECK_EQ(whole.log->Stats().ledger_switches, 1u);
    for (int i = 0; i < 4; ++i) script.push_back(Append(1, 1, 'z'));

    CrashAtCallsOf(script, setup, options, 40);
  }
}

}  // namespace clustor::test
