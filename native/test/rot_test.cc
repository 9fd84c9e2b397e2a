// W4: what the ledger proves and the chain does not reach is refused, and nothing is changed.
#include <algorithm>

#include "base/coding.h"
#include "check.h"
#include "key_fixture.h"
#include "log_fixture.h"
#include "wal/format.h"

namespace clustor::test {

namespace {

// Damages a closed log and opens it: the code, with the check that no byte was changed.
StatusCode OpenDamaged(LogFixture* log) {
  const std::unique_ptr<FaultEnv> before = log->env->Copy();
  if (log->Open()) return StatusCode::kOk;
  if (!log->env->SameAs(*before)) Fail(__FILE__, __LINE__, "a refused open changed something");
  return log->open_status.code();
}

void Fill(LogFixture* log, int entries, size_t payload_bytes) {
  if (!log->Open()) Fail(__FILE__, __LINE__, Describe(log->open_status));
  for (int i = 0; i < entries; ++i) {
    const Status done = log->Append(std::string(payload_bytes, 'x'));
    if (!done.ok()) Fail(__FILE__, __LINE__, Describe(done));
  }
  log->Close();
}

}  // namespace

// W06
TEST(Rot, InASealedSegmentIsRefusedWithItsPlace) {
  LogFixture log;
  Fill(&log, 60, 3'000);
  log.FlipBit(log.SegmentPath(2), 3 * 4096 + 700);

  CHECK_EQ(OpenDamaged(&log), StatusCode::kLogCorrupt);

  const StatusDetails& details = log.open_status.details();
  CHECK_EQ(details.segment, 2);
  CHECK_EQ(details.offset, 3 * 4096);
  CHECK_EQ(details.first_index, 18);
  CHECK_EQ(details.last_index, 60);
}

TEST(Rot, InAnyByteOfTheLastProvenBlockIsRefused) {
  LogFixture log;
  Fill(&log, 2, 50);
  const std::unique_ptr<FaultEnv> good = log.env->Copy();
  for (uint64_t at = 0; at < kBlockHeaderBytes + FrameBytes(50) + 4; ++at) {
    log.env = good->Copy();
    log.FlipBit(log.SegmentPath(1), 8192 + at);

    CHECK_EQ(OpenDamaged(&log), StatusCode::kLogCorrupt);
  }
}

// W05: the tail of the record is zero, the rot looks like a torn write, the ledger knows better.
TEST(Rot, OfARecordThatEndsInZerosIsNotTakenForATornTail) {
  LogFixture log;
  CHECK(log.Open());
  CHECK_OK(log.Append("first"));
  CHECK_OK(log.Append("head" + std::string(2'000, '\0')));
  log.Close();
  log.FlipBit(log.SegmentPath(1), 8192 + 140);

  CHECK_EQ(OpenDamaged(&log), StatusCode::kLogCorrupt);
}

TEST(Rot, OfADurableVoteIsNotTakenForATornTail) {
  LogFixture log;
  CHECK(log.Open());
  CHECK_OK(log.Append("first"));
  CHECK_OK(log.SaveHardState({7, 2, 0}));
  log.Close();
  log.FlipBit(log.SegmentPath(1), 8192 + 110);

  CHECK_EQ(OpenDamaged(&log), StatusCode::kLogCorrupt);
}

// The log behind the truncation is shorter than what an older proof names, and longer without it.
TEST(Rot, OfATruncationIsNotTakenForATornTail) {
  LogFixture log;
  CHECK(log.Open());
  for (int i = 0; i < 10; ++i) CHECK_OK(log.Append("old"));
  log.term = 2;
  CHECK_OK(log.Replace(3, {{2, 0, "new"}}));
  log.Close();
  log.FlipBit(log.SegmentPath(1), 4096 * 11 + 130);

  CHECK_EQ(OpenDamaged(&log), StatusCode::kLogCorrupt);
}

TEST(Rot, OfASegmentHeaderIsRefused) {
  LogFixture log;
  Fill(&log, 60, 3'000);
  const std::unique_ptr<FaultEnv> good = log.env->Copy();
  for (const uint64_t segment_seq : {1, 2, 4}) {
    log.env = good->Copy();
    log.FlipBit(log.SegmentPath(segment_seq), 30);

    CHECK_EQ(OpenDamaged(&log), StatusCode::kLogCorrupt);
    CHECK_EQ(log.open_status.details().segment, static_cast<int64_t>(segment_seq));
  }
}

// W23: removed, at either end or in between.
TEST(Rot, OfAMissingSegmentIsRefusedWhicheverItIs) {
  LogFixture log;
  Fill(&log, 60, 3'000);
  const std::unique_ptr<FaultEnv> good = log.env->Copy();
  for (const uint64_t segment_seq : {1, 2, 4}) {
    log.env = good->Copy();
    CHECK_OK(log.env->RemoveFile(log.SegmentPath(segment_seq)));

    CHECK_EQ(OpenDamaged(&log), StatusCode::kLogCorrupt);
  }
}

// W23: the record of a removed prefix proves that there was a log, even when it proves no block.
TEST(Rot, OfEverySegmentBehindARemovedPrefixIsRefused) {
  LogFixture log;
  Fill(&log, 1, 10);
  CHECK_OK(log.env->RemoveFile(log.SegmentPath(1)));
  std::vector<std::byte> ledger(16 << 10);
  EncodeLedgerRecord({0, 40, 5, static_cast<uint8_t>(LedgerTag::kPrefix), 0}, ledger.data());
  log.env->SetBytes(log.LedgerPath(), ledger);

  CHECK_EQ(OpenDamaged(&log), StatusCode::kLogCorrupt);
  CHECK_EQ(log.open_status.details().segment, 5);
}

// W09: a log without its ledger, or without its identity, is not taken for a new one.
TEST(Rot, OfTheLedgerOrTheIdentityIsRefused) {
  LogFixture log;
  Fill(&log, 3, 10);
  const std::unique_ptr<FaultEnv> good = log.env->Copy();

  CHECK_OK(log.env->RemoveFile(log.LedgerPath()));
  CHECK_EQ(OpenDamaged(&log), StatusCode::kLogCorrupt);
  log.env = good->Copy();
  CHECK_OK(log.env->RemoveFile(std::string(kDirectory) + "/identity.json"));
  CHECK_EQ(OpenDamaged(&log), StatusCode::kLogCorrupt);
  log.env = good->Copy();
  log.env->SetBytes(log.LedgerPath(), std::vector<std::byte>(16 << 10, std::byte{9}));
  CHECK_EQ(OpenDamaged(&log), StatusCode::kLogCorrupt);
}

// W10: blocks of an older life of the file, behind the tail, are not replayed.
TEST(Rot, RecycledBlocksBehindTheTailAreNotReplayed) {
  LogFixture log;
  Fill(&log, 50, 3'000);
  std::vector<std::byte> tail = log.env->Bytes(log.SegmentPath(4));
  const std::vector<std::byte> old = log.env->Bytes(log.SegmentPath(1));
  uint64_t end = 4096;
  while (Load32(tail.data() + end) == kBlockMagic) end += 4096;
  std::copy(old.begin() + 4096, old.begin() + 4096 * 3, tail.begin() + static_cast<long>(end));
  log.env->SetBytes(log.SegmentPath(4), tail);

  CHECK(log.Open());
  CHECK_EQ(log.log->recovery().entries.last_index, 50u);
  CHECK(log.log->recovery().torn_bytes_dropped > 0);
  tail = log.env->Bytes(log.SegmentPath(4));
  CHECK(std::all_of(tail.begin() + static_cast<long>(end), tail.end(),
                    [](std::byte byte) { return byte == std::byte{0}; }));
}

// W04: a block is written only after the one before it was synced, so a later block proves it, even
// where the ledger's own proofs are gone.
TEST(Rot, OfABlockWithASuccessorIsRefusedWithoutAnyProof) {
  LogFixture log;
  Fill(&log, 3, 50);
  std::vector<std::byte> ledger = log.env->Bytes(log.LedgerPath());
  std::fill(ledger.begin() + 4096, ledger.end(), std::byte{0});
  log.env->SetBytes(log.LedgerPath(), ledger);
  std::vector<std::byte> segment = log.env->Bytes(log.SegmentPath(1));
  std::fill(segment.begin() + 8192, segment.begin() + 12288, std::byte{0});
  log.env->SetBytes(log.SegmentPath(1), segment);

  CHECK_EQ(OpenDamaged(&log), StatusCode::kLogCorrupt);
  CHECK_EQ(log.open_status.details().offset, 8192);
}

// W06: wherever the header rots, its salt included, the blocks behind it say that it was there.
void HeaderRotsWithoutAnyProof(LogFixture* log) {
  Fill(log, 3, 50);
  std::vector<std::byte> ledger = log->env->Bytes(log->LedgerPath());
  std::fill(ledger.begin() + 4096, ledger.end(), std::byte{0});
  log->env->SetBytes(log->LedgerPath(), ledger);
  const std::unique_ptr<FaultEnv> good = log->env->Copy();
  // Every field, and the zeros and the checksum behind them.
  for (uint64_t at = 0; at < kSegmentHeaderBytes; at += at < 400 ? 1 : 97) {
    log->env = good->Copy();
    log->FlipBit(log->SegmentPath(1), at);
    const StatusCode code = OpenDamaged(log);
    // Rot of the version reads as a newer format, which is refused as well.
    CHECK(code == StatusCode::kLogCorrupt || code == StatusCode::kFormatNewer);
  }
}

TEST(Rot, OfAnyByteOfASegmentHeaderIsRefusedWithoutAnyProof) {
  LogFixture log;
  HeaderRotsWithoutAnyProof(&log);
}

TEST(Rot, OfAnyByteOfAnEncryptedSegmentsHeaderIsRefusedWithoutAnyProof) {
  LogFixture log;
  log.options.keys = RingOf({1});
  HeaderRotsWithoutAnyProof(&log);
}

// W25
TEST(Rot, ANewerSegmentIsRefusedBeforeAnythingIsTouched) {
  LogFixture log;
  Fill(&log, 60, 3'000);
  std::vector<std::byte> bytes = log.env->Bytes(log.SegmentPath(4));
  Store32(bytes.data() + 8, kFormatVersion + 1);
  log.env->SetBytes(log.SegmentPath(4), bytes);

  CHECK_EQ(OpenDamaged(&log), StatusCode::kFormatNewer);
  CHECK_EQ(log.open_status.details().segment, 4);
}

// W07
TEST(Rot, AnAbsurdBlockLengthIsRefusedWithoutReadingIt) {
  LogFixture log;
  Fill(&log, 2, 50);
  std::vector<std::byte> bytes = log.env->Bytes(log.SegmentPath(1));
  BlockHeader header;
  CHECK(DecodeBlockHeader(std::span(bytes).subspan(8192), &header) == nullptr);
  header.stored_bytes = header.plaintext_bytes = 0xfffffff0u;
  EncodeBlockHeader(header, std::span(bytes).subspan(8192));
  log.env->SetBytes(log.SegmentPath(1), bytes);

  CHECK_EQ(OpenDamaged(&log), StatusCode::kLogCorrupt);
}

TEST(Rot, FoundByAReadIsReportedAndHandsOutNothing) {
  LogFixture log;
  CHECK(log.Open());
  for (int i = 0; i < 5; ++i) CHECK_OK(log.Append("payload"));
  log.FlipBit(log.SegmentPath(1), 4096 * 3 + 130);

  const StatusOr<FrameRead> read = log.log->Read(1, 5, 1 << 20);

  CHECK_EQ(read.status().code(), StatusCode::kLogCorrupt);
  CHECK_EQ(read.status().details().segment, 1);
  CHECK_EQ(read.status().details().offset, 4096 * 3);
}

}  // namespace clustor::test
