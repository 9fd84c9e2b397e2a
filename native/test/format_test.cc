#include "wal/format.h"

#include <array>
#include <vector>

#include "base/coding.h"
#include "check.h"
#include "log_fixture.h"
#include "wal/frame.h"

namespace clustor::test {

TEST(LedgerRecord, HasThePublishedVector) {
  std::array<std::byte, kLedgerRecordBytes> bytes;

  EncodeLedgerRecord({7, 42, 9, 0, 1234}, bytes.data());

  CHECK_EQ(Load32(bytes.data() + 33), 0xd20f234bu);
  LedgerRecord record;
  CHECK(DecodeLedgerRecord(bytes.data(), &record));
  CHECK_EQ(record.term, 7u);
  CHECK_EQ(record.index, 42u);
  CHECK_EQ(record.segment_seq, 9u);
  CHECK_EQ(record.timestamp_ms, 1234u);
}

TEST(LedgerRecord, NeverVerifiesAsZeros) {
  const std::array<std::byte, kLedgerRecordBytes> zeros{};
  LedgerRecord record;

  CHECK(!DecodeLedgerRecord(zeros.data(), &record));
}

TEST(SegmentHeader, ReadsBackAsWritten) {
  SegmentHeader header;
  header.block_alignment = 512;
  header.segment_seq = 17;
  header.base_index = 4'000;
  header.segment_bytes = 1 << 20;
  header.first_block = 99;
  header.previous_checksum = 0xabcdef01;
  header.replica = 3;
  header.partition = "orders";
  std::array<std::byte, kSegmentHeaderBytes> bytes;

  EncodeSegmentHeader(header, bytes);
  const StatusOr<SegmentHeader> decoded = DecodeSegmentHeader(bytes);

  CHECK_OK(decoded.status());
  CHECK_EQ(decoded->segment_seq, 17u);
  CHECK_EQ(decoded->base_index, 4'000u);
  CHECK_EQ(decoded->first_block, 99u);
  CHECK_EQ(decoded->previous_checksum, 0xabcdef01u);
  CHECK_EQ(decoded->partition, std::string("orders"));
  CHECK_EQ(Load64(bytes.data() + 24), 17u);
  CHECK_EQ(std::string(reinterpret_cast<const char*>(bytes.data()), 8), std::string("CLSTRSEG"));
}

// W25
TEST(SegmentHeader, OfANewerVersionIsRefusedWhateverItsChecksum) {
  std::array<std::byte, kSegmentHeaderBytes> bytes;
  SegmentHeader header;
  header.segment_bytes = 1 << 20;
  EncodeSegmentHeader(header, bytes);

  Store32(bytes.data() + 8, kFormatVersion + 1);

  CHECK_EQ(DecodeSegmentHeader(bytes).status().code(), StatusCode::kFormatNewer);
}

TEST(Frame, HasItsFieldsWhereTheFormatSays) {
  const std::string payload = "abc";
  std::array<std::byte, FrameBytes(3)> bytes;

  const size_t frame_bytes = EncodeFrame(bytes.data(), 5, 9, 1, std::as_bytes(std::span(payload)));

  CHECK_EQ(frame_bytes, 36u);
  CHECK_EQ(static_cast<int>(bytes[0]), 1);
  CHECK_EQ(Load32(bytes.data() + 4), 20u);
  CHECK_EQ(Load32(bytes.data() + 8), 4u);
  CHECK_EQ(Load64(bytes.data() + 12), 5u);
  CHECK_EQ(Load64(bytes.data() + 20), 9u);
  CHECK_EQ(static_cast<int>(bytes[28]), 1);
}

TEST(ParseFrames, ReturnsRunsAndLengths) {
  const FrameBatch batch = BatchOf(7, {{1, 0, "a"}, {1, 0, ""}, {2, 1, "ccc"}});

  const StatusOr<FrameRange> range = ParseFrames(batch.bytes.span());

  CHECK_OK(range.status());
  CHECK_EQ(range->first_index, 7u);
  CHECK_EQ(range->last_index, 9u);
  CHECK_EQ(range->runs.size(), 2u);
  CHECK_EQ(range->runs[0].count, 2u);
  CHECK_EQ(range->byte_lengths[2], 36u);
}

TEST(ParseFrames, RefusesEveryFlippedBit) {
  const FrameBatch batch = BatchOf(7, {{1, 0, "payload"}, {1, 0, "other"}});
  for (size_t at = 0; at < batch.bytes.bytes(); ++at) {
    std::vector<std::byte> bytes(batch.bytes.span().begin(), batch.bytes.span().end());
    bytes[at] ^= std::byte{1};

    CHECK_EQ(ParseFrames(bytes).status().code(), StatusCode::kFrameCorrupt);
  }
}

TEST(ParseFrames, RefusesGapsFallingTermsAndCutOffFrames) {
  Slab gap(2 * FrameBytes(0));
  EncodeFrame(gap.data(), 1, 1, 0, {});
  EncodeFrame(gap.data() + FrameBytes(0), 1, 3, 0, {});
  Slab falling(2 * FrameBytes(0));
  EncodeFrame(falling.data(), 2, 1, 0, {});
  EncodeFrame(falling.data() + FrameBytes(0), 1, 2, 0, {});

  CHECK_EQ(ParseFrames(gap.span()).status().code(), StatusCode::kFrameCorrupt);
  CHECK_EQ(ParseFrames(falling.span()).status().code(), StatusCode::kFrameCorrupt);
  CHECK_EQ(ParseFrames(gap.span().first(20)).status().code(), StatusCode::kFrameCorrupt);
  CHECK_EQ(ParseFrames({}).status().code(), StatusCode::kFrameCorrupt);
}

// W07: a huge length is checked against what is there before anything is read or allocated.
TEST(ParseFrames, RefusesALengthBeyondTheBytes) {
  FrameBatch batch = BatchOf(1, {{1, 0, "payload"}});
  Store32(batch.bytes.data() + 4, 0xfffffff0u);

  CHECK_EQ(ParseFrames(batch.bytes.span()).status().code(), StatusCode::kFrameCorrupt);
}

}  // namespace clustor::test
