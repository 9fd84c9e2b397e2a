// The indexes of sealed segments: what stands in them, and that nothing depends on them.
#include "wal/segment_index.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "check.h"
#include "key_fixture.h"
#include "log_fixture.h"
#include "wal/inspect.h"

namespace clustor::test {

namespace {

constexpr uint64_t kEntries = 60;

// Several sealed segments of blocks with one entry each, and of votes.
void Fill(LogFixture* log, size_t payload_bytes = 3'000, bool votes = true) {
  CHECK(log->Open());
  for (uint64_t i = 0; i < kEntries; ++i) {
    if (votes && i % 7 == 0) CHECK_OK(log->SaveHardState({++log->term, 1, 0}));
    CHECK_OK(log->Append(std::string(payload_bytes, 'x')));
  }
  log->PumpAll();
}

std::string IndexPath(uint64_t segment_seq) { return PathsOf(kDirectory, "").Index(segment_seq); }

std::vector<std::string> Indexes(const FaultEnv& env) {
  std::vector<std::string> names = env.Names();
  std::erase_if(names, [](const std::string& name) { return !name.ends_with(".idx"); });
  return names;
}

// Everything from an index on, in words.
std::vector<std::string> Dump(FaultEnv* env, uint64_t from, std::shared_ptr<const KeyRing> keys) {
  std::vector<std::string> items;
  auto dump = DumpIterator::Open(env, kDirectory, "", std::move(keys), from);
  if (!dump.ok()) return {Describe(dump.status())};
  for (;;) {
    const StatusOr<std::optional<DumpItem>> item = (*dump)->Next();
    if (!item.ok()) return {Describe(item.status())};
    if (!item->has_value()) return items;
    const DumpItem& it = **item;
    items.push_back(std::to_string(static_cast<int>(it.type)) + " " + std::to_string(it.segment) +
                    ":" + std::to_string(it.offset) + " " + std::to_string(it.block) + " " +
                    std::to_string(it.index) + " " + it.detail);
  }
}

// How often a dump of the newest entry reads before it comes to the tail.
uint64_t ReadsOfSealed(FaultEnv* env, uint64_t tail_segment) {
  const uint64_t before = env->calls(Call::kRead);
  const auto dump = DumpIterator::Open(env, kDirectory, "", nullptr, kEntries);
  while (dump.ok()) {
    const StatusOr<std::optional<DumpItem>> item = (*dump)->Next();
    if (!item.ok() || !item->has_value() || (*item)->segment == tail_segment) break;
  }
  return env->calls(Call::kRead) - before;
}

// The same without any index.
std::vector<std::string> DumpWithout(const FaultEnv& env, uint64_t from,
                                     std::shared_ptr<const KeyRing> keys) {
  const std::unique_ptr<FaultEnv> bare = env.Copy();
  for (const std::string& path : Indexes(*bare)) {
    if (!bare->RemoveFile(path).ok()) return {"not removed"};
  }
  return Dump(bare.get(), from, std::move(keys));
}

void DumpsAreTheSame(const LogOptions& options) {
  LogFixture log(options);
  Fill(&log);
  CHECK(Indexes(*log.env).size() >= 3);
  const size_t all = Dump(log.env.get(), 0, options.keys).size();
  for (const uint64_t from : {0, 1, 17, 18, 40, 59, 60, 61}) {
    const std::vector<std::string> items = Dump(log.env.get(), from, options.keys);
    CHECK(items == DumpWithout(*log.env, from, options.keys));
    CHECK(from < 17 || items.size() + 16 < all);
  }
}

}  // namespace

TEST(SegmentIndex, NamesTheBlocksOfItsSegment) {
  LogFixture log;
  Fill(&log);

  const std::optional<SegmentIndex> index = DecodeSegmentIndex(log.env->Bytes(IndexPath(2)));

  CHECK(index.has_value());
  CHECK_EQ(index->segment_seq, 2u);
  CHECK(index->rows.size() > 10);
  CHECK_EQ(index->rows[0].offset, kSegmentHeaderBytes);
  CHECK(std::any_of(index->rows.begin(), index->rows.end(),
                    [](const IndexRow& row) { return row.entry_count == 0; }));
}

// Layout of docs/wal-format.md, "Index of a segment".
TEST(SegmentIndex, HasThePublishedBytes) {
  const SegmentIndex index = {7, 21, 0x01020304, {{4096, 0xa1a2a3a4, 2, 5, 6}}};
  const char expected[] =
      "434c535452494458010000000100000007000000000000001500000000000000040302010000000000100000"
      "00000000a4a3a2a10200000005000000000000000600000000000000a6cc0db9";
  std::string hex;
  for (const std::byte byte : EncodeSegmentIndex(index)) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned>(byte));
    hex += digits;
  }

  CHECK_EQ(hex, std::string(expected));
  CHECK(DecodeSegmentIndex(EncodeSegmentIndex(index)) == index);
}

