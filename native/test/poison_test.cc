// W2, W11, W12: after a failed sync, or a failed write, nothing is promised any more.
#include <cerrno>

#include "check.h"
#include "log_fixture.h"

namespace clustor::test {

namespace {

void CheckPoisoned(Call call, const char* path, int os_errno,
                   StatusCode code = StatusCode::kLogPoisoned) {
  LogFixture log;
  CHECK(log.Open());
  CHECK_OK(log.Append("durable"));
  CHECK(log.Reopen());
  log.env->OnlyOn(path);
  log.env->FailCall(call, 1, os_errno);
  const uint64_t syncs = log.env->calls(Call::kSync);

  const Status failed = log.Append("unknown");
  CHECK_EQ(failed.code(), code);
  CHECK_EQ(failed.details().os_errno, os_errno);
  CHECK_EQ(log.Append("later").code(), code);
  CHECK_EQ(log.SaveHardState({9, 1, 0}).code(), code);
  CHECK(log.log->Stats().poisoned);
  // A failed sync is not tried again; one more at most ran before it.
  CHECK(log.env->calls(Call::kSync) - syncs <= 2);
  CHECK_EQ(log.ReadAll().size(), 1u);
  CHECK_EQ(log.log->TruncatePrefix(1).code(), code);

  // A later open takes what is there, and what it takes survives the next crash.
  CHECK(log.Reopen());
  const uint64_t found = log.log->recovery().entries.last_index;
  CHECK(found >= 1 && found <= 2);
  CHECK(log.Restart(log.env->DropUnsynced()));
  CHECK_EQ(log.log->recovery().entries.last_index, found);
  CHECK_OK(log.Append("again"));
}

}  // namespace

TEST(Poison, FollowsAFailedSyncOfTheSegment) { CheckPoisoned(Call::kSync, "segment-", EIO); }

TEST(Poison, FollowsAFailedSyncOfTheLedger) { CheckPoisoned(Call::kSync, "durability", EIO); }

TEST(Poison, FollowsASyncThatRunsOutOfSpace) { CheckPoisoned(Call::kSync, "segment-", ENOSPC); }

TEST(Poison, FollowsAFailedWriteOfTheSegment) { CheckPoisoned(Call::kWrite, "segment-", EIO); }

TEST(Poison, FollowsAFailedWriteOfTheLedger) { CheckPoisoned(Call::kWrite, "durability", EIO); }

// W14
TEST(Poison, HasTheCodeOfAReadOnlyFileSystem) {
  CheckPoisoned(Call::kWrite, "segment-", EROFS, StatusCode::kReadOnlyFilesystem);
}

TEST(Poison, FailsWhatWasQueuedInOneCompletion) {
  LogFixture log;
  CHECK(log.Open());
  log.env->FailCall(Call::kSync, 1, EIO);
  for (uint64_t i = 1; i <= 4; ++i) log.log->Submit(Frames(i, {{1, 0, "x"}}));

  log.PumpAll();

  CHECK_EQ(log.recorder.completions.size(), 1u);
  CHECK_EQ(log.recorder.completions[0].through_sequence, 4u);
  CHECK_EQ(log.recorder.completions[0].status.code(), StatusCode::kLogPoisoned);
}

}  // namespace clustor::test
