// Scripts that crash at every single call that changes the disk, each with the images a crash could
// leave: nothing unsynced, everything, and random parts.
#include <random>
#include <string>

#include "check.h"
#include "crash_model.h"
#include "log_fixture.h"

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
  log->PumpAll();
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

void CheckImage(const Run& run, uint64_t call, std::unique_ptr<FaultEnv> image,
                const LogOptions& options = SmallOptions()) {
  LogFixture log(options);
  if (!log.Restart(std::move(image))) {
    Fail(__FILE__, __LINE__, "call " + std::to_string(call) + ": " + Describe(log.open_status));
  } else if (!Judge(run.states, run.completed, run.first_index_max, &log)) {
    Fail(__FILE__, __LINE__, "call " + std::to_string(call) + ": not a state after a write");
  } else {
    CHECK_OK(log.Append({{1'000, 0, "life goes on"}}));
  }
}

void CrashAtEveryCall(const std::vector<Step>& script, const LogOptions& options = SmallOptions()) {
  LogFixture whole(options);
  Follow(script, &whole);
  const uint64_t calls = whole.env->changes();
  std::mt19937_64 random(42);
  for (uint64_t call = 1; call <= calls && !CurrentTestFailed(); ++call) {
    LogFixture log(options);
    log.env->PowerOffAfter(call);
    const Run run = Follow(script, &log);
    CheckImage(run, call, log.env->DropUnsynced(), options);
    CheckImage(run, call, log.env->Copy(), options);
    for (int i = 0; i < 6; ++i) CheckImage(run, call, log.env->CrashImage(&random, {}), options);
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

TEST(CrashAtEveryCall, OfALedgerSwitch) {
  std::vector<Step> script;
  // Each open and each proof uses 37 or 74 of 16 KiB: more than one ledger file.
  for (int i = 0; i < 190; ++i) script.push_back(Append(1, 1, static_cast<char>('a' + i % 26)));
  LogFixture whole;
  Follow(script, &whole);
  CHECK(whole.log->Stats().ledger_switches >= 1);
  const uint64_t calls = whole.env->changes();
  std::mt19937_64 random(7);

  for (uint64_t call = calls - 250; call <= calls && !CurrentTestFailed(); ++call) {
    LogFixture log;
    log.env->PowerOffAfter(call);
    const Run run = Follow(script, &log);
    CheckImage(run, call, log.env->DropUnsynced());
    CheckImage(run, call, log.env->CrashImage(&random, {}));
  }
}

}  // namespace clustor::test
