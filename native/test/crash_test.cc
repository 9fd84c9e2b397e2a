// Random crashes: a workload runs until the power goes off after some change, the disk is left with
// any part of what was not synced, and what the log finds is compared with what it was asked to
// write.
#include <cerrno>
#include <cstdlib>
#include <random>
#include <string>

#include "check.h"
#include "crash_model.h"
#include "log_fixture.h"

namespace clustor::test {

namespace {

// Submits random writes and remembers the state after each.
class Workload {
 public:
  Workload(LogFixture* log, uint64_t seed) : log_(log), random_(seed) { states_.push_back({}); }

  // Goes on from what is there.
  void Continue(State state) {
    states_ = {std::move(state)};
    prefix_ = std::max<uint64_t>(prefix_, log_->log->Stats().first_index);
  }

  void Step() {
    State next = states_.back();
    Write write;
    const uint64_t dice = random_() % 16;
    if (dice == 0) {
      write.hard_state = next.hard_state = {++term_, random_() % 4, next.hard_state.commit_index};
    } else if (dice == 1) {
      TruncateSuffix(&next, &write);
    } else if (dice == 2 && next.entries.size() > 4) {
      TruncatePrefix(next);
      return;
    } else {
      Add(&next, &write);
    }
    states_.push_back(std::move(next));
    log_->log->Submit(std::move(write));
    if (random_() % 3 != 0) log_->log->Pump();
  }

  const std::vector<State>& states() const { return states_; }
  uint64_t prefix() const { return prefix_; }

