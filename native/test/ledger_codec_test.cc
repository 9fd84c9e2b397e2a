// The slots of the ledger, byte by byte.
#include "wal/ledger_codec.h"

#include <array>
#include <random>
#include <string>

#include "base/coding.h"
#include "check.h"
#include "log_fixture.h"
#include "wal/ledger_scan.h"

namespace clustor::test {

namespace {

using Slot = std::array<std::byte, kLedgerJsonSlotBytes>;

constexpr LedgerRecord kVector = {7, 42, 9, 0, 1234};

Slot JsonSlot(const LedgerRecord& record) {
  Slot slot;
  EncodeLedgerSlot(LedgerCodec::kJson, record, slot.data());
  return slot;
}

std::string TextOf(const Slot& slot) {
  return {reinterpret_cast<const char*>(slot.data()), slot.size()};
}

bool Decodes(std::string text) {
  text.resize(kLedgerJsonSlotBytes, ' ');
  text.back() = '\n';
  LedgerRecord record;
  return DecodeLedgerSlot(LedgerCodec::kJson, std::as_bytes(std::span(text)), &record);
}

}  // namespace

TEST(LedgerCodec, WritesThePublishedVector) {
  std::array<std::byte, kLedgerRecordBytes> binary;
  EncodeLedgerSlot(LedgerCodec::kBinary, kVector, binary.data());
  const std::string object =
      "{\"term\":\"7\",\"index\":\"42\",\"segment_seq\":\"9\",\"io_mode\":0,"
      "\"timestamp_ms\":\"1234\",\"record_crc32c\":\"d20f234b\"}";

  CHECK_EQ(Load32(binary.data() + 33), 0xd20f234bu);
  CHECK_EQ(TextOf(JsonSlot(kVector)), object + std::string(191 - object.size(), ' ') + "\n");
}

TEST(LedgerCodec, GivesBackWhatItTook) {
  const uint64_t most = (1ull << 53) - 1;
  for (const LedgerRecord& record :
       {kVector, LedgerRecord{0, 0, 0, 0, 0}, LedgerRecord{most, most, most, 255, UINT64_MAX}}) {
    for (const LedgerCodec codec : {LedgerCodec::kBinary, LedgerCodec::kJson}) {
      Slot slot;
      EncodeLedgerSlot(codec, record, slot.data());
      const auto bytes = std::span(slot).first(LedgerSlotBytes(codec));
      LedgerRecord read;
      CHECK(DecodeLedgerSlot(codec, bytes, &read));
      CHECK_EQ(read.term, record.term);
      CHECK_EQ(read.index, record.index);
      CHECK_EQ(read.segment_seq, record.segment_seq);
      CHECK_EQ(read.io_mode, record.io_mode);
      CHECK_EQ(read.timestamp_ms, record.timestamp_ms);
      CHECK(!DecodeLedgerSlot(codec, bytes.first(bytes.size() - 1), &read));
    }
  }
}

TEST(LedgerCodec, RefusesEveryFlippedBitOfAJsonSlot) {
  const Slot good = JsonSlot(kVector);
  for (size_t at = 0; at < good.size() * 8; ++at) {
    Slot slot = good;
    slot[at / 8] ^= static_cast<std::byte>(1 << at % 8);
    LedgerRecord record;
    CHECK(!DecodeLedgerSlot(LedgerCodec::kJson, slot, &record));
  }
}

TEST(LedgerCodec, RefusesOtherWaysToWriteTheSameObject) {
  const std::string good = TextOf(JsonSlot(kVector)).substr(0, 112);
  CHECK(Decodes(good));
  const auto with = [&](const std::string& part, const std::string& instead) {
    std::string text = good;
    return text.replace(text.find(part), part.size(), instead);
  };

  CHECK(!Decodes(with("\"7\"", "\"07\"")));
  CHECK(!Decodes(with("\"7\"", "\"+7\"")));
  CHECK(!Decodes(with("\"7\"", "7")));
  CHECK(!Decodes(with("\"7\"", "\"\"")));
  CHECK(!Decodes(with(",\"index\"", ", \"index\"")));
  CHECK(!Decodes(with("\"io_mode\":0", "\"io_mode\":256")));
  CHECK(!Decodes(with("d20f234b", "D20F234B")));
  CHECK(!Decodes(with("\"42\"", "\"99999999999999999999999999\"")));
  CHECK(!Decodes(with("}", ",\"more\":1}")));
  CHECK(!Decodes(" " + good));
  CHECK(!Decodes(good + "x"));
}

TEST(LedgerCodec, RefusesGarbage) {
  std::mt19937_64 random(11);
  const Slot good = JsonSlot(kVector);
  for (int trial = 0; trial < 100'000; ++trial) {
    Slot slot = good;
    const size_t from = random() % slot.size();
    for (size_t at = from; at < slot.size(); ++at) slot[at] = static_cast<std::byte>(random());
    LedgerRecord record;
    CHECK_EQ(DecodeLedgerSlot(LedgerCodec::kJson, slot, &record), slot == good);
  }
}

TEST(LedgerCodec, BeginsPagesWithAWholeSlot) {
  CHECK_EQ(NextLedgerPageSlot(0, 37), 0u);
  CHECK_EQ(NextLedgerPageSlot(1, 37), 4107u);
  CHECK_EQ(NextLedgerPageSlot(1, 192), 4224u);
  CHECK_EQ(NextLedgerPageSlot(4224, 192), 8256u);
}

TEST(LedgerCodec, OfAnotherKindIsRefusedBothWaysAndLeftAlone) {
  for (const LedgerCodec codec : {LedgerCodec::kBinary, LedgerCodec::kJson}) {
    LogOptions options = SmallOptions();
    options.ledger_codec = codec;
    LogFixture log(options);
    CHECK(log.Open());
    CHECK_OK(log.Append("entry"));
    log.Close();
    // The first record decides; when it is rotten, the others do.
    for (const bool rotten : {false, true}) {
      if (rotten) log.FlipBit(log.LedgerPath(), 5);
      const std::unique_ptr<FaultEnv> before = log.env->Copy();
      log.options.ledger_codec =
          codec == LedgerCodec::kBinary ? LedgerCodec::kJson : LedgerCodec::kBinary;

      CHECK(!log.Open());
      CHECK_EQ(log.open_status.code(), StatusCode::kCodecMismatch);
      CHECK_EQ(log.open_status.details().path, log.LedgerPath());
      CHECK(log.env->SameAs(*before));

      log.options.ledger_codec = codec;
      CHECK(log.Reopen());
      CHECK_EQ(log.ReadPayload(1), std::string("entry"));
      log.Close();
    }
  }
}

}  // namespace clustor::test
