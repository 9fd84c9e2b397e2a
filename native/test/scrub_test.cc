// The scrub finds what went bad on the disk of an open log, and takes that log alone out of use.
#include <string>

#include "check.h"
#include "log_fixture.h"
#include "wal/format.h"

namespace clustor::test {

namespace {

constexpr uint64_t kStepBytes = 20'000;

struct Pass {
  Status damage;  // The first one.
  int steps = 0;
};

// Scrubs from the cursor to the end of a pass.
Pass ScrubPass(LogFixture* log, ScrubCursor* cursor) {
  Pass pass;
  for (; pass.steps < 1'000; ++pass.steps) {
    const StatusOr<ScrubStep> step = log->log->Scrub(cursor, kStepBytes);
    if (!step.ok() && pass.damage.ok()) pass.damage = step.status();
    if (step.ok() && step->pass_done) return pass;
  }
  Fail(__FILE__, __LINE__, "the scrub does not end");
  return pass;
}

void FillSegments(LogFixture* log) {
  CHECK(log->Open());
  for (int i = 0; i < 60; ++i) CHECK_OK(log->Append(std::string(3'000, 'x')));
}

}  // namespace

TEST(Scrub, ReadsEveryDurableByteInAPass) {
  LogFixture log;
  FillSegments(&log);
  ScrubCursor cursor;

  CHECK_OK(ScrubPass(&log, &cursor).damage);

  const LogStats stats = log.log->Stats();
  // A header for each segment, and all blocks.
  CHECK_EQ(stats.scrubbed_bytes, stats.segments * kSegmentHeaderBytes + stats.bytes_written);
  CHECK(!stats.quarantined);
  CHECK_OK(ScrubPass(&log, &cursor).damage);
  CHECK_EQ(log.log->Stats().scrubbed_bytes, 2 * stats.scrubbed_bytes);
}

// W06
TEST(Scrub, FindsRotInEveryRegionAndNamesIt) {
  struct Case {
    uint64_t segment_seq;
    uint64_t at;
    uint64_t offset;
    int64_t first_index;
  };
  // A sealed segment: its header, a block, its last block; the tail: its header, its last block.
  for (const Case& rot :
       {Case{2, 30, 0, 16}, Case{2, 8192 + 200, 8192, 17}, Case{2, 61'440 + 5, 61'440, 30},
        Case{4, 30, 0, 46}, Case{4, 61'440 + 2'000, 61'440, 60}}) {
    LogFixture log;
    FillSegments(&log);
    log.FlipBit(log.SegmentPath(rot.segment_seq), rot.at);
    ScrubCursor cursor;

    const Status damage = ScrubPass(&log, &cursor).damage;

    CHECK_EQ(damage.code(), StatusCode::kLogCorrupt);
    CHECK_EQ(damage.details().segment, static_cast<int64_t>(rot.segment_seq));
    CHECK_EQ(damage.details().offset, static_cast<int64_t>(rot.offset));
    CHECK_EQ(damage.details().first_index, rot.first_index);
    CHECK_EQ(damage.details().last_index, static_cast<int64_t>(15 * rot.segment_seq));
  }
}

TEST(Scrub, QuarantinesTheLogAndLetsReadsOfWhatVerifiesGoOn) {
  LogFixture log;
  FillSegments(&log);
  log.FlipBit(log.SegmentPath(2), 8192 + 200);
  ScrubCursor cursor;
  const Status damage = ScrubPass(&log, &cursor).damage;

  const Status refused = log.Append("more");

  CHECK_EQ(refused.code(), StatusCode::kLogQuarantined);
  CHECK_EQ(refused.details().segment, 2);
  CHECK_EQ(refused.details().offset, 8192);
  CHECK_EQ(refused.details().first_index, 17);
  CHECK_EQ(log.log->TruncatePrefix(60).code(), StatusCode::kLogQuarantined);
  CHECK(log.log->Stats().quarantined);
  CHECK_EQ(log.log->Stats().quarantine.code(), StatusCode::kLogQuarantined);
  CHECK_EQ(log.ReadPayload(3), std::string(3'000, 'x'));
  CHECK_EQ(log.ReadPayload(50), std::string(3'000, 'x'));
  CHECK_EQ(log.ReadPayload(17), std::string("ERR_LOG_CORRUPT"));
  const std::vector<std::byte> record =
      log.env->Bytes(std::string(kDirectory) + "/boot_record.json");
  const std::string text(reinterpret_cast<const char*>(record.data()), record.size());
  CHECK(text.find("\"state\": \"quarantined\"") != std::string::npos);
}

TEST(Scrub, FailsWritesThatWereQueuedBeforeTheQuarantine) {
  LogFixture log;
  FillSegments(&log);
  const uint64_t sequence = log.log->Submit(Frames(61, {{1, 0, "queued"}}));

  log.log->Quarantine(Status(StatusCode::kLogCorrupt, "found by somebody else"));
  log.PumpAll();

  CHECK_EQ(log.recorder.StatusOf(sequence)->code(), StatusCode::kLogQuarantined);
}

TEST(Scrub, PassesOverSegmentsThatAreRemovedMeanwhile) {
  LogFixture log;
  FillSegments(&log);
  ScrubCursor cursor;
  for (int i = 0; i < 2; ++i) CHECK_OK(log.log->Scrub(&cursor, kStepBytes).status());
  CHECK_EQ(cursor.segment_seq, 1u);
  CHECK(cursor.offset > 0);
  CHECK_OK(log.log->TruncatePrefix(40));

  CHECK_OK(ScrubPass(&log, &cursor).damage);

  CHECK(!log.log->Stats().quarantined);
}

TEST(Scrub, GoesOnThroughRotations) {
  LogFixture log;
  CHECK(log.Open());
  ScrubCursor cursor;
  for (int i = 0; i < 80; ++i) {
    CHECK_OK(log.Append(std::string(3'000, 'x')));
    CHECK_OK(log.log->Scrub(&cursor, 3'000).status());
  }
  CHECK_OK(ScrubPass(&log, &cursor).damage);
  CHECK(log.log->Stats().rotations > 3);
}

TEST(Scrub, DoesNotTakeAFailedReadForDamage) {
  LogFixture log;
  FillSegments(&log);
  ScrubCursor cursor;
  log.env->FailCall(Call::kRead, 2, 5);

  const StatusOr<ScrubStep> step = log.log->Scrub(&cursor, kStepBytes);

  CHECK_EQ(step.status().code(), StatusCode::kIo);
  CHECK(!log.log->Stats().quarantined);
  CHECK_OK(ScrubPass(&log, &cursor).damage);
}

}  // namespace clustor::test
