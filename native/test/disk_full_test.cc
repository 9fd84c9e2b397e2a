// W13, W12, W14: shortages fail writes, leave no trace, and end when space returns.
#include <cerrno>
#include <string>

#include "check.h"
#include "log_fixture.h"

namespace clustor::test {

namespace {

struct Case {
  const char* name;
  Call call;
  const char* path;
  bool sticky;  // Writes fail once: bytes that were allocated can still be overwritten.
  size_t partial_bytes;
};

constexpr Case kCases[] = {
    {"reserving a segment", Call::kAllocate, "spare-", true, 0},
    {"zeroing a segment", Call::kWrite, "spare-", true, 1'000},
    {"syncing the directory of a new segment", Call::kSyncDirectory, "wal", true, 0},
    {"renaming a segment", Call::kRename, "spare-", true, 0},
    {"opening a new segment", Call::kOpen, "spare-", true, 0},
    {"writing nothing of a block", Call::kWrite, "segment-", false, 0},
    {"writing part of a block", Call::kWrite, "segment-", false, 700},
    {"writing nothing of a proof", Call::kWrite, "durability.log", false, 0},
    {"writing part of a proof", Call::kWrite, "durability.log", false, 40},
    {"reserving a ledger", Call::kAllocate, "durability.next", true, 0},
};

// Appends until a write fails; returns how, and counts those that did not.
Status AppendUntilFailure(LogFixture* log, uint64_t* appended) {
  for (int i = 0; i < 600; ++i) {
    Status done = log->Append("payload " + std::to_string(*appended + 1) +
                              std::string(static_cast<size_t>(i % 5 == 0 ? 3'000 : 10), 'x'));
    if (!done.ok()) return done;
    ++*appended;
  }
  return Status::Ok();
}

void CheckCase(const Case& given, int os_errno, StatusCode expected) {
  LogFixture log;
  CHECK(log.Open());
  uint64_t appended = 0;
  for (; appended < 3; ++appended) CHECK_OK(log.Append("before"));
  CHECK(log.Reopen());
  log.env->OnlyOn(given.path);
  log.env->FailCall(given.call, 1, os_errno, given.sticky, given.partial_bytes);

  const Status failed = AppendUntilFailure(&log, &appended);
  CHECK_EQ(failed.code(), expected);
  CHECK_EQ(failed.details().os_errno, os_errno);
  CHECK_EQ(log.ReadAll().size(), appended);
  CHECK(!log.log->Stats().poisoned);

  // The refused write is gone even when the machine fails now.
  for (const bool unsynced_is_lost : {true, false}) {
    LogFixture crashed;
    CHECK(crashed.Restart(unsynced_is_lost ? log.env->DropUnsynced() : log.env->Copy()));
    CHECK_EQ(crashed.log->recovery().entries.last_index, appended);
  }

  log.env->ClearFaults();
  for (int i = 0; i < 40; ++i, ++appended) CHECK_OK(log.Append(std::string(3'000, 'y')));
  CHECK(log.Reopen());
  CHECK_EQ(log.ReadAll().size(), appended);
}

}  // namespace

TEST(DiskFull, FailsTheWriteLeavesNoTraceAndEndsWhenSpaceReturns) {
  for (const Case& given : kCases) {
    CheckCase(given, ENOSPC, StatusCode::kDiskFull);
    if (CurrentTestFailed()) return Fail(__FILE__, __LINE__, given.name);
  }
}

TEST(DiskFull, HasItsOwnCodesForQuotaAndDescriptors) {
  CheckCase(kCases[0], EDQUOT, StatusCode::kQuotaExceeded);
  CheckCase(kCases[4], EMFILE, StatusCode::kTooManyFiles);
}

TEST(DiskFull, FailsEverythingThatWasQueuedBehindAndWhatWasBuiltOnIt) {
  LogFixture log;
  CHECK(log.Open());
  CHECK(log.Reopen());
  CHECK_OK(log.Append("first"));
  log.env->OnlyOn("segment-");
  log.env->FailCall(Call::kWrite, 1, ENOSPC);
  for (uint64_t i = 2; i <= 5; ++i) log.log->Submit(Frames(i, {{1, 0, "x"}}));
  log.PumpAll();

  CHECK_EQ(log.recorder.StatusOf(2)->code(), StatusCode::kDiskFull);
  CHECK_EQ(log.recorder.StatusOf(5)->code(), StatusCode::kDiskFull);
  // Was on its way when the others failed.
  CHECK_EQ(log.Apply(Frames(6, {{1, 0, "x"}})).code(), StatusCode::kDiskFull);
  CHECK_OK(log.Apply(Frames(2, {{1, 0, "second"}})));
  CHECK_EQ(log.Apply(Frames(6, {{1, 0, "x"}})).code(), StatusCode::kInvalidArgument);
  CHECK_EQ(log.ReadAll().size(), 2u);
  CHECK_EQ(log.log->Stats().shortages, 1u);
}

TEST(DiskFull, LetsVotesAndPrefixCutsThrough) {
  LogFixture log;
  CHECK(log.Open());
  for (int i = 0; i < 40; ++i) CHECK_OK(log.Append(std::string(3'000, 'x')));
  log.env->FailCall(Call::kAllocate, 1, ENOSPC, true);
  uint64_t appended = 40;
  CHECK_EQ(AppendUntilFailure(&log, &appended).code(), StatusCode::kDiskFull);

  CHECK_OK(log.log->TruncatePrefix(appended));

  CHECK(log.log->Stats().first_index > 1);
}

TEST(DiskFull, PoisonsWhenTheWriteCannotBeTakenBack) {
  LogFixture log;
  CHECK(log.Open());
  CHECK(log.Reopen());
  log.env->OnlyOn("segment-");
  log.env->FailCall(Call::kWrite, 1, ENOSPC, true, 100);

  CHECK_EQ(log.Append("x").code(), StatusCode::kLogPoisoned);
  CHECK_EQ(log.log->Close().code(), StatusCode::kLogPoisoned);
}

TEST(DiskFull, DoesNotKeepALogFromOpening) {
  LogFixture log;
  CHECK(log.Open());
  CHECK_OK(log.Append("first"));
  log.Close();
  log.env->FailCall(Call::kAllocate, 1, ENOSPC, true);
  log.env->OnlyOn(".write_probe");
  log.env->FailCall(Call::kWrite, 1, ENOSPC, true);

  CHECK(log.Open());
  CHECK_EQ(log.ReadPayload(1), std::string("first"));
}

}  // namespace clustor::test
