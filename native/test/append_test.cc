// Appending, reading, rotating, reopening, through a pump.
#include <string>

#include "check.h"
#include "log_fixture.h"

namespace clustor::test {

TEST(Append, MakesEntriesReadableAndKeepsThemOverReopen) {
  LogFixture log;
  CHECK(log.Open());

  CHECK_OK(log.Append("a"));
  CHECK_OK(log.Append({{1, 0, "b"}, {2, 1, "c"}}));

  CHECK_EQ(log.ReadPayload(2), std::string("b"));
  CHECK(log.Reopen());
  CHECK((log.ReadAll() == std::vector<Entry>{{1, 0, "a"}, {1, 0, "b"}, {2, 1, "c"}}));
  CHECK_EQ(log.log->recovery().entries.byte_lengths.size(), 3u);
  CHECK_EQ(log.log->recovery().entries.runs.size(), 2u);
  CHECK_EQ(log.log->recovery().valid_block, log.log->recovery().proven_block);
}

TEST(Append, KeepsTheHardStateOverReopenAndRotation) {
  LogFixture log;
  CHECK(log.Open());
  CHECK_OK(log.SaveHardState({3, 2, 0}));

  for (int i = 0; i < 60; ++i) CHECK_OK(log.Append(std::string(3'000, 'x')));

  CHECK(log.log->Stats().rotations > 2);
  CHECK_OK(log.log->TruncatePrefix(60));
  CHECK(log.Reopen());
  CHECK((log.log->recovery().hard_state == HardState{3, 2, 0}));
}

TEST(Append, RotatesAndSwitchesTheLedgerWithoutLosingAnything) {
  LogFixture log;
  CHECK(log.Open());

  for (int i = 1; i <= 400; ++i) CHECK_OK(log.Append("payload " + std::to_string(i)));

  CHECK(log.log->Stats().rotations > 20);
  CHECK(log.log->Stats().ledger_switches > 1);
  CHECK(log.Reopen());
  const std::vector<Entry> entries = log.ReadAll();
  CHECK_EQ(entries.size(), 400u);
  for (int i = 1; i <= 400; ++i) {
    CHECK_EQ(entries[static_cast<size_t>(i - 1)].payload, "payload " + std::to_string(i));
  }
}

TEST(Append, WritesOneBlockPerWriteInStrictAndOnePerGroupInGroup) {
  LogFixture strict;
  LogFixture group;
  group.options.durability = Durability::kGroup;
  CHECK(strict.Open());
  CHECK(group.Open());

  for (uint64_t i = 1; i <= 10; ++i) {
    CHECK_EQ(strict.log->Submit(Frames(i, {{1, 0, "x"}})), i);
    CHECK_EQ(group.log->Submit(Frames(i, {{1, 0, "x"}})), i);
  }
  strict.PumpAll();
  group.PumpAll();

  CHECK_EQ(strict.log->Stats().blocks, 10u);
  CHECK_EQ(strict.recorder.completions.size(), 10u);
  CHECK_EQ(group.log->Stats().blocks, 1u);
  CHECK_EQ(group.recorder.completions.size(), 1u);
  CHECK_EQ(group.recorder.completions[0].through_sequence, 10u);
  CHECK_EQ(group.recorder.completions[0].durable_index, 10u);
}

TEST(Append, BoundsAGroupByBytesAndByCount) {
  LogFixture bytes;
  bytes.options.durability = Durability::kGroup;
  bytes.options.group_bytes_max = 1'000;
  LogFixture count;
  count.options.durability = Durability::kGroup;
  count.options.group_writes_max = 3;
  CHECK(bytes.Open());
  CHECK(count.Open());

  for (uint64_t i = 1; i <= 9; ++i) {
    bytes.log->Submit(Frames(i, {{1, 0, std::string(400, 'x')}}));
    count.log->Submit(Frames(i, {{1, 0, "x"}}));
  }
  bytes.PumpAll();
  count.PumpAll();

  CHECK_EQ(bytes.log->Stats().blocks, 5u);
  CHECK_EQ(count.log->Stats().blocks, 3u);
}

// W1: segment sync, then the proof, then its sync, then the completion.
TEST(Append, SyncsTheSegmentBeforeTheProofAndTheProofBeforeCompletion) {
  LogFixture log;
  CHECK(log.Open());
  // Opened anew, every file is known by its final name.
  CHECK(log.Reopen());
  log.env->ClearTrace();

  CHECK_OK(log.Append("a"));

  CHECK((log.env->trace() ==
         std::vector<std::string>{"write segment-0000000001.log", "sync segment-0000000001.log",
                                  "write durability.log", "sync durability.log"}));
}

// W18: the old tail is complete and proven before the new one gets its name.
TEST(Append, SyncsTheOldTailBeforeItRotates) {
  LogFixture log;
  CHECK(log.Open());
  CHECK(log.Reopen());
  log.env->ClearTrace();
  while (log.log->Stats().rotations == 0) CHECK_OK(log.Append(std::string(8'000, 'x')));

  const std::vector<std::string>& trace = log.env->trace();
  size_t rename = 0;
  while (trace[rename] != "rename spare-0000000001.log") ++rename;
  CHECK_EQ(trace[rename - 1], std::string("write spare-0000000001.log"));
  CHECK_EQ(trace[rename - 2], std::string("sync durability.log"));
  CHECK_EQ(trace[rename + 1], std::string("syncDirectory wal"));
  CHECK_EQ(trace[rename + 2], std::string("write spare-0000000001.log"));
  CHECK_EQ(log.log->Stats().late_spares, 0u);
}

// The background found no space for a spare; the rotation does, and only asks for it.
TEST(Append, WritesNoZerosForASegmentThatSomebodyWaitsFor) {
  LogFixture log;
  CHECK(log.Open());
  CHECK(log.Reopen());
  while (log.log->Stats().rotations == 0) CHECK_OK(log.Append(std::string(8'000, 'x')));
  log.env->FailCall(Call::kAllocate, 1, ENOSPC);
  const uint64_t zero_bytes = log.env->zero_bytes_written();

  while (log.log->Stats().rotations == 1) CHECK_OK(log.Append(std::string(8'000, 'x')));

  CHECK_EQ(log.log->Stats().late_spares, 1u);
  CHECK_EQ(log.env->zero_bytes_written(), zero_bytes);
  const uint64_t last_index = log.log->Stats().last_index;
  CHECK(log.Restart(log.env->DropUnsynced()));
  CHECK_EQ(log.ReadAll().size(), last_index);
}

// Syncs into space that was only allocated take half as long again.
TEST(Append, TheFirstSegmentOfALogIsMadeOfWrittenZeros) {
  LogFixture log;
  CHECK(log.Open());
  CHECK(log.env->zero_bytes_written() >=
        log.options.headroom_bytes + log.options.segment_bytes_max);
}

// W20: larger than a segment, larger than the limit, and empty.
TEST(Append, RefusesWhatDoesNotFitAndTakesEmptyPayloads) {
  LogFixture log;
  log.options.payload_bytes_max = 50'000;
  CHECK(log.Open());

  CHECK_EQ(log.Append(std::string(50'001, 'x')).code(), StatusCode::kTooLarge);
  const std::vector<Entry> large(3, {1, 0, std::string(30'000, 'x')});
  CHECK_EQ(log.Append(large).code(), StatusCode::kTooLarge);
  CHECK_OK(log.Append(""));
  CHECK_OK(log.Append(std::string(50'000, 'y')));

  CHECK_EQ(log.ReadPayload(1), std::string());
  CHECK_EQ(log.ReadPayload(2).size(), 50'000u);
}

TEST(Append, RefusesWhatDoesNotFollowTheLog) {
  LogFixture log;
  CHECK(log.Open());
  CHECK_OK(log.Append({{4, 0, "a"}, {4, 0, "b"}}));
  CHECK_OK(log.SaveHardState({4, 0, 1}));

  CHECK_EQ(log.Apply(Frames(4, {{4, 0, "gap"}})).code(), StatusCode::kInvalidArgument);
  CHECK_EQ(log.Apply(Frames(3, {{3, 0, "old term"}})).code(), StatusCode::kInvalidArgument);
  CHECK_EQ(log.Replace(1, {{5, 0, "committed"}}).code(), StatusCode::kInvalidArgument);
  CHECK_EQ(log.Replace(4, {}).code(), StatusCode::kInvalidArgument);
  CHECK_EQ(log.SaveHardState({3, 0, 1}).code(), StatusCode::kInvalidArgument);
  CHECK_EQ(log.SaveHardState({4, 0, 3}).code(), StatusCode::kInvalidArgument);

  CHECK_OK(log.Apply(Frames(3, {{4, 0, "c"}})));
  CHECK_EQ(log.ReadAll().size(), 3u);
}

TEST(Read, ReturnsAtLeastOneEntryAndNamesWhatIsNotThere) {
  LogFixture log;
  CHECK(log.Open());
  CHECK_OK(log.Append({{1, 0, std::string(5'000, 'x')}, {1, 0, "b"}, {1, 0, "c"}}));

  const StatusOr<FrameRead> one = log.log->Read(1, 3, 1);
  const StatusOr<FrameRead> two = log.log->Read(2, 3, 1'000);

  CHECK_OK(one.status());
  CHECK_EQ(one->range.last_index, 1u);
  CHECK_EQ(two->range.byte_lengths.size(), 2u);
  CHECK_EQ(log.log->Read(3, 4, 1).status().code(), StatusCode::kIndexOutOfRange);
  CHECK_EQ(log.log->Read(0, 1, 1).status().code(), StatusCode::kIndexCompacted);
}

TEST(Read, SpansSegments) {
  LogFixture log;
  CHECK(log.Open());
  for (int i = 0; i < 40; ++i) CHECK_OK(log.Append(std::string(4'000, 'x')));

  const StatusOr<FrameRead> read = log.log->Read(1, 40, 1 << 20);

  CHECK_OK(read.status());
  CHECK_EQ(read->range.last_index, 40u);
  CHECK_OK(ParseFrames(read->bytes.span()).status());
}

// W28: what was queued is committed, what comes later is refused, twice is once.
TEST(Close, CommitsWhatIsQueuedAndTakesNothingMore) {
  LogFixture log;
  CHECK(log.Open());
  log.log->Submit(Frames(1, {{1, 0, "a"}}));

  CHECK_OK(log.log->Close());

  CHECK_EQ(log.recorder.completed(), 1u);
  CHECK_EQ(log.log->Submit(Frames(2, {{1, 0, "b"}})), 0u);
  CHECK_EQ(log.log->Read(1, 1, 1).status().code(), StatusCode::kClosed);
  CHECK_OK(log.log->Close());
}

TEST(Append, WorksWithEveryBlockAlignment) {
  for (const uint32_t alignment : {512u, 1024u, 2048u, 4096u}) {
    LogFixture log;
    log.options.block_alignment = alignment;
    CHECK(log.Open());

    for (int i = 0; i < 200; ++i) CHECK_OK(log.Append(std::string(700, 'x')));

    CHECK(log.Reopen());
    CHECK_EQ(log.ReadAll().size(), 200u);
  }
}

}  // namespace clustor::test
