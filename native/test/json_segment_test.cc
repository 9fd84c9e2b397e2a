// Segments in the json encoding: written, read, mixed with binary ones, too small for a write.
#include <string>

#include "base/coding.h"
#include "base/crc32c.h"
#include "check.h"
#include "log_fixture.h"
#include "wal/format.h"
#include "wal/inspect.h"
#include "wal/stored_frames.h"

namespace clustor::test {

namespace {

LogOptions JsonOptions() {
  LogOptions options = SmallOptions();
  options.encoding = LogEncoding::kJson;
  return options;
}

std::string TextAt(const LogFixture& log, uint64_t segment_seq, uint64_t offset, size_t bytes) {
  const std::vector<std::byte> file = log.env->Bytes(log.SegmentPath(segment_seq));
  return {reinterpret_cast<const char*>(file.data() + offset), bytes};
}

uint8_t EncodingOf(const LogFixture& log, uint64_t segment_seq) {
  return static_cast<uint8_t>(log.env->Bytes(log.SegmentPath(segment_seq))[12]);
}

// Appends until the log has that many segments.
void FillSegments(LogFixture* log, uint64_t segments) {
  while (log->log->Stats().segments < segments) {
    const Status done = log->Append(std::string(3'000, 'x'));
    if (!done.ok()) {
      Fail(__FILE__, __LINE__, Describe(done));
      return;
    }
  }
}

}  // namespace

TEST(JsonSegment, HoldsReadableRecords) {
  LogFixture log(JsonOptions());
  CHECK(log.Open());
  CHECK_OK(log.Append({{3, 1, "hello"}}));

  CHECK_EQ(EncodingOf(log, 1), kEncodingJson);
  const std::string state = R"({"record":"hard-state","term":"0","vote":"0","commit":"0"})";
  const std::string entry = R"({"term":"3","index":"1","kind":1,"payload":"aGVsbG8="})";
  const uint64_t state_at = 4096 + kBlockHeaderBytes + kFrameHeaderBytes;
  CHECK_EQ(TextAt(log, 1, state_at, state.size()), state);
  CHECK_EQ(TextAt(log, 1, state_at + state.size() + 4 + kFrameHeaderBytes, entry.size()), entry);
}

TEST(JsonSegment, ReadsBackAndReopens) {
  LogFixture log(JsonOptions());
  CHECK(log.Open());
  CHECK_OK(log.SaveHardState({2, 3, 0}));
  CHECK_OK(log.Append({{2, 0, "one"}, {2, 1, std::string(5'000, '\7')}, {3, 0, ""}}));
  CHECK_OK(log.Replace(3, {{4, 9, "three"}}));
  const std::vector<Entry> before = log.ReadAll();

  CHECK(log.Reopen());

  CHECK(log.ReadAll() == before);
  CHECK_EQ(before.size(), 3u);
  CHECK(log.log->recovery().hard_state == (HardState{2, 3, 0}));
  CHECK_EQ(log.log->recovery().entries.byte_lengths[1], FrameBytes(5'000));
}

// A log mixes encodings: each segment says its own, and the option is for new ones.
TEST(JsonSegment, MixesWithBinaryOnesUnderAnyOption) {
  LogFixture log;
  for (uint64_t segments = 2; segments <= 8; segments += 2) {
    CHECK(log.Reopen());
    FillSegments(&log, segments);
    log.options.encoding =
        log.options.encoding == LogEncoding::kJson ? LogEncoding::kBinary : LogEncoding::kJson;
  }
  const std::vector<Entry> entries = log.ReadAll();

  for (const LogEncoding encoding : {LogEncoding::kBinary, LogEncoding::kJson}) {
    log.options.encoding = encoding;
    CHECK(log.Reopen());
    CHECK(log.ReadAll() == entries);
    CHECK_OK(log.Append("more"));
    CHECK_OK(log.Replace(log.log->Stats().last_index, {}));
  }
  const std::vector<int> expected = {0, 0, 1, 1, 0, 0, 1, 1};
  for (size_t i = 0; i < expected.size(); ++i) {
    CHECK_EQ(static_cast<int>(EncodingOf(log, i + 1)), expected[i]);
  }
}

// W20
TEST(JsonSegment, RefusesAWriteThatOnlyFitsInBinary) {
  LogOptions options = JsonOptions();
  LogFixture log(options);
  CHECK(log.Open());
  const std::string payload(50'000, 'x');

  const Status done = log.Append(payload);

  CHECK_EQ(done.code(), StatusCode::kTooLarge);
  const uint64_t stored =
      StoredEntryBytes({.json = true, .merkle_leaves = false}, 1, 1, 0, payload.size());
  CHECK(done.message().find(std::to_string(stored) + " bytes as stored") != std::string::npos);
  CHECK_EQ(log.log->Stats().last_index, 0u);
  CHECK_OK(log.Append(std::string(40'000, 'x')));
}

// W20: the largest write that a segment holds, to the byte.
TEST(JsonSegment, TakesWhatFitsExactly) {
  LogFixture log(JsonOptions());
  CHECK(log.Open());
  const uint64_t most =
      log.options.segment_bytes_max - kSegmentHeaderBytes - BlockOverheadBytesMax({true, false});
  size_t payload_bytes = 40'000;
  while (StoredEntryBytes({true, false}, 1, 1, 0, payload_bytes + 1) <= most) ++payload_bytes;

  CHECK_EQ(log.Append(std::string(payload_bytes + 1, 'x')).code(), StatusCode::kTooLarge);
  CHECK_OK(log.Append(std::string(payload_bytes, 'x')));
  CHECK_OK(log.Append(std::string(payload_bytes, 'y')));
  CHECK(log.Reopen());
  CHECK_EQ(log.ReadPayload(2), std::string(payload_bytes, 'y'));
}

// Writes that fit into one block in binary become more blocks, none is refused.
TEST(JsonSegment, SplitsAGroupThatOnlyFitsInBinary) {
  LogOptions options = JsonOptions();
  options.durability = Durability::kGroup;
  LogFixture log(options);
  CHECK(log.Open());
  for (uint64_t index = 1; index <= 5; ++index) {
    log.log->Submit(Frames(index, {{1, 0, std::string(11'000, 'x')}}));
  }

  log.PumpAll();

  CHECK_EQ(log.recorder.completed(), 5u);
  CHECK_EQ(log.log->Stats().blocks, 2u);
  CHECK(log.Reopen());
  CHECK_EQ(log.ReadAll().size(), 5u);
}

// A tail in one form takes a group that was planned for fresh segments in another.
TEST(JsonSegment, ContinuesATailOfTheOtherEncoding) {
  for (const LogEncoding first : {LogEncoding::kBinary, LogEncoding::kJson}) {
    LogOptions options = SmallOptions();
    options.encoding = first;
    LogFixture log(options);
    CHECK(log.Open());
    CHECK_OK(log.Append("first"));
    log.options.encoding = first == LogEncoding::kJson ? LogEncoding::kBinary : LogEncoding::kJson;
    CHECK(log.Reopen());

    CHECK_OK(log.Append(std::string(40'000, 'y')));
    CHECK_OK(log.Append(std::string(40'000, 'z')));

    CHECK(log.Reopen());
    CHECK_EQ(log.ReadPayload(2), std::string(40'000, 'y'));
    CHECK_EQ(log.ReadPayload(3), std::string(40'000, 'z'));
  }
}

// W4: checksums hold, the text is another than a log writes: never a torn tail.
TEST(JsonSegment, WithForgedTextIsCorruptNotTorn) {
  LogFixture log(JsonOptions());
  CHECK(log.Open());
  CHECK_OK(log.Append("first"));
  CHECK_OK(log.Append("second"));
  log.Close();
  std::vector<std::byte> file = log.env->Bytes(log.SegmentPath(1));
  std::byte* block = file.data() + 8192;
  std::byte* frame = block + kBlockHeaderBytes;
  const uint32_t body_bytes = Load32(frame + 4);
  frame[kFrameHeaderBytes + 2] = std::byte{'T'};
  Store32(frame + kFrameHeaderBytes + body_bytes, Crc32c({frame, kFrameHeaderBytes + body_bytes}));
  const size_t covered = kBlockHeaderBytes + Load32(block + 64);
  Store32(block + covered, BlockChecksum({block, covered}));
  log.env->SetBytes(log.SegmentPath(1), file);
  const std::vector<std::byte> ledger = log.env->Bytes(log.LedgerPath());

  CHECK(!log.Open());
  CHECK_EQ(log.open_status.code(), StatusCode::kLogCorrupt);
  CHECK_EQ(log.open_status.details().offset, 8192);
  CHECK(log.env->Bytes(log.LedgerPath()) == ledger);
  CHECK(log.env->Bytes(log.SegmentPath(1)) == file);
}

TEST(JsonSegment, IsDumpedWithTheOffsetsOfItsFrames) {
  LogFixture log(JsonOptions());
  CHECK(log.Open());
  CHECK_OK(log.Append({{3, 1, "hello"}, {3, 0, "world"}}));
  log.Close();
  StatusOr<std::unique_ptr<DumpIterator>> dump = DumpIterator::Open(log.env.get(), kDirectory, "");
  CHECK_OK(dump.status());

  std::vector<DumpItem> items;
  for (;;) {
    StatusOr<std::optional<DumpItem>> item = (*dump)->Next();
    CHECK_OK(item.status());
    if (!item->has_value()) break;
    items.push_back(**item);
  }

  CHECK(items[0].detail.find("encoding json") != std::string::npos);
  const std::string entry = R"({"term":"3","index":"2","kind":0,"payload":"d29ybGQ="})";
  CHECK_EQ(items[4].index, 2u);
  CHECK_EQ(items[4].bytes, kFrameHeaderBytes + entry.size() + kFrameTrailerBytes);
  CHECK_EQ(TextAt(log, 1, items[4].offset + kFrameHeaderBytes, entry.size()), entry);
}

}  // namespace clustor::test
