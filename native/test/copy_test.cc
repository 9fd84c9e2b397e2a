// Copies of a directory that were made while the log was open.
#include <string>

#include "check.h"
#include "log_fixture.h"

namespace clustor::test {

namespace {

constexpr int kEntries = 60;

void AppendUpTo(LogFixture* log, int last) {
  for (int i = static_cast<int>(log->log->Stats().last_index) + 1; i <= last; ++i) {
    CHECK_OK(log->Append(std::to_string(i) + std::string(3'000, 'x')));
  }
}

bool HoldsEntriesUpTo(LogFixture* log, int last) {
  const std::vector<Entry> entries = log->ReadAll();
  for (size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].payload != std::to_string(i + 1) + std::string(3'000, 'x')) return false;
  }
  return static_cast<int>(entries.size()) == last;
}

}  // namespace

// W26: of a volume, at one moment.
TEST(Copy, MadeAtOneMomentHoldsEverythingAcknowledgedThen) {
  LogFixture log;
  CHECK(log.Open());
  for (int last = 1; last <= kEntries; ++last) {
    AppendUpTo(&log, last);
    LogFixture copy;

    CHECK(copy.Restart(log.env->Copy()));
    CHECK(HoldsEntriesUpTo(&copy, last));
  }
}

// W26: file by file, the ledger first: what the ledger proves is in the segments copied behind it.
TEST(Copy, WithTheLedgerFirstHoldsEverythingAcknowledgedWhenItBegan) {
  LogFixture log;
  CHECK(log.Open());
  AppendUpTo(&log, kEntries / 3);
  const std::vector<std::byte> ledger = log.env->Bytes(log.LedgerPath());
  AppendUpTo(&log, kEntries);
  std::unique_ptr<FaultEnv> image = log.env->Copy();
  image->SetBytes(log.LedgerPath(), ledger);
  LogFixture copy;

  CHECK(copy.Restart(std::move(image)));

  CHECK(HoldsEntriesUpTo(&copy, kEntries));
}

// W26: the other way round the copy lacks what its ledger proves: it is refused, not cut short.
TEST(Copy, WithTheLedgerLastIsRefused) {
  LogFixture log;
  CHECK(log.Open());
  AppendUpTo(&log, kEntries / 3);
  std::unique_ptr<FaultEnv> image = log.env->Copy();
  AppendUpTo(&log, kEntries);
  image->SetBytes(log.LedgerPath(), log.env->Bytes(log.LedgerPath()));
  LogFixture copy;

  CHECK(!copy.Restart(std::move(image)));

  CHECK_EQ(copy.open_status.code(), StatusCode::kLogCorrupt);
}

}  // namespace clustor::test