 private:
  void Add(State* next, Write* write) {
    std::vector<Entry> entries;
    const uint64_t count = 1 + random_() % 3;
    for (uint64_t i = 0; i < count; ++i) {
      std::string payload(random_() % 4 == 0 ? random_() % 9'000 : random_() % 200, 'p');
      for (char& c : payload) c = static_cast<char>('a' + random_() % 26);
      // W05: payloads that end in zeros are no sign of a torn write.
      if (random_() % 8 == 0) payload.append(1'500, '\0');
      entries.push_back({term_, static_cast<uint8_t>(random_() % 2), payload});
    }
    write->frames = BatchOf(next->entries.size() + 1, entries);
    next->entries.insert(next->entries.end(), entries.begin(), entries.end());
  }

  void TruncateSuffix(State* next, Write* write) {
    const uint64_t live =
        next->entries.size() + 1 - std::min<uint64_t>(prefix_, next->entries.size());
    const uint64_t from = next->entries.size() + 1 - random_() % std::min<uint64_t>(live, 12);
    next->entries.resize(from - 1);
    if (random_() % 4 != 0) ++term_;
    write->truncate_from = from;
    if (random_() % 2 == 0) Add(next, write);
  }

  void TruncatePrefix(const State& state) {
    // Only what is durable can be cut; cutting never reaches into the last entries.
    const uint64_t before =
        std::min<uint64_t>(log_->log->Stats().last_index, state.entries.size() - 3);
    const Status cut = log_->log->TruncatePrefix(before);
    if (cut.ok())
      prefix_ = std::max(prefix_, log_->log->Stats().first_index);
    else
      prefix_ = std::max(prefix_, before);
  }

  LogFixture* const log_;
  std::mt19937_64 random_;
  std::vector<State> states_;
  uint64_t term_ = 1;
  uint64_t prefix_ = 1;  // Entries below may be gone.
};

LogOptions OptionsFor(uint64_t seed) {
  LogOptions options = SmallOptions();
  options.durability = seed % 2 == 0 ? Durability::kGroup : Durability::kStrict;
  options.block_alignment = 512u << (seed / 2 % 4);
  options.group_bytes_max = 20'000;
  options.ledger = static_cast<LedgerSetting>(seed % 3);
  options.ledger_codec = seed / 3 % 2 == 0 ? LedgerCodec::kBinary : LedgerCodec::kJson;
  return options;
}

// One life: opens, works until the power goes off, restarts from a random image, twice over.
bool RunSeed(uint64_t seed) {
  std::mt19937_64 random(seed * 7919 + 1);
  LogFixture log(OptionsFor(seed));
  if (!log.Open()) return false;
  Workload workload(&log, seed);
  for (int life = 0; life < 3; ++life) {
    log.env->PowerOffAfter(1 + random() % (life == 0 ? 400 : 120));
    while (!log.env->is_off()) workload.Step();
    log.PumpAll();
    const uint64_t completed = log.recorder.completed();
    std::unique_ptr<FaultEnv> image = log.env->CrashImage(&random, {});
    // A crash during the next recovery, and one more start after that.
    if (random() % 2 == 0) {
      image->PowerOffAfter(1 + random() % 8);
      if (log.Restart(std::move(image))) log.log.reset();
      image = log.env->CrashImage(&random, {});
    }
    if (random() % 2 == 0) log.options.ledger = static_cast<LedgerSetting>(random() % 3);
    if (!log.Restart(std::move(image))) {
      Fail(__FILE__, __LINE__, Describe(log.open_status));
      return false;
    }
    const std::optional<size_t> found =
        Judge(workload.states(), completed, workload.prefix(), &log);
    if (!found) return false;
    workload.Continue(workload.states()[*found]);
  }
  return true;
}

}  // namespace

// W02, W03: whatever part of the unsynced sectors and names a crash leaves, in any order of lives.
TEST(Crash, LosesNothingAcknowledgedAndInventsNothing) {
  const char* only = std::getenv("CLUSTOR_SEED");
  const uint64_t first = only != nullptr ? std::strtoull(only, nullptr, 10) : 1;
  const char* count = std::getenv("CLUSTOR_SEEDS");
  const uint64_t seeds = only != nullptr    ? 1
                         : count != nullptr ? std::strtoull(count, nullptr, 10)
                                            : 400 / kStride;
  for (uint64_t seed = first; seed < first + seeds; ++seed) {
    if (!RunSeed(seed)) {
      Fail(__FILE__, __LINE__, "rerun with CLUSTOR_SEED=" + std::to_string(seed));
      return;
    }
  }
}

// W03: a torn ledger page hides the newest proofs: recovery sees acknowledged blocks that nothing
// proves. It may write only the last one again, the one that nobody was promised, however often it
// is cut short.
TEST(Crash, OfRecoveryItselfNeverEndangersAcknowledgedBlocks) {
  LogFixture whole;
  CHECK(whole.Open());
  for (int i = 1; i <= 6; ++i) CHECK_OK(whole.Append("acknowledged " + std::to_string(i)));
  whole.env->OnlyOn("durability");
  whole.env->FailCall(Call::kWrite, 1, EIO);
  CHECK(!whole.Append("never acknowledged").ok());
  whole.Close();
  // The proofs of blocks 3 to 6, behind the two of the opening page and two of their own.
  std::vector<std::byte> ledger = whole.env->Bytes(whole.LedgerPath());
  for (size_t at = 4096 + 5 * 37; at < 4096 + 14 * 37; ++at) ledger[at] = std::byte{0x5a};
  whole.env->SetBytes(whole.LedgerPath(), ledger);
  std::mt19937_64 random(3);

  for (int trial = 0; trial < 2'000 / kStride; ++trial) {
    std::unique_ptr<FaultEnv> image = whole.env->Copy();
    LogFixture log;
    for (int crash = 0; crash < 4; ++crash) {
      image->PowerOffAfter(7 + random() % 4);
      if (log.Restart(std::move(image))) log.log.reset();
      image = log.env->CrashImage(&random, {});
    }
    CHECK(log.Restart(std::move(image)));
    CHECK(log.log->recovery().entries.last_index >= 6);
    CHECK_EQ(log.ReadPayload(6), std::string("acknowledged 6"));
  }
}

// Under the fast settings the newest block was acknowledged, and nothing proves it: recovery writes
// it again all the same, and keeps a copy while it does.
TEST(Crash, OfRecoveryNeverEndangersAnAcknowledgedBlockThatNothingProves) {
  for (const LedgerSetting ledger : {LedgerSetting::kOverlapped, LedgerSetting::kInline}) {
    // Of one block, the first of its segment, and of several.
    for (const uint64_t blocks : {1, 5}) {
      LogFixture whole;
      whole.options.ledger = ledger;
      CHECK(whole.Open());
      for (uint64_t i = 1; i <= blocks; ++i) {
        whole.log->Submit(Frames(i, {{1, 0, "acknowledged" + std::string(3'000, 'x')}}));
        whole.PumpWrites();
      }
      CHECK_EQ(whole.recorder.completed(), blocks);
      const std::unique_ptr<FaultEnv> crashed = whole.env->DropUnsynced();
      std::mt19937_64 random(blocks);
      for (int trial = 0; trial < 100; ++trial) {
        std::unique_ptr<FaultEnv> image = crashed->Copy();
        LogFixture log(whole.options);
        for (int crash = 0; crash < 4; ++crash) {
          image->PowerOffAfter(5 + random() % 25);
          if (log.Restart(std::move(image))) log.log.reset();
          image = log.env->CrashImage(&random, {});
        }
        // Whatever the setting is now.
        log.options.ledger = static_cast<LedgerSetting>(trial % 3);
        CHECK(log.Restart(std::move(image)));
        CHECK_EQ(log.log->recovery().entries.last_index, blocks);
        CHECK(!log.env->Has(std::string(kDirectory) + "/wal/settling.log"));
      }
    }
  }
}

}  // namespace clustor::test
