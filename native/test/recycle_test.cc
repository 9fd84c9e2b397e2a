// Segments that are used again: no zeros in the long run, and nothing of their older lives.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "base/coding.h"
#include "check.h"
#include "log_fixture.h"
#include "wal/block_builder.h"
#include "wal/format.h"
#include "wal/inspect.h"
#include "wal/spare_marker.h"

namespace clustor::test {

namespace {

// 64 KiB segments: 7 of these entries each.
constexpr size_t kPayloadBytes = 8'000;

LogOptions RecycleOptions() {
  LogOptions options = SmallOptions();
  options.ledger_bytes_max = 1 << 20;
  return options;
}

void AppendMany(LogFixture* log, int entries, char fill) {
  for (int i = 0; i < entries; ++i) {
    const Status done = log->Append(std::string(kPayloadBytes, fill));
    if (!done.ok()) return Fail(__FILE__, __LINE__, Describe(done));
  }
}

// A log whose tail is a recycled segment with a few blocks, and older ones behind them.
void FillRecycled(LogFixture* log) {
  if (!log->Open()) return Fail(__FILE__, __LINE__, Describe(log->open_status));
  AppendMany(log, 22, 'a');
  const Status cut = log->log->TruncatePrefix(22);
  if (!cut.ok()) return Fail(__FILE__, __LINE__, Describe(cut));
  while (log->log->Stats().rotations < 5) AppendMany(log, 1, 'b');
  AppendMany(log, 2, 'b');
}

std::vector<std::string> NamesWith(const LogFixture& log, const std::string& part) {
  std::vector<std::string> names = log.env->Names();
  std::erase_if(names, [&](const std::string& name) {
    return name.find(part) == name.npos || name.ends_with(".idx");
  });
  return names;
}

SegmentHeader HeaderOf(const std::vector<std::byte>& bytes) {
  return DecodeSegmentHeader(std::span(bytes).first(kSegmentHeaderBytes)).value();
}

struct TailEnd {
  std::string path;
  std::vector<std::byte> bytes;
  uint64_t offset = 0;
};

TailEnd EndOf(const LogFixture& log) {
  const LogStats stats = log.log->Stats();
  const std::string path = log.SegmentPath(stats.tail_segment);
  return {path, log.env->Bytes(path), stats.tail_offset};
}

}  // namespace

TEST(Recycling, TurnsRemovedSegmentsIntoSparesUpToTheLimit) {
  for (const uint32_t spares_max : {0u, 1u, 3u}) {
    LogFixture log(RecycleOptions());
    log.options.spares_max = spares_max;
    CHECK(log.Open());
    AppendMany(&log, 50, 'x');

    CHECK_OK(log.log->TruncatePrefix(50));

    const std::vector<std::string> spares = NamesWith(log, "spare-");
    CHECK(spares_max == 0 ? spares.size() <= 1 : spares.size() == spares_max);
    CHECK(log.log->Stats().recycled_segments <= spares_max);
    for (const std::string& name : spares) {
      const std::vector<std::byte> bytes = log.env->Bytes(name);
      CHECK_EQ(bytes.size(), log.options.segment_bytes_max);
      CHECK(!DecodeSegmentHeader(std::span(bytes).first(kSegmentHeaderBytes)).ok());
      CHECK(DecodeSpareMarker(std::span(bytes).first(kSpareMarkerBytes)).has_value());
    }
    CHECK(NamesWith(log, "segment-").size() <= 2);
  }
}

TEST(Recycling, WritesNoZerosInTheLongRun) {
  LogFixture log(RecycleOptions());
  CHECK(log.Open());
  AppendMany(&log, 30, 'x');
  CHECK_OK(log.log->TruncatePrefix(30));
  AppendMany(&log, 7, 'x');
  const uint64_t written = log.env->bytes_written();
  const uint64_t zeros = log.env->zero_bytes_written();
  const LogStats before = log.log->Stats();

  for (int round = 0; round < 20; ++round) {
    CHECK_OK(log.log->TruncatePrefix(log.log->Stats().last_index));
    AppendMany(&log, 7, 'y');
  }

  const LogStats after = log.log->Stats();
  CHECK(after.rotations >= before.rotations + 20);
  CHECK_EQ(log.env->zero_bytes_written(), zeros);
  // Blocks, a header for each new segment, a marker for each removed one, and ledger records. Each
  // sealed segment gets an index: 44 bytes and 32 for each block.
  const uint64_t rotations = after.rotations - before.rotations;
  const uint64_t removed = after.recycled_segments - before.recycled_segments;
  CHECK_EQ(removed, rotations);
  const uint64_t indexes = rotations * 44 + (after.blocks - before.blocks) * 32;
  CHECK_EQ(log.env->bytes_written() - written,
           after.bytes_written - before.bytes_written + rotations * kSegmentHeaderBytes +
               removed * kSpareMarkerBytes + (after.blocks - before.blocks) * 74 + removed * 37 +
               indexes);
}

// W10
TEST(Recycling, NeverReplaysWhatTheFileHeldBefore) {
  LogFixture log(RecycleOptions());
  FillRecycled(&log);
  const TailEnd end = EndOf(log);
  CHECK(HeaderOf(end.bytes).recycled);
  // The older life goes on exactly where the new one ends, with a whole block.
  BlockHeader older;
  CHECK(DecodeBlockHeader(std::span(end.bytes).subspan(end.offset, 96), &older) == nullptr);
  CHECK(older.segment_seq < HeaderOf(end.bytes).segment_seq);
  const std::vector<Entry> entries = log.ReadAll();

  for (int restart = 0; restart < 3; ++restart) {
    CHECK(log.Restart(restart == 1 ? log.env->DropUnsynced() : log.env->Copy()));
    CHECK_EQ(log.log->recovery().torn_bytes_dropped, 0u);
    CHECK(log.ReadAll() == entries);
  }
  CHECK_OK(log.Append("goes on"));
  CHECK(log.Reopen());
  CHECK_EQ(log.ReadPayload(entries.size() + log.log->Stats().first_index), std::string("goes on"));
}

// W10: bytes that were chosen to look like the next block of this very segment.
TEST(Recycling, IsNotFooledByAPayloadThatLooksLikeTheNextBlock) {
  LogFixture log(RecycleOptions());
  FillRecycled(&log);
  TailEnd end = EndOf(log);
  const uint64_t last_index = log.log->Stats().last_index;
  const uint64_t block = log.log->Stats().durable_block;
  uint64_t at = end.offset - 4096;
  while (Load32(end.bytes.data() + at) != kBlockMagic) at -= 4096;
  BlockHeader newest;
  CHECK(DecodeBlockHeader(std::span(end.bytes).subspan(at, 96), &newest) == nullptr);
  CHECK_EQ(newest.number, block);
  const uint32_t checksum = Load32(end.bytes.data() + at + 96 + newest.stored_bytes);
  log.Close();
  const LogEnd log_end{.hard_state = {}, .last_index = last_index, .last_term = 1, .terms = {}};
  const QueuedWrite forged{Frames(last_index + 1, {{1, 1, "forged"}}), 1, 0};
  const GroupPlan plan = PlanGroup({&forged, 1}, log_end, {60'000, 60'000, {}});
  BlockBuilder builder;
  for (const uint64_t ahead : {0, 5}) {
    // Everything but the salt is right, or the number proves a hole.
    StatusOr<BuiltBlock> built =
        builder.Build(plan, {newest.segment_seq, 4096, {}, {}, {block + ahead, checksum}}, nullptr);
    CHECK_OK(built.status());
    built->Complete();
    const std::span<const std::byte> bytes = built->bytes.spans().front();
    CHECK_EQ(bytes.size(), built->bytes.bytes());
    std::copy(bytes.begin(), bytes.end(),
              end.bytes.begin() + static_cast<std::ptrdiff_t>(end.offset + ahead * 4096));
    log.env->SetBytes(end.path, end.bytes);

    CHECK(log.Open());
    CHECK_EQ(log.log->Stats().last_index, last_index);
    log.Close();
  }
}

// W03, W10: what recovery dropped stays dropped, whatever is written over it and torn again.
TEST(Recycling, ErasesTheHeaderOfATornBlockAndNothingElse) {
  LogFixture log(RecycleOptions());
  FillRecycled(&log);
  const TailEnd before = EndOf(log);
  const uint64_t last_index = log.log->Stats().last_index;
  const std::unique_ptr<FaultEnv> start = log.env->Copy();
  CHECK_OK(log.Append(std::string(9'000, 'n')));
  const TailEnd after = EndOf(log);
  // The block without its last page, and no proof of it.
  std::vector<std::byte> torn = after.bytes;
  std::copy(before.bytes.begin() + static_cast<std::ptrdiff_t>(after.offset - 4096),
            before.bytes.begin() + static_cast<std::ptrdiff_t>(after.offset),
            torn.begin() + static_cast<std::ptrdiff_t>(after.offset - 4096));
  start->SetBytes(before.path, torn);
  log.Close();

  CHECK(log.Restart(start->Copy()));

  CHECK_EQ(log.log->Stats().last_index, last_index);
  CHECK_EQ(log.log->recovery().torn_bytes_dropped, after.offset - before.offset);
  std::vector<std::byte> left = log.env->Bytes(before.path);
  for (uint64_t i = 0; i < left.size(); ++i) {
    const bool erased = i >= before.offset && i < before.offset + 4096;
    CHECK(left[i] == (erased ? std::byte{0} : torn[i]));
  }
  // A crash in the next write brings the missing page, but not the header.
  std::copy(after.bytes.begin() + static_cast<std::ptrdiff_t>(after.offset - 4096),
            after.bytes.begin() + static_cast<std::ptrdiff_t>(after.offset),
            left.begin() + static_cast<std::ptrdiff_t>(after.offset - 4096));
  log.env->SetBytes(before.path, left);
  CHECK(log.Restart(log.env->Copy()));
  CHECK_EQ(log.log->Stats().last_index, last_index);
}

TEST(Recycling, KeepsSparesOverAReopenAndUsesThem) {
  LogFixture log(RecycleOptions());
  CHECK(log.Open());
  AppendMany(&log, 40, 'x');
  CHECK_OK(log.log->TruncatePrefix(40));
  const std::vector<std::string> spares = NamesWith(log, "spare-");
  CHECK_EQ(spares.size(), 2u);
  log.Close();
  const uint64_t zeros = log.env->zero_bytes_written();

  CHECK(log.Open());

  CHECK(NamesWith(log, "spare-") == spares);
  AppendMany(&log, 7, 'y');
  CHECK_EQ(log.log->Stats().rotations, 1u);
  CHECK_EQ(log.log->Stats().late_spares, 0u);
  // Opening erases one page behind the end, and tries two directories with a byte each.
  CHECK_EQ(log.env->zero_bytes_written(), zeros + 4096 + 2);
  CHECK(log.Reopen());
  CHECK_EQ(log.log->Stats().last_index, 47u);
}

TEST(Recycling, RemovesSparesThatDoNotFitOrWereNeverFinished) {
  LogFixture log(RecycleOptions());
  CHECK(log.Open());
  AppendMany(&log, 40, 'x');
  CHECK_OK(log.log->TruncatePrefix(40));
  log.Close();
  const std::vector<std::string> spares = NamesWith(log, "spare-");
  CHECK_EQ(spares.size(), 2u);
  log.FlipBit(spares[0], 40);

  CHECK(log.Open());
  CHECK_EQ(NamesWith(log, "spare-").size(), 1u);
  log.Close();
  log.options.segment_bytes_max = 128 << 10;
  CHECK(log.Open());
  CHECK(NamesWith(log, "spare-").empty());
  CHECK_EQ(log.log->Stats().last_index, 40u);
}

TEST(Recycling, IsInvisibleToVerifyAndDump) {
  LogFixture log(RecycleOptions());
  FillRecycled(&log);
  const uint64_t last_index = log.log->Stats().last_index;
  log.Close();

  const auto verified = VerifyDirectory(log.env.get(), kDirectory, "");
  CHECK_OK(verified.status());
  CHECK_OK(verified->verdict);
  CHECK_EQ(verified->recovery.entries.last_index, last_index);
  CHECK_EQ(verified->recovery.torn_bytes_dropped, 0u);
  auto dump = DumpIterator::Open(log.env.get(), kDirectory, "");
  CHECK_OK(dump.status());
  uint64_t newest = 0;
  for (;;) {
    const auto item = (*dump)->Next();
    CHECK_OK(item.status());
    if (!*item) break;
    CHECK((*item)->type != DumpItem::Type::kInvalid);
    if ((*item)->type == DumpItem::Type::kEntry) newest = (*item)->index;
  }
  CHECK_EQ(newest, last_index);
}

}  // namespace clustor::test