TEST(SegmentIndex, SparesADumpNothingButTheReading) { DumpsAreTheSame(SmallOptions()); }

TEST(SegmentIndex, OfAnEncryptedSegmentDoesTheSame) {
  LogOptions options = SmallOptions();
  options.keys = RingOf({1});
  DumpsAreTheSame(options);
}

TEST(SegmentIndex, SparesTheReadingOfBlocksBelow) {
  LogOptions options = SmallOptions();
  options.segment_bytes_max = 8 << 20;
  LogFixture log(options);
  Fill(&log, 300'000, false);
  const std::unique_ptr<FaultEnv> bare = log.env->Copy();
  for (const std::string& path : Indexes(*bare)) CHECK_OK(bare->RemoveFile(path));

  const uint64_t tail = log.log->Stats().tail_segment;
  CHECK(2 * ReadsOfSealed(log.env.get(), tail) <= ReadsOfSealed(bare.get(), tail));
}

// Whatever stands in an index: of no use, or of none but the reading.
TEST(SegmentIndex, ThatRottedIsPassedOverAndWrittenAgainAtTheNextOpen) {
  LogFixture log;
  Fill(&log);
  const std::vector<std::byte> good = log.env->Bytes(IndexPath(2));
  for (size_t at = 0; at < good.size(); at += 13) {
    log.env->SetBytes(IndexPath(2), good);
    log.FlipBit(IndexPath(2), at);

    CHECK(Dump(log.env.get(), 30, nullptr) == DumpWithout(*log.env, 30, nullptr));
  }

  CHECK(log.Reopen());
  log.PumpAll();

  CHECK(log.env->Bytes(IndexPath(2)) == good);
  CHECK_EQ(log.ReadAll().size(), kEntries);
}

TEST(SegmentIndex, OfAnotherLifeOfTheFileIsPassedOver) {
  LogFixture log;
  Fill(&log);
  std::optional<SegmentIndex> index = DecodeSegmentIndex(log.env->Bytes(IndexPath(2)));
  ++index->header_checksum;
  log.env->SetBytes(IndexPath(2), EncodeSegmentIndex(*index));

  CHECK(Dump(log.env.get(), 30, nullptr) == DumpWithout(*log.env, 30, nullptr));
}

// Right by its checksum, and wrong: the row that a dump would go on with is compared first.
TEST(SegmentIndex, ThatWasForgedSendsADumpNowhere) {
  LogFixture log;
  Fill(&log);
  const SegmentIndex good = *DecodeSegmentIndex(log.env->Bytes(IndexPath(2)));
  for (size_t row = 1; row < good.rows.size(); ++row) {
    SegmentIndex forged = good;
    for (size_t i = row; i < forged.rows.size(); ++i) forged.rows[i].offset += 512;
    log.env->SetBytes(IndexPath(2), EncodeSegmentIndex(forged));

    CHECK(Dump(log.env.get(), 30, nullptr) == DumpWithout(*log.env, 30, nullptr));
  }
}

TEST(SegmentIndex, GoesWithItsSegment) {
  LogFixture log;
  Fill(&log);
  CHECK_OK(log.log->TruncatePrefix(40));
  CHECK(!*log.env->FileExists(IndexPath(1)));
  log.env->SetBytes(IndexPath(1), std::vector<std::byte>(10));

  CHECK(log.Reopen());

  CHECK(!*log.env->FileExists(IndexPath(1)));
  CHECK_EQ(log.log->Stats().last_index, kEntries);
}

TEST(SegmentIndex, ThatCannotBeWrittenIsNoFailureOfTheLog) {
  LogFixture log;
  log.env->OnlyOn(".idx");
  for (const Call call : {Call::kOpen, Call::kWrite}) {
    log.env->FailCall(call, 1, ENOSPC, true);
    Fill(&log);
    log.Close();
  }
  log.env->ClearFaults();
  for (const std::string& path : Indexes(*log.env)) Fail(__FILE__, __LINE__, path);
  CHECK(log.Open());
  CHECK_EQ(log.ReadAll().size(), 2 * kEntries);
}

}  // namespace clustor::test
