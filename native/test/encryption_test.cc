// Logs whose blocks are encrypted (docs/wal-format.md, section 10).
#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/coding.h"
#include "base/crc32c.h"
#include "check.h"
#include "crypto/evp.h"
#include "key_fixture.h"
#include "log_fixture.h"
#include "wal/format.h"
#include "wal/inspect.h"

namespace clustor::test {

namespace {

constexpr char kSecret[] = "a secret that must not stand on the disk";

LogOptions EncryptedOptions(std::shared_ptr<const KeyRing> keys = RingOf({1})) {
  LogOptions options = SmallOptions();
  options.keys = std::move(keys);
  return options;
}

bool StandsOnDisk(const FaultEnv& env, const std::string& text) {
  const auto wanted = std::as_bytes(std::span(text));
  for (const std::string& name : env.Names()) {
    const std::vector<std::byte> bytes = env.Bytes(name);
    if (std::search(bytes.begin(), bytes.end(), wanted.begin(), wanted.end()) != bytes.end())
      return true;
  }
  return false;
}

SegmentHeader HeaderOf(const LogFixture& log, uint64_t segment_seq) {
  const std::vector<std::byte> bytes = log.env->Bytes(log.SegmentPath(segment_seq));
  return *DecodeSegmentHeader(std::span(bytes).first(kSegmentHeaderBytes));
}

// Changes the block at `offset` and makes its checksums hold again, as somebody without the key
// could.
void Forge(LogFixture* log, uint64_t segment_seq, size_t offset,
           const std::function<void(std::byte*)>& change) {
  const std::string path = log->SegmentPath(segment_seq);
  std::vector<std::byte> bytes = log->env->Bytes(path);
  std::byte* const block = bytes.data() + offset;
  change(block);
  Store32(block + 92, Crc32c({block, 92}));
  const size_t covered = kBlockHeaderBytes + Load32(block + 64);
  Store32(block + covered, BlockChecksum({block, covered}));
  log->env->SetBytes(path, std::move(bytes));
}

// All files of the log itself, without the record of what an open found.
std::map<std::string, std::vector<std::byte>> FilesOf(const FaultEnv& env) {
  std::map<std::string, std::vector<std::byte>> files;
  for (const std::string& name : env.Names()) {
    if (!name.ends_with("/boot_record.json")) files[name] = env.Bytes(name);
  }
  return files;
}

// Opening must fail with this code and change nothing.
void ExpectRefused(LogFixture* log, StatusCode code) {
  log->Close();
  const auto before = FilesOf(*log->env);
  const bool opened = log->Open();
  CHECK(!opened);
  CHECK_EQ(log->open_status.code(), code);
  CHECK(FilesOf(*log->env) == before);
}

}  // namespace

TEST(Encryption, HidesPayloadsAndReadsThemBack) {
  LogFixture log(EncryptedOptions());
  log.term = 3;
  CHECK(log.Open());
  CHECK_OK(log.SaveHardState({3, 1, 0}));
  CHECK_OK(log.Append({{3, 0, kSecret}, {3, 1, ""}}));
  CHECK_OK(log.Append(std::string(10'000, 'x')));
  CHECK(!StandsOnDisk(*log.env, kSecret));
  CHECK(!StandsOnDisk(*log.env, std::string(16, 'x')));
  CHECK_EQ(log.ReadPayload(1), std::string(kSecret));

  CHECK(log.Reopen());

  CHECK_EQ(log.ReadPayload(1), std::string(kSecret));
  CHECK_EQ(log.ReadPayload(3), std::string(10'000, 'x'));
  CHECK_EQ(log.log->recovery().hard_state.term, 3u);
}

TEST(Encryption, GoesOnOverRotationsRestartsAndTruncations) {
  LogFixture log(EncryptedOptions());
  CHECK(log.Open());
  std::vector<Entry> expected;
  for (int i = 0; i < 60; ++i) {
    const std::string payload(static_cast<size_t>(i) * 97 % 5'000, static_cast<char>('a' + i % 26));
    CHECK_OK(log.Append(payload));
    expected.push_back({1, 0, payload});
    if (i % 13 == 12) CHECK(log.Reopen());
  }
  CHECK(log.log->Stats().segments > 3);

  CHECK_OK(log.Replace(41, {{1, 0, "other"}}));
  expected.resize(40);
  expected.push_back({1, 0, "other"});
  CHECK(log.Restart(log.env->DropUnsynced()));

  CHECK(log.ReadAll() == expected);
}

TEST(Encryption, TakesAWriteAsLargeAsASegment) {
  LogOptions options = EncryptedOptions();
  LogFixture log(options);
  CHECK(log.Open());
  CHECK_OK(log.Append("abc"));
  const size_t payload_bytes = (64 << 10) - kSegmentHeaderBytes - 256 - kEntryFrameOverheadBytes;

  CHECK_OK(log.Append(std::string(payload_bytes, 'y')));
  CHECK_EQ(log.Append(std::string(payload_bytes + 1, 'y')).code(), StatusCode::kTooLarge);

  CHECK(log.Reopen());
  CHECK_EQ(log.ReadPayload(2).size(), payload_bytes);
}

TEST(Encryption, WorksWithEveryFormOfFramesAndEveryAlignment) {
  for (const LogEncoding encoding : {LogEncoding::kBinary, LogEncoding::kJson}) {
    for (const uint32_t alignment : {512u, 4096u}) {
      LogOptions options = EncryptedOptions();
      options.encoding = encoding;
      options.block_alignment = alignment;
      LogFixture log(options);
      CHECK(log.Open());
      for (int i = 0; i < 40; ++i) CHECK_OK(log.Append(std::string(900, 'z') + std::to_string(i)));

      CHECK(log.Reopen());

      CHECK_EQ(log.ReadAll().size(), 40u);
      CHECK_EQ(log.ReadPayload(17), std::string(900, 'z') + "16");
    }
  }
}

// W21
TEST(Keys, WrongKeyIsRefusedAndNothingChanged) {
  LogFixture log(EncryptedOptions());
  CHECK(log.Open());
  CHECK_OK(log.Append("abc"));
  auto wrong = std::make_shared<KeyRing>();
  wrong->AddDek(1, KeyOf(99));
  wrong->SetActive(1, 0);

  log.options.keys = wrong;

  ExpectRefused(&log, StatusCode::kKeyWrong);
}

// W21
TEST(Keys, MissingKeysAndMissingEpochsAreRefusedAndNothingChanged) {
  LogFixture log(EncryptedOptions());
  CHECK(log.Open());
  CHECK_OK(log.Append("abc"));

  log.options.keys = nullptr;
  ExpectRefused(&log, StatusCode::kKeyUnknownEpoch);
  log.options.keys = RingOf({2});
  ExpectRefused(&log, StatusCode::kKeyUnknownEpoch);
  CHECK_EQ(log.open_status.details().segment, 1);

  log.options.keys = RingOf({1});
  CHECK(log.Open());
  CHECK_EQ(log.ReadPayload(1), std::string("abc"));
}

// W21
TEST(Keys, AMachineWithoutCryptoIsToldSo) {
  LogFixture log(EncryptedOptions());
  CHECK(log.Open());
  CHECK_OK(log.Append("abc"));
  const ScopedNoCrypto none;

  ExpectRefused(&log, StatusCode::kCryptoUnavailable);
  log.options.keys = ReadingRingOf({1});
  ExpectRefused(&log, StatusCode::kCryptoUnavailable);
}

TEST(Keys, OfAnActiveEpochThatIsNotThereAreRefusedBeforeAnythingIsMade) {
  auto ring = std::make_shared<KeyRing>();
  ring->SetActive(7, 0);
  LogFixture log(EncryptedOptions(ring));

  CHECK(!log.Open());

  CHECK_EQ(log.open_status.code(), StatusCode::kKeyUnknownEpoch);
  CHECK(log.env->Names().empty());
}

// W21
TEST(Keys, ARotatedEpochIsForNewSegmentsAndOldOnesStayReadable) {
  LogFixture log(EncryptedOptions());
  CHECK(log.Open());
  CHECK_OK(log.Append("old"));
  log.options.keys = RingOf({1, 2});

  CHECK(log.Reopen());
  CHECK_EQ(log.log->Stats().tail_segment, 1u);
  CHECK_OK(log.Append("new"));

  CHECK_EQ(log.log->Stats().tail_segment, 2u);
  CHECK_EQ(HeaderOf(log, 1).dek_epoch, 1u);
  CHECK_EQ(HeaderOf(log, 2).dek_epoch, 2u);
  CHECK_EQ(log.ReadPayload(1), std::string("old"));
  CHECK_EQ(log.ReadPayload(2), std::string("new"));
  CHECK(log.Reopen());
  CHECK_EQ(log.ReadPayload(1), std::string("old"));
  CHECK_EQ(log.log->Stats().tail_segment, 2u);
}

// W21
TEST(Keys, GivenToAPlainLogEncryptWhatIsWrittenFromThenOn) {
  LogFixture log;
  CHECK(log.Open());
  CHECK_OK(log.Append("plain"));
  log.options.keys = LaterRingOf({5});
  CHECK(log.Reopen());

  CHECK_OK(log.Append(kSecret));

  CHECK(!StandsOnDisk(*log.env, kSecret));
  CHECK(log.Reopen());
  CHECK_EQ(log.ReadPayload(1), std::string("plain"));
  CHECK_EQ(log.ReadPayload(2), std::string(kSecret));
}

// W21, W23: a plain segment can be made by anybody who can write to the disk.
TEST(Keys, RefuseSegmentsThatAreNotEncryptedUnlessTheRingAllowsThem) {
  LogFixture log;
  CHECK(log.Open());
  CHECK_OK(log.Append("plain"));

  CHECK_EQ(log.log->SetKeys(RingOf({5})).code(), StatusCode::kLogUnprotected);
  log.Close();
  const std::unique_ptr<FaultEnv> before = log.env->Copy();
  log.options.keys = RingOf({5});
  CHECK(!log.Open());

  CHECK_EQ(log.open_status.code(), StatusCode::kLogUnprotected);
  CHECK_EQ(log.open_status.details().segment, int64_t{1});
  CHECK(before->Bytes(log.SegmentPath(1)) == log.env->Bytes(log.SegmentPath(1)));
  CHECK(before->Bytes(log.LedgerPath()) == log.env->Bytes(log.LedgerPath()));
  const StatusOr<VerifyReport> report = VerifyDirectory(log.env.get(), kDirectory, "", RingOf({5}));
  CHECK_EQ(report->verdict.code(), StatusCode::kLogUnprotected);
}

// W21
TEST(Keys, WithoutAnActiveEpochEndEncryption) {
  LogFixture log(EncryptedOptions());
  CHECK(log.Open());
  CHECK_OK(log.Append("hidden"));
  log.options.keys = ReadingRingOf({1});
  CHECK(log.Reopen());

  CHECK_OK(log.Append("open to all"));

  CHECK(StandsOnDisk(*log.env, "open to all"));
  CHECK(log.Reopen());
  CHECK_EQ(log.ReadPayload(1), std::string("hidden"));
  CHECK_EQ(log.ReadPayload(2), std::string("open to all"));
}

TEST(SetKeys, RotatesWithTheNextWriteAndLetsTheOldRingGo) {
  auto ring = RingOf({1});
  const std::weak_ptr<const KeyRing> old = ring;
  LogFixture log(EncryptedOptions(std::move(ring)));
  CHECK(log.Open());
  CHECK_OK(log.Append("one"));
  log.options.keys = nullptr;

  CHECK_OK(log.log->SetKeys(RingOf({1, 2})));
  CHECK(old.expired());
  CHECK_OK(log.Append("two"));
  CHECK_OK(log.Append("three"));

  CHECK_EQ(log.log->Stats().tail_segment, 2u);
  CHECK_EQ(HeaderOf(log, 2).dek_epoch, 2u);
  CHECK_EQ(log.ReadAll().size(), 3u);
  log.options.keys = RingOf({1, 2});
  CHECK(log.Reopen());
  CHECK_EQ(log.ReadAll().size(), 3u);
}

TEST(SetKeys, WithTheEpochOfTheTailKeepsTheSegment) {
  LogFixture log(EncryptedOptions());
  CHECK(log.Open());
  CHECK_OK(log.Append("one"));
  auto ring = std::make_shared<KeyRing>();
  ring->AddDek(1, KeyOf(1));
  ring->AddDek(2, KeyOf(2));
  ring->SetActive(1, 0);

  CHECK_OK(log.log->SetKeys(ring));
  CHECK_OK(log.Append("two"));

  CHECK_EQ(log.log->Stats().tail_segment, 1u);
  CHECK(log.Reopen());
  CHECK_EQ(log.ReadAll().size(), 2u);
}

TEST(SetKeys, RefusesARingThatCannotReadTheLog) {
  LogFixture log(EncryptedOptions());
  CHECK(log.Open());
  CHECK_OK(log.Append("one"));
  auto wrong = std::make_shared<KeyRing>();
  wrong->AddDek(1, KeyOf(9));
  wrong->SetActive(1, 0);

  CHECK_EQ(log.log->SetKeys(nullptr).code(), StatusCode::kKeyUnknownEpoch);
  CHECK_EQ(log.log->SetKeys(RingOf({2})).code(), StatusCode::kKeyUnknownEpoch);
  CHECK_EQ(log.log->SetKeys(wrong).code(), StatusCode::kKeyWrong);

  CHECK_OK(log.Append("two"));
  CHECK_EQ(log.ReadPayload(2), std::string("two"));
  CHECK_EQ(log.log->Stats().tail_segment, 1u);
}

TEST(SetKeys, AndCloseLeaveNoRingBehind) {
  auto ring = RingOf({1});
  const std::weak_ptr<const KeyRing> held = ring;
  LogFixture log(EncryptedOptions(std::move(ring)));
  CHECK(log.Open());
  log.options.keys = nullptr;
  CHECK(!held.expired());

  CHECK_OK(log.log->Close());

  CHECK(held.expired());
  CHECK_EQ(log.log->SetKeys(nullptr).code(), StatusCode::kClosed);
}

// W23
TEST(ForgedBlock, IsDamageNeverATornTail) {
  LogFixture log(EncryptedOptions());
  CHECK(log.Open());
  CHECK_OK(log.Append("one"));
  // The newest block, as if its proof had been lost with it: only the tag tells.
  const std::vector<std::byte> ledger = log.env->Bytes(log.LedgerPath());
  CHECK_OK(log.Append("two"));
  log.Close();
  log.env->SetBytes(log.LedgerPath(), ledger);

  Forge(&log, 1, kSegmentHeaderBytes + 4096,
        [](std::byte* block) { block[kBlockHeaderBytes + 20] ^= std::byte{1}; });

  ExpectRefused(&log, StatusCode::kLogCorrupt);
  CHECK_EQ(log.open_status.details().offset, 8192);
  CHECK(log.open_status.message().find("authentication tag") != std::string::npos);
}

// W23: a block header is not secret, but it cannot be changed either.
TEST(ForgedBlock, IsFoundInEveryFieldOfItsHeader) {
  LogFixture log(EncryptedOptions());
  CHECK(log.Open());
  CHECK_OK(log.Append("one"));
  log.Close();
  const std::unique_ptr<FaultEnv> good = log.env->Copy();
  for (const size_t field : {24, 36, 40, 48, 56, 72, 87}) {
    log.env = good->Copy();

    Forge(&log, 1, kSegmentHeaderBytes, [&](std::byte* block) { block[field] ^= std::byte{1}; });

    ExpectRefused(&log, StatusCode::kLogCorrupt);
  }
}

// W23
TEST(ForgedBlock, InTheClearIsRefusedInAnEncryptedSegment) {
  LogFixture plain;
  CHECK(plain.Open());
  CHECK_OK(plain.Append("forged"));
  LogFixture log(EncryptedOptions());
  CHECK(log.Open());
  CHECK_OK(log.Append("honest"));
  log.Close();
  const std::vector<std::byte> forged = plain.env->Bytes(plain.SegmentPath(1));

  Forge(&log, 1, kSegmentHeaderBytes,
        [&](std::byte* block) { std::copy_n(forged.data() + kSegmentHeaderBytes, 4096, block); });

  ExpectRefused(&log, StatusCode::kLogCorrupt);
}

TEST(ForgedBlock, IsFoundByAReadOfAnOpenLog) {
  LogFixture log(EncryptedOptions());
  CHECK(log.Open());
  CHECK_OK(log.Append("one"));
  CHECK_EQ(log.ReadPayload(1), std::string("one"));

  Forge(&log, 1, kSegmentHeaderBytes,
        [](std::byte* block) { block[kBlockHeaderBytes + 20] ^= std::byte{1}; });

  CHECK_EQ(log.ReadPayload(1), std::string("ERR_LOG_CORRUPT"));
}

TEST(Verify, NeedsTheKeysOfAnEncryptedLog) {
  LogFixture log(EncryptedOptions());
  CHECK(log.Open());
  CHECK_OK(log.Append("one"));

  const StatusOr<VerifyReport> without = VerifyDirectory(log.env.get(), kDirectory, "");
  const StatusOr<VerifyReport> with = VerifyDirectory(log.env.get(), kDirectory, "", RingOf({1}));

  CHECK_EQ(without->verdict.code(), StatusCode::kKeyUnknownEpoch);
  CHECK_OK(with->verdict);
  CHECK_EQ(with->recovery.entries.last_index, 1u);
}

TEST(Dump, ListsBlocksWithoutKeysAndEntriesWithThem) {
  LogFixture log(EncryptedOptions());
  CHECK(log.Open());
  CHECK_OK(log.Append({{1, 0, "one"}, {1, 0, "two"}}));
  const auto seen = [&](std::shared_ptr<const KeyRing> keys) {
    std::string types;
    auto dump = DumpIterator::Open(log.env.get(), kDirectory, "", std::move(keys));
    for (;;) {
      const StatusOr<std::optional<DumpItem>> item = (*dump)->Next();
      if (!item.ok() || !item->has_value()) return types;
      const DumpItem::Type type = (*item)->type;
      if (type != DumpItem::Type::kLedger) types += "SBEHTLI"[static_cast<size_t>(type)];
    }
  };

  CHECK_EQ(seen(nullptr), std::string("SB"));
  CHECK_EQ(seen(RingOf({1})), std::string("SBHEE"));
  CHECK_EQ(seen(RingOf({2})), std::string("I"));
}

}  // namespace clustor::test
