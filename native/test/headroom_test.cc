// W13: what still works on a full disk, and that the rest comes back by itself.
#include <cerrno>
#include <string>

#include "check.h"
#include "log_fixture.h"

namespace clustor::test {

namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;

std::string HeadroomPath() { return PathsOf(kDirectory, "").Headroom(); }

// Opens a log and lets nobody else have space.
bool OpenAlmostFull(LogFixture* log) {
  if (!log->Open()) return false;
  log->env->SetDiskBytes(log->env->UsedBytes());
  return true;
}

// Appends until a write fails; how it failed.
Status Fill(LogFixture* log) {
  for (int i = 0; i < 200; ++i) {
    Status done = log->Append(std::string(3'000, 'f'));
    if (!done.ok()) return done;
  }
  return Status::Ok();
}

Status Vote(LogFixture* log, uint64_t term) { return log->SaveHardState({term, term % 3, 0}); }

}  // namespace

TEST(Headroom, TakesVotesWhenNoSegmentCanBeMade) {
  LogFixture log;
  CHECK(OpenAlmostFull(&log));
  CHECK_EQ(Fill(&log).code(), StatusCode::kDiskFull);
  const uint64_t last_index = log.log->Stats().last_index;

  // More than the tail had room for.
  for (uint64_t term = 2; term < 14; ++term) {
    CHECK_OK(Vote(&log, term));
    CHECK_EQ(log.Append(std::string(3'000, 'n')).code(), StatusCode::kDiskFull);
  }

  CHECK(!log.env->Has(HeadroomPath()));
  CHECK(!log.log->Stats().poisoned);
  CHECK_EQ(log.ReadAll().size(), last_index);
  const uint64_t disk_bytes = log.env->UsedBytes();
  CHECK(log.Restart(log.env->DropUnsynced()));
  log.env->SetDiskBytes(disk_bytes);
  CHECK_EQ(log.log->recovery().hard_state.term, 13u);
  CHECK_EQ(log.log->recovery().entries.last_index, last_index);
}

TEST(Headroom, TakesATruncationButNoEntryEvenAfterAReopen) {
  LogFixture log;
  CHECK(OpenAlmostFull(&log));
  CHECK_EQ(Fill(&log).code(), StatusCode::kDiskFull);
  const uint64_t last_index = log.log->Stats().last_index;
  const uint64_t before = log.log->Stats().tail_segment;
  for (uint64_t term = 2; log.log->Stats().tail_segment == before; ++term) {
    CHECK_OK(Vote(&log, term));
  }

  CHECK_OK(log.Replace(last_index, {}));

  CHECK_EQ(log.log->Stats().last_index, last_index - 1);
  CHECK_EQ(log.Append("x").code(), StatusCode::kDiskFull);
  log.Close();
  log.env->SetDiskBytes(log.env->UsedBytes());
  CHECK(log.Open());
  CHECK_EQ(log.Append("x").code(), StatusCode::kDiskFull);
  CHECK_OK(Vote(&log, 100));
}

TEST(Headroom, LetsTheVotesOfAGroupThroughWhoseEntriesFail) {
  LogFixture log;
  log.options.durability = Durability::kGroup;
  CHECK(OpenAlmostFull(&log));
  CHECK_EQ(Fill(&log).code(), StatusCode::kDiskFull);
  Write vote;
  vote.hard_state = HardState{7, 2, 0};
  Write late_vote;
  late_vote.hard_state = HardState{8, 2, 0};

  const uint64_t first = log.log->Submit(std::move(vote));
  log.log->Submit(Frames(log.log->Stats().last_index + 1, {{7, 0, std::string(3'000, 'x')}}));
  log.log->Submit(std::move(late_vote));
  log.PumpAll();

  CHECK_OK(*log.recorder.StatusOf(first));
  CHECK_EQ(log.recorder.StatusOf(first + 1)->code(), StatusCode::kDiskFull);
  // Queued behind a write that failed: it fails along.
  CHECK_EQ(log.recorder.StatusOf(first + 2)->code(), StatusCode::kDiskFull);
  CHECK(log.Reopen());
  CHECK_EQ(log.log->recovery().hard_state.term, 7u);
}

// W13: a thread submits an entry and then a vote; the committer fails the entry before the vote is
// there. The vote may name the entry as committed, so it must not be on the disk without it.
TEST(Headroom, LetsNoWriteThroughWhoseSubmitterHasNotHeardOfTheFailure) {
  LogFixture log;
  CHECK(OpenAlmostFull(&log));
  CHECK_EQ(Fill(&log).code(), StatusCode::kDiskFull);
  const uint64_t heard = log.recorder.completions.back().shortages;
  const uint64_t index = log.log->Stats().last_index + 1;
  Write entry = Frames(index, {{7, 0, std::string(3'000, 'x')}});
  entry.shortages_heard = heard;
  Write vote;
  vote.hard_state = HardState{7, 2, index};
  vote.shortages_heard = heard;
  Write late_vote;
  late_vote.hard_state = HardState{8, 2, index - 1};

  const uint64_t first = log.log->Submit(std::move(entry));
  log.PumpAll();
  log.log->Submit(std::move(vote));
  log.PumpAll();
  late_vote.shortages_heard = log.recorder.completions.back().shortages;
  log.log->Submit(std::move(late_vote));
  log.PumpAll();

  CHECK_EQ(log.recorder.StatusOf(first)->code(), StatusCode::kDiskFull);
  CHECK_EQ(log.recorder.StatusOf(first + 1)->code(), StatusCode::kDiskFull);
  CHECK_OK(*log.recorder.StatusOf(first + 2));
  CHECK(log.Reopen());
  CHECK_EQ(log.log->recovery().hard_state.term, 8u);
  CHECK_EQ(log.log->recovery().hard_state.commit_index, index - 1);
}

TEST(Headroom, IsNotNeededForEntriesOnceAPrefixIsCut) {
  LogFixture log;
  CHECK(log.Open());
  for (int i = 0; i < 60; ++i) CHECK_OK(log.Append(std::string(3'000, 'x')));
  log.env->SetDiskBytes(log.env->UsedBytes());
  CHECK_EQ(Fill(&log).code(), StatusCode::kDiskFull);
  CHECK_OK(Vote(&log, 5));
  const uint64_t last_index = log.log->Stats().last_index;

  CHECK_OK(log.log->TruncatePrefix(last_index));

  for (int i = 0; i < 30; ++i) CHECK_OK(log.Append(std::string(3'000, 'y')));
  CHECK(log.Reopen());
  CHECK_EQ(log.log->Stats().last_index, last_index + 30);
  CHECK_EQ(log.log->recovery().hard_state.term, 5u);
}

TEST(Headroom, IsMadeAgainInTheBackgroundWhenSpaceReturns) {
  LogFixture log;
  CHECK(OpenAlmostFull(&log));
  CHECK(log.env->Has(HeadroomPath()));
  CHECK_EQ(Fill(&log).code(), StatusCode::kDiskFull);
  for (uint64_t term = 2; log.env->Has(HeadroomPath()); ++term) CHECK_OK(Vote(&log, term));
  CHECK_OK(Vote(&log, 90));
  CHECK(!log.env->Has(HeadroomPath()));

  log.env->SetDiskBytes(1 << 30);
  log.env->AdvanceClock(2 * kSecondNs);
  CHECK_OK(log.Append("space"));

  CHECK(log.env->Has(HeadroomPath()));
  CHECK_OK(log.Append("more"));
  CHECK(log.Reopen());
  CHECK(log.env->Has(HeadroomPath()));
}

// Without any headroom the ends of tail and ledger are kept for votes.
TEST(Headroom, IsNotTheOnlyReserve) {
  for (const uint64_t ledger_bytes : {uint64_t{16} << 10, uint64_t{1} << 20}) {
    LogFixture log;
    log.options.ledger_bytes_max = ledger_bytes;
    log.env->OnlyOn("headroom.log");
    log.env->FailCall(Call::kOpen, 1, ENOSPC, true);
    CHECK(OpenAlmostFull(&log));
    CHECK(!log.env->Has(HeadroomPath()));
    // Small entries fill the ledger first, large ones the tail.
    Status filled = Status::Ok();
    while (filled.ok()) filled = log.Append(std::string(ledger_bytes > (1 << 19) ? 3'000 : 1, 'x'));
    CHECK_EQ(filled.code(), StatusCode::kDiskFull);

    CHECK_OK(Vote(&log, 2));
    CHECK_OK(Vote(&log, 3));
    CHECK(log.Reopen());
    CHECK_EQ(log.log->recovery().hard_state.term, 3u);
  }
}

TEST(Headroom, OfAnotherSizeIsMadeAnew) {
  LogFixture log;
  CHECK(log.Open());
  CHECK_EQ(log.env->Bytes(HeadroomPath()).size(), size_t{64} << 10);
  log.Close();
  log.options.headroom_bytes = 128 << 10;

  CHECK(log.Open());
  CHECK_EQ(log.env->Bytes(HeadroomPath()).size(), size_t{128} << 10);
  log.Close();
  log.options.headroom_bytes = 4096;
  CHECK(!log.Open());
  CHECK_EQ(log.open_status.code(), StatusCode::kInvalidArgument);
}

}  // namespace clustor::test
