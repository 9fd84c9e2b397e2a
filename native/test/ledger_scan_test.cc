// F5: what records of the ledger prove, each alone, and whatever a torn page hid of them.
#include "wal/ledger_scan.h"

#include <algorithm>

#include "check.h"
#include "log_fixture.h"
#include "wal/ledger_codec.h"

namespace clustor::test {

namespace {

constexpr uint64_t kFileBytes = 16 << 10;

LedgerRecord Entry(LedgerTag tag, uint64_t index) {
  return {1, index, 1, static_cast<uint8_t>(tag), 5};
}
LedgerRecord Ordered(uint64_t index) { return Entry(LedgerTag::kEntryOrdered, index); }
LedgerRecord Overlapped(uint64_t index) { return Entry(LedgerTag::kEntryOverlapped, index); }
LedgerRecord Inline(uint64_t index) { return Entry(LedgerTag::kEntryInline, index); }
LedgerRecord Block(uint64_t number, uint64_t last_index) {
  return {number, last_index, 1, static_cast<uint8_t>(LedgerTag::kBlock), 5};
}
LedgerRecord Claim(uint64_t number, uint64_t last_index) {
  return {number, last_index, 1, static_cast<uint8_t>(LedgerTag::kClaim), 5};
}

LedgerScan ScanRecords(const std::vector<LedgerRecord>& records) {
  LedgerScan scan;
  for (const LedgerRecord& record : records) ApplyLedgerRecord(record, &scan);
  return scan;
}

struct Case {
  const char* name;
  std::vector<LedgerRecord> records;
  uint64_t proven;
  bool exact;
};

// What becomes of block numbers: a block that a record proves is durable for good, one that is only
// claimed may be given its number again.
const std::vector<Case>& Cases() {
  static const std::vector<Case> kCases = {
      {"nothing", {}, 0, false},
      {"a block record proves its block", {Block(7, 3)}, 7, true},
      {"a claim proves the block before it", {Claim(7, 3)}, 6, false},
      {"the first claim proves nothing", {Claim(1, 1)}, 0, false},
      {"an ordered entry proves one block more", {Block(7, 3), Ordered(4)}, 8, false},
      {"with its block record it proves that one", {Ordered(4), Block(8, 4)}, 8, true},
      {"ordered entries add up", {Ordered(1), Ordered(2), Ordered(3)}, 3, false},
      {"an entry of a confirmation proves one more", {Block(7, 3), Inline(9)}, 8, false},
      {"an overlapped entry proves nothing", {Block(7, 3), Overlapped(4)}, 7, true},
      {"a claim behind its entry", {Overlapped(4), Claim(8, 4)}, 7, false},
      {"the largest counts", {Block(9, 4), Claim(8, 4)}, 9, true},
      {"a claim proves what is exact already", {Block(7, 3), Claim(8, 4)}, 7, true},
      {"claims go up", {Claim(7, 3), Claim(8, 4), Claim(9, 5)}, 8, false},
      // Block 8 was torn by a crash, its number given again under ordered.
      {"a claim, then an ordered entry of the same number", {Claim(8, 4), Ordered(4)}, 8, false},
      {"a claim again, of the same number", {Claim(8, 4), Claim(8, 9)}, 7, false},
      {"a confirmation behind claims", {Claim(7, 3), Claim(8, 4), Block(8, 4)}, 8, true},
  };
  return kCases;
}

// Writes the records into a ledger file, all bytes of `hidden` slots as garbage.
std::vector<std::byte> FileOf(LedgerCodec codec, const std::vector<LedgerRecord>& records,
                              uint64_t hidden) {
  const size_t slot_bytes = LedgerSlotBytes(codec);
  std::vector<std::byte> bytes(kFileBytes);
  for (size_t i = 0; i < records.size(); ++i) {
    EncodeLedgerSlot(codec, records[i], bytes.data() + i * slot_bytes);
    if ((hidden >> i & 1) != 0) bytes[i * slot_bytes + slot_bytes / 3] ^= std::byte{0x55};
  }
  return bytes;
}

StatusOr<LedgerScan> ScanBytes(std::vector<std::byte> bytes) {
  FaultEnv env;
  env.SetBytes("/ledger", std::move(bytes));
  StatusOr<std::unique_ptr<File>> file = env.OpenFile("/ledger", OpenMode::kReadOnly);
  return ScanLedger(file->get(), "/ledger");
}

}  // namespace

TEST(LedgerScan, ProvesTheMostThatAnyRecordProves) {
  for (const Case& given : Cases()) {
    const LedgerScan scan = ScanRecords(given.records);

    if (scan.proven_block != given.proven || scan.proof_is_exact != given.exact) {
      Fail(__FILE__, __LINE__, given.name + (": proves " + std::to_string(scan.proven_block)));
    }
  }
}

// A history with every kind of record, and which block is durable once each of them is: whatever
// subset of the slots is left, no more is believed than the last of them could know.
TEST(LedgerScan, NeverBelievesTooMuchWhateverIsTorn) {
  const std::vector<std::pair<LedgerRecord, uint64_t>> history = {
      {Ordered(1), 1},    {Block(1, 1), 1},   {Block(2, 1), 2},   {Ordered(2), 3},
      {Block(3, 2), 3},   {Overlapped(3), 3}, {Claim(4, 3), 3},   {Overlapped(4), 4},
      {Claim(5, 4), 4},   {Block(5, 4), 5},   {Overlapped(5), 5}, {Claim(6, 5), 5},
      {Ordered(5), 6},    {Block(6, 5), 6},   {Inline(9), 10},    {Block(10, 9), 10},
      {Claim(11, 9), 10}, {Block(11, 9), 11},
  };
  for (uint64_t left = 0; left < 1u << history.size(); ++left) {
    LedgerScan scan;
    uint64_t durable = 0;
    for (size_t i = 0; i < history.size(); ++i) {
      if ((left >> i & 1) == 0) continue;
      ApplyLedgerRecord(history[i].first, &scan);
      durable = history[i].second;
      CHECK(scan.proven_block <= durable);
    }
    // A record with a number is believed whatever is left beside it.
    const bool ends_with_block = (left >> 17 & 1) != 0;
    CHECK(!ends_with_block || (scan.proven_block == 11 && scan.proof_is_exact));
  }
}

TEST(LedgerScan, PassesTornSlotsOverInBothCodecs) {
  const std::vector<LedgerRecord> records = {Block(1, 1), Ordered(2), Block(2, 2), Claim(3, 3),
                                             Block(5, 5)};
  for (const LedgerCodec codec : {LedgerCodec::kBinary, LedgerCodec::kJson}) {
    for (uint64_t hidden = 0; hidden < 31; ++hidden) {
      std::vector<LedgerRecord> left;
      for (size_t i = 0; i < records.size(); ++i) {
        if ((hidden >> i & 1) == 0) left.push_back(records[i]);
      }

      const StatusOr<LedgerScan> scan = ScanBytes(FileOf(codec, records, hidden));

      CHECK_OK(scan.status());
      CHECK(scan->codec == codec);
      CHECK_EQ(scan->proven_block, ScanRecords(left).proven_block);
      CHECK_EQ(scan->records, left.size());
      CHECK_EQ(scan->records_bad, records.size() - left.size());
    }
    CHECK_EQ(ScanBytes(FileOf(codec, records, 31)).status().code(), StatusCode::kLogCorrupt);
  }
}

TEST(LedgerScan, ReadsTheNewestSettings) {
  const auto transition = [](uint64_t ledger, uint64_t durability) {
    return LedgerRecord{ledger, durability, 0, static_cast<uint8_t>(LedgerTag::kTransition), 5};
  };

  CHECK(!ScanRecords({Block(1, 1)}).settings);
  CHECK(*ScanRecords({transition(0, 1), transition(2, 0)}).settings ==
        (LedgerSettings{LedgerSetting::kInline, Durability::kStrict}));
  // Of a later version: not taken for one that is known.
  CHECK(!ScanRecords({transition(0, 1), transition(3, 0)}).settings);
}

}  // namespace clustor::test
