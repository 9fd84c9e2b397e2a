// W1, W2, W4, W5 under each setting of the ledger: what is synced before a write completes, what is
// confirmed later, and what rot of the end is told from a torn tail.
#include <cerrno>
#include <set>
#include <string>

#include "check.h"
#include "log_fixture.h"
#include "wal/ledger_scan.h"

namespace clustor::test {

namespace {

constexpr LedgerSetting kFast[] = {LedgerSetting::kOverlapped, LedgerSetting::kInline};
constexpr LedgerSetting kAll[] = {LedgerSetting::kOrdered, LedgerSetting::kOverlapped,
                                  LedgerSetting::kInline};

LogOptions OptionsWith(LedgerSetting ledger) {
  LogOptions options = SmallOptions();
  options.ledger = ledger;
  return options;
}

// Appends entries that nothing confirms.
void AppendUnconfirmed(LogFixture* log, int entries) {
  for (int i = 0; i < entries; ++i) {
    const uint64_t index = log->log->Stats().last_index + 1;
    const uint64_t sequence = log->log->Submit(Frames(index, {{1, 0, "entry"}}));
    log->PumpWrites();
    CHECK_OK(*log->recorder.StatusOf(sequence));
  }
}

LedgerScan ScanOf(LogFixture* log) {
  StatusOr<std::unique_ptr<File>> file = log->env->OpenFile(log->LedgerPath(), OpenMode::kReadOnly);
  StatusOr<LedgerScan> scan = ScanLedger(file->get(), log->LedgerPath());
  if (!scan.ok()) Fail(__FILE__, __LINE__, Describe(scan.status()));
  return scan.ok() ? *scan : LedgerScan();
}

std::string TraceOf(const FaultEnv& env) {
  std::string calls;
  for (const std::string& call : env.trace()) {
    const bool ledger = call.find("durability") != std::string::npos;
    calls += call.starts_with("write") ? (ledger ? 'l' : 's') : (ledger ? 'L' : 'S');
  }
  return calls;
}

// Block number i stands at i * 4096 of the first segment.
uint64_t InBlock(uint64_t number) { return number * 4096 + 130; }

}  // namespace

TEST(LedgerSetting, OverlappedWritesAndSyncsBothInAnyOrder) {
  LogFixture log(OptionsWith(LedgerSetting::kOverlapped));
  log.options.segment_bytes_max = 256 << 10;  // No spare is made meanwhile.
  CHECK(log.Open());
  std::set<std::string> orders;
  for (int i = 0; i < 4; ++i) {
    log.env->ClearTrace();
    AppendUnconfirmed(&log, 1);
    orders.insert(TraceOf(*log.env));
  }

  CHECK((orders == std::set<std::string>{"slSL", "slLS", "lsSL", "lsLS"}));
  CHECK_EQ(ScanOf(&log).proven_block, 3u);
}

TEST(LedgerSetting, InlineLeavesTheLedgerAlone) {
  LogFixture log(OptionsWith(LedgerSetting::kInline));
  CHECK(log.Open());
  log.env->ClearTrace();

  AppendUnconfirmed(&log, 3);

  CHECK_EQ(TraceOf(*log.env), std::string("sSsSsS"));
  CHECK_EQ(log.log->Stats().ledger_syncs, 0u);
}

TEST(LedgerSetting, FastOnesConfirmAnIdleLogOnce) {
  for (const LedgerSetting ledger : kAll) {
    const bool fast = ledger != LedgerSetting::kOrdered;
    LogFixture log(OptionsWith(ledger));
    CHECK(log.Open());
    AppendUnconfirmed(&log, 3);
    CHECK_EQ(log.log->Stats().unconfirmed_ns > 0, fast);

    CHECK_EQ(log.log->Pump(), fast);
    CHECK(!log.log->Pump());

    CHECK_EQ(log.log->Stats().confirms, fast ? 1u : 0u);
    CHECK_EQ(log.log->Stats().unconfirmed_ns, 0u);
    CHECK_EQ(ScanOf(&log).proven_block, 3u);
    CHECK(ScanOf(&log).proof_is_exact);
    CHECK_EQ(ScanOf(&log).newest_entry->index, 3u);
  }
}

TEST(LedgerSetting, FastOnesConfirmBeforeAPrefixGoes) {
  for (const LedgerSetting ledger : kFast) {
    LogFixture log(OptionsWith(ledger));
    CHECK(log.Open());
    for (int i = 0; i < 30; ++i) CHECK_OK(log.Append(std::string(3'000, 'x')));
    AppendUnconfirmed(&log, 1);

    CHECK_OK(log.log->TruncatePrefix(25));

    CHECK_EQ(ScanOf(&log).proven_block, 31u);
    CHECK(log.log->Stats().first_index > 1);
  }
}

// W4: once the log was closed, every setting knows as much.
TEST(LedgerSetting, RotOfTheLastBlockOfAClosedLogIsRefused) {
  for (const LedgerSetting ledger : kAll) {
    LogFixture log(OptionsWith(ledger));
    CHECK(log.Open());
    AppendUnconfirmed(&log, 3);
    log.Close();
    log.FlipBit(log.SegmentPath(1), InBlock(3));

    CHECK(!log.Open());
    CHECK_EQ(log.open_status.code(), StatusCode::kLogCorrupt);
  }
}

// In the window, between its acknowledgement and its confirmation, the last block is what the fast
// settings cannot vouch for: its rot looks like a torn tail. Ordered knows better.
TEST(LedgerSetting, RotOfTheLastBlockInTheWindowIsOnlyKnownToOrdered) {
  for (const LedgerSetting ledger : kAll) {
    LogFixture log(OptionsWith(ledger));
    CHECK(log.Open());
    AppendUnconfirmed(&log, 3);
    LogFixture crashed(OptionsWith(ledger));
    crashed.env = log.env->DropUnsynced();
    crashed.FlipBit(crashed.SegmentPath(1), InBlock(3));

    const bool opened = crashed.Open();

    CHECK_EQ(opened, ledger != LedgerSetting::kOrdered);
    if (opened) CHECK_EQ(crashed.log->recovery().entries.last_index, 2u);
  }
}

// One block earlier, each of them knows: by a record, by the next claim, by the next block.
TEST(LedgerSetting, RotOfAnEarlierBlockInTheWindowIsRefused) {
  for (const LedgerSetting ledger : kAll) {
    LogFixture log(OptionsWith(ledger));
    CHECK(log.Open());
    AppendUnconfirmed(&log, 3);
    for (const uint64_t number : {1, 2}) {
      LogFixture crashed(OptionsWith(ledger));
      crashed.env = log.env->DropUnsynced();
      crashed.FlipBit(crashed.SegmentPath(1), InBlock(number));

      CHECK(!crashed.Open());
      CHECK_EQ(crashed.open_status.code(), StatusCode::kLogCorrupt);
    }
  }
}

TEST(LedgerSetting, ChangesAreRecordedAndLoseNothing) {
  LogFixture log(OptionsWith(LedgerSetting::kOrdered));
  CHECK(log.Open());
  uint64_t entries = 0;
  for (const LedgerSetting before : kAll) {
    for (const LedgerSetting after : kAll) {
      log.options.ledger = before;
      CHECK(log.Reopen());
      AppendUnconfirmed(&log, 2);
      entries += 2;
      log.options.ledger = after;
      CHECK(log.Restart(log.env->DropUnsynced()));
      CHECK_EQ(log.ReadAll().size(), entries);
      CHECK(ScanOf(&log).settings->ledger == after);
    }
  }
  const uint64_t records = ScanOf(&log).records;
  CHECK(log.Reopen());
  CHECK_EQ(ScanOf(&log).records, records);
}

// W5
TEST(LedgerSetting, AShortageOnEitherSideLeavesNoTrace) {
  for (const LedgerSetting ledger : kFast) {
    for (const char* file : {"segment-", "durability"}) {
      // Both orders of the two writes.
      for (const int before : {1, 2}) {
        LogFixture log(OptionsWith(ledger));
        CHECK(log.Open());
        AppendUnconfirmed(&log, before);
        // A segment has its name once it was opened under it.
        CHECK(log.Reopen());
        log.env->OnlyOn(file);
        log.env->FailCall(Call::kWrite, 1, ENOSPC, false, 30);
        const uint64_t index = static_cast<uint64_t>(before) + 1;
        const uint64_t sequence = log.log->Submit(Frames(index, {{1, 0, "refused"}}));
        log.PumpWrites();
        const bool untouched =
            ledger == LedgerSetting::kInline && std::string(file) == "durability";
        CHECK_EQ(log.recorder.StatusOf(sequence)->code(),
                 untouched ? StatusCode::kOk : StatusCode::kDiskFull);
        CHECK(!log.log->Stats().poisoned);

        for (const bool synced_only : {true, false}) {
          LogFixture crashed(log.options);
          CHECK(crashed.Restart(synced_only ? log.env->DropUnsynced() : log.env->Copy()));
          CHECK_EQ(crashed.log->recovery().entries.last_index, untouched ? index : index - 1);
        }
        log.env->ClearFaults();
        CHECK_OK(log.Append("later"));
      }
    }
  }
}

// W2: whichever of the syncs fails, and in whichever order they run.
TEST(LedgerSetting, AFailedSyncOfEitherPoisons) {
  for (const char* file : {"segment-", "durability"}) {
    for (const int before : {1, 2, 3, 4}) {
      LogFixture log(OptionsWith(LedgerSetting::kOverlapped));
      CHECK(log.Open());
      AppendUnconfirmed(&log, before);
      CHECK(log.Reopen());
      log.env->OnlyOn(file);
      log.env->FailCall(Call::kSync, 1, EIO);

      CHECK_EQ(log.Append("unknown").code(), StatusCode::kLogPoisoned);
      CHECK_EQ(log.Append("later").code(), StatusCode::kLogPoisoned);

      CHECK(log.Reopen());
      const uint64_t found = log.log->recovery().entries.last_index;
      CHECK(log.Restart(log.env->DropUnsynced()));
      CHECK_EQ(log.log->recovery().entries.last_index, found);
    }
  }
}

TEST(LedgerSetting, AConfirmationThatMeetsAShortageIsTriedAgain) {
  LogFixture log(OptionsWith(LedgerSetting::kInline));
  CHECK(log.Open());
  AppendUnconfirmed(&log, 1);
  log.env->OnlyOn("durability");
  log.env->FailCall(Call::kWrite, 1, ENOSPC, false, 20);

  CHECK(!log.log->Pump());
  CHECK(!log.log->Stats().poisoned);
  CHECK(log.log->Pump());

  CHECK_EQ(log.log->Stats().confirms, 1u);
}

TEST(LedgerSetting, AConfirmationThatFailsPoisons) {
  LogFixture log(OptionsWith(LedgerSetting::kInline));
  CHECK(log.Open());
  AppendUnconfirmed(&log, 1);
  log.env->FailCall(Call::kSync, 1, EIO);

  log.log->Pump();

  CHECK_EQ(log.Append("later").code(), StatusCode::kLogPoisoned);
  CHECK(log.Reopen());
  CHECK_EQ(log.ReadAll().size(), 1u);
}

}  // namespace clustor::test
