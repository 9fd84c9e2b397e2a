// Salvage: the longest valid prefix of a damaged log becomes a new log; the damaged one is left
// alone.
#include "wal/salvage.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "base/coding.h"
#include "base/crc32c.h"
#include "check.h"
#include "crypto/key_ring.h"
#include "log_fixture.h"
#include "wal/format.h"

namespace clustor::test {

namespace {

constexpr char kTo[] = "/data/salvaged";

SalvageOptions Options() {
  SalvageOptions options;
  options.from = kDirectory;
  options.to = kTo;
  return options;
}

std::string PayloadOf(uint64_t index) { return std::to_string(index) + std::string(3'000, 'x'); }

void Fill(LogFixture* log, uint64_t entries) {
  if (!log->Open()) Fail(__FILE__, __LINE__, Describe(log->open_status));
  const Status voted = log->SaveHardState({1, 2, 0});
  if (!voted.ok()) Fail(__FILE__, __LINE__, Describe(voted));
  for (uint64_t index = 1; index <= entries; ++index) {
    const Status done = log->Append(PayloadOf(index));
    if (!done.ok()) Fail(__FILE__, __LINE__, Describe(done));
  }
  log->Close();
}

// Salvages the log, checks that its files are as they were, that the new log opens and holds the
// entries up to the end that the report names, and takes writes.
std::optional<SalvageReport> Salvage(LogFixture* log, const SalvageOptions& options = Options()) {
  const std::unique_ptr<FaultEnv> before = log->env->Copy();
  StatusOr<SalvageReport> report = SalvageDirectory(log->env.get(), options);
  if (!report.ok()) {
    Fail(__FILE__, __LINE__, Describe(report.status()));
    return std::nullopt;
  }
  for (const std::string& name : before->Names()) {
    if (log->env->Bytes(name) != before->Bytes(name)) Fail(__FILE__, __LINE__, "changed " + name);
  }
  LogFixture copy(log->options);
  copy.options.directory = kTo;
  copy.options.ledger_codec = LedgerCodec::kBinary;
  copy.env = log->env->Copy();
  if (!copy.Open()) {
    Fail(__FILE__, __LINE__, Describe(copy.open_status));
    return std::nullopt;
  }
  const RecoveryReport& found = copy.log->recovery();
  if (found.entries.first_index != report->first_index ||
      found.entries.last_index != report->last_index || found.hard_state != report->hard_state ||
      found.incarnation != report->identity.incarnation) {
    Fail(__FILE__, __LINE__, "the new log is not what the report says");
  }
  for (uint64_t index = report->first_index; index <= report->last_index; ++index) {
    if (copy.ReadPayload(index) != PayloadOf(index)) Fail(__FILE__, __LINE__, "another entry");
  }
  const Status appended = copy.Append("life goes on");
  if (!appended.ok()) Fail(__FILE__, __LINE__, Describe(appended));
  return std::move(*report);
}

class Strays final : public StrayEntrySink {
 public:
  Status OnStrayEntry(const StrayEntry& entry) override {
    const std::string payload(reinterpret_cast<const char*>(entry.payload.data()),
                              entry.payload.size());
    if (payload != PayloadOf(entry.index)) Fail(__FILE__, __LINE__, "another stray entry");
    indexes.push_back(entry.index);
    return Status::Ok();
  }
  std::vector<uint64_t> indexes;
};

}  // namespace

TEST(Salvage, OfAWholeLogLosesNothing) {
  LogFixture log;
  Fill(&log, 60);

  const std::optional<SalvageReport> report = Salvage(&log);

  CHECK(report.has_value());
  CHECK(!report->loss);
  CHECK_EQ(report->last_index, 60u);
  CHECK(report->hard_state == (HardState{1, 2, 0}));
  CHECK_EQ(report->blocks, 61u);
  CHECK_EQ(report->stray_entries, 0u);
}

// W06
TEST(Salvage, OfARottenBlockKeepsWhatIsBeforeItAndListsWhatIsBehind) {
  LogFixture log;
  Fill(&log, 60);
  log.FlipBit(log.SegmentPath(2), 3 * 4096 + 700);
  CHECK(!log.Open());
  const StatusDetails damage = log.open_status.details();
  Strays strays;
  SalvageOptions options = Options();
  options.strays = &strays;

  const std::optional<SalvageReport> report = Salvage(&log, options);

  CHECK(report.has_value());
  CHECK(report->loss.has_value());
  CHECK_EQ(report->loss->segment, 2u);
  CHECK_EQ(report->loss->offset, static_cast<uint64_t>(damage.offset));
  CHECK_EQ(report->loss->first_index, static_cast<uint64_t>(damage.first_index));
  CHECK_EQ(report->loss->last_index, 60u);
  CHECK_EQ(report->last_index + 1, report->loss->first_index);
  // One entry is gone, all behind it are there.
  CHECK_EQ(report->stray_entries, 60 - report->last_index - 1);
  CHECK_EQ(report->strays.front().first_index, report->last_index + 2);
  CHECK_EQ(report->strays.back().last_index, 60u);
  CHECK_EQ(strays.indexes.size(), report->stray_entries);
  CHECK(std::ranges::is_sorted(strays.indexes));
}

// W04
TEST(Salvage, OfTheLastProvenBlockNamesIt) {
  LogFixture log;
  Fill(&log, 2);
  log.FlipBit(log.SegmentPath(1), 4096 * 3 + 130);

  const std::optional<SalvageReport> report = Salvage(&log);

  CHECK(report.has_value());
  CHECK(report->loss.has_value());
  CHECK_EQ(report->last_index, 1u);
  CHECK_EQ(report->loss->first_index, 2u);
  CHECK_EQ(report->loss->last_index, 2u);
  CHECK_EQ(report->stray_entries, 0u);
}

// W03: a torn tail was never acknowledged.
TEST(Salvage, OfATornTailLosesNothing) {
  LogFixture log;
  Fill(&log, 3);
  std::vector<std::byte> file = log.env->Bytes(log.SegmentPath(1));
  std::copy_n(file.begin() + 4096 * 4, 600, file.begin() + 4096 * 5);
  log.env->SetBytes(log.SegmentPath(1), file);

  const std::optional<SalvageReport> report = Salvage(&log);

  CHECK(report.has_value());
  CHECK(!report->loss);
  CHECK_EQ(report->last_index, 3u);
}

TEST(Salvage, OfASegmentHeaderFindsItsBlocksAsStrays) {
  for (const LogEncoding encoding : {LogEncoding::kBinary, LogEncoding::kJson}) {
    LogFixture log;
    log.options.encoding = encoding;
    log.options.merkle_leaves = encoding == LogEncoding::kJson;
    Fill(&log, 60);
    for (const uint64_t segment_seq : {1, 2, 4}) {
      LogFixture damaged(log.options);
      damaged.env = log.env->Copy();
      damaged.FlipBit(damaged.SegmentPath(segment_seq), 30);

      const std::optional<SalvageReport> report = Salvage(&damaged);

      CHECK(report.has_value());
      CHECK(report->loss.has_value());
      CHECK_EQ(report->loss->segment, segment_seq);
      CHECK_EQ(report->loss->offset, 0u);
      CHECK_EQ(report->last_index + report->stray_entries, 60u);
    }
  }
}

TEST(Salvage, OfAMissingSegmentStopsBeforeIt) {
  LogFixture log;
  Fill(&log, 60);
  for (const uint64_t segment_seq : {1, 2, 4}) {
    LogFixture damaged;
    damaged.env = log.env->Copy();
    CHECK_OK(damaged.env->RemoveFile(damaged.SegmentPath(segment_seq)));

    const std::optional<SalvageReport> report = Salvage(&damaged);

    CHECK(report.has_value());
    CHECK(report->loss.has_value());
    CHECK_EQ(report->loss->segment, segment_seq);
    CHECK(report->last_index + report->stray_entries < 60u);
  }
}

TEST(Salvage, OfACutSegmentKeepsItsBeginning) {
  LogFixture log;
  Fill(&log, 60);
  std::vector<std::byte> file = log.env->Bytes(log.SegmentPath(2));
  file.resize(5 * 4096);
  log.env->SetBytes(log.SegmentPath(2), file);

  const std::optional<SalvageReport> report = Salvage(&log);

  CHECK(report.has_value());
  CHECK(report->loss.has_value());
  CHECK_EQ(report->loss->segment, 2u);
  CHECK(report->stray_entries > 0);
}

// W09
TEST(Salvage, WithoutLedgerOrIdentityNeedsToBeToldWhoseLogItIs) {
  LogFixture log;
  Fill(&log, 60);
  CHECK_OK(log.env->RemoveFile(log.LedgerPath()));
  std::optional<SalvageReport> report = Salvage(&log);
  CHECK(report.has_value());
  CHECK(report->loss.has_value());
  CHECK_EQ(report->last_index, 60u);

  LogFixture nameless;
  Fill(&nameless, 5);
  CHECK_OK(nameless.env->RemoveFile(std::string(kDirectory) + "/identity.json"));
  CHECK_EQ(SalvageDirectory(nameless.env.get(), Options()).status().code(),
           StatusCode::kInvalidArgument);
  SalvageOptions options = Options();
  options.identity = nameless.options.identity;
  report = Salvage(&nameless, options);
  CHECK(report.has_value());
  CHECK(!report->loss);
}

// A part that cannot be read is damage like any other.
TEST(Salvage, OfAnUnreadableSegmentGoesOnWithoutIt) {
  LogFixture log;
  Fill(&log, 60);
  log.env->OnlyOn("/p/wal/segment-0000000003.log");
  log.env->FailCall(Call::kRead, 1, EIO, true);

  const StatusOr<SalvageReport> report = SalvageDirectory(log.env.get(), Options());

  CHECK_OK(report.status());
  CHECK(report->loss.has_value());
  CHECK_EQ(report->loss->segment, 3u);
  CHECK(report->stray_entries > 0);
}

TEST(Salvage, KeepsTheFirstIndexOfAShortenedLog) {
  LogFixture log;
  Fill(&log, 60);
  CHECK(log.Open());
  CHECK_OK(log.log->TruncatePrefix(30));
  const uint64_t first = log.log->Stats().first_index;
  log.Close();

  const std::optional<SalvageReport> report = Salvage(&log);

  CHECK(report.has_value());
  CHECK(!report->loss);
  CHECK_EQ(report->first_index, first);
  CHECK_EQ(report->last_index, 60u);
}

TEST(Salvage, IsRefusedWhereALogIsOpenOrInTheWay) {
  LogFixture log;
  Fill(&log, 3);
  SalvageOptions options = Options();
  options.to = kDirectory;
  CHECK_EQ(SalvageDirectory(log.env.get(), options).status().code(), StatusCode::kInvalidArgument);
  CHECK_OK(SalvageDirectory(log.env.get(), Options()).status());
  CHECK_EQ(SalvageDirectory(log.env.get(), Options()).status().code(),
           StatusCode::kInvalidArgument);
  CHECK(log.Open());
  options.to = "/data/other";
  CHECK_EQ(SalvageDirectory(log.env.get(), options).status().code(), StatusCode::kLocked);
}

// Checksums hold, the records contradict the log: not part of the prefix.
TEST(Salvage, OfAForgedRecordStopsBeforeIt) {
  LogFixture log;
  Fill(&log, 3);
  std::vector<std::byte> file = log.env->Bytes(log.SegmentPath(1));
  std::byte* block = file.data() + 4096 * 3;
  std::byte* frame = block + kBlockHeaderBytes;
  Store64(frame + 20, 77);  // The index of the entry.
  const size_t covered = kFrameHeaderBytes + Load32(frame + 4);
  Store32(frame + covered, Crc32c({frame, covered}));
  const size_t block_covered = kBlockHeaderBytes + Load32(block + 64);
  Store32(block + block_covered, BlockChecksum({block, block_covered}));
  log.env->SetBytes(log.SegmentPath(1), file);

  const StatusOr<SalvageReport> report = SalvageDirectory(log.env.get(), Options());

  CHECK_OK(report.status());
  CHECK(report->loss.has_value());
  CHECK_EQ(report->loss->offset, 4096 * 3u);
  CHECK_EQ(report->last_index, 1u);
}

// W23: a sealed segment without its trailer is never read as data.
TEST(Salvage, OfASegmentWithoutItsTrailerStopsBeforeIt) {
  auto ring = std::make_shared<KeyRing>();
  std::array<std::byte, kKeyBytes> key{};
  ring->AddMac(1, key);
  ring->SetActive(0, 1);
  LogFixture log;
  log.options.keys = ring;
  Fill(&log, 60);
  SalvageOptions options = Options();
  options.keys = ring;
  LogFixture whole(log.options);
  whole.env = log.env->Copy();
  std::optional<SalvageReport> report = Salvage(&whole, options);
  CHECK(report.has_value());
  CHECK(!report->loss);
  std::vector<std::byte> file = log.env->Bytes(log.SegmentPath(2));
  std::fill(file.end() - 4096, file.end(), std::byte{0});
  log.env->SetBytes(log.SegmentPath(2), file);

  report = Salvage(&log, options);

  CHECK(report.has_value());
  CHECK(report->loss.has_value());
  CHECK_EQ(report->loss->segment, 2u);
  CHECK_EQ(report->last_index + report->stray_entries, 60u);
}

// W21: a key is needed as for an open; a block that nobody with the key wrote is damage.
TEST(Salvage, OfAnEncryptedLogNeedsItsKey) {
  auto ring = std::make_shared<KeyRing>();
  std::array<std::byte, kKeyBytes> key{};
  ring->AddDek(1, key);
  ring->SetActive(1, 0);
  LogFixture log;
  log.options.keys = ring;
  Fill(&log, 60);
  std::vector<std::byte> file = log.env->Bytes(log.SegmentPath(2));
  std::byte* block = file.data() + 3 * 4096;
  block[200] ^= std::byte{1};
  const size_t covered = kBlockHeaderBytes + Load32(block + 64);
  Store32(block + covered, BlockChecksum({block, covered}));
  log.env->SetBytes(log.SegmentPath(2), file);
  CHECK_EQ(SalvageDirectory(log.env.get(), Options()).status().code(),
           StatusCode::kKeyUnknownEpoch);
  SalvageOptions options = Options();
  options.keys = ring;

  const std::optional<SalvageReport> report = Salvage(&log, options);

  CHECK(report.has_value());
  CHECK(report->loss.has_value());
  CHECK_EQ(report->loss->segment, 2u);
  CHECK_EQ(report->loss->offset, 3 * 4096u);
  CHECK_EQ(report->stray_entries, 60 - report->last_index - 1);
}

}  // namespace clustor::test
