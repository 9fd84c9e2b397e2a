// Rewriting a log in its place: old or new at every moment, and nothing of the old one afterwards.
#include "wal/rewrite.h"

#include <algorithm>
#include <array>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/coding.h"
#include "check.h"
#include "crypto/key_ring.h"
#include "log_fixture.h"
#include "os/env_wrapper.h"
#include "wal/format.h"
#include "wal/inspect.h"

namespace clustor::test {

namespace {

const std::string kSecret = "PLAINTEXT OF THE OLD LOG";

LogOptions Json() {
  LogOptions options = SmallOptions();
  options.encoding = LogEncoding::kJson;
  options.merkle_leaves = true;
  return options;
}

// A log over some segments, with everything that a log can hold.
void Fill(LogFixture* log, int entries) {
  if (!log->Open()) Fail(__FILE__, __LINE__, Describe(log->open_status));
  const auto must = [](const Status& done) {
    if (!done.ok()) Fail(__FILE__, __LINE__, Describe(done));
  };
  must(log->SaveHardState({1, 2, 0}));
  for (int i = 0; i < entries; ++i) must(log->Append(kSecret + std::string(2'500, 'x')));
  must(log->Replace(static_cast<uint64_t>(entries) - 2, {{2, 1, kSecret}, {3, 0, ""}}));
  must(log->SaveHardState({3, 1, 4}));
}

struct Content {
  HardState hard_state;
  uint64_t first_index = 0;
  std::vector<Entry> entries;
  friend bool operator==(const Content&, const Content&) = default;
};

Content ContentOf(LogFixture* log) {
  const RecoveryReport& found = log->log->recovery();
  return {found.hard_state, log->log->Stats().first_index, log->ReadAll()};
}

std::vector<std::string> WalFiles(const FaultEnv& env) {
  std::vector<std::string> files;
  for (const std::string& name : env.Names()) {
    if (name.find("/wal/") != std::string::npos) files.push_back(name);
  }
  return files;
}

bool HoldsSecret(const FaultEnv& env) {
  const auto secret = std::as_bytes(std::span(kSecret));
  return std::ranges::any_of(env.Names(), [&](const std::string& name) {
    const std::vector<std::byte> bytes = env.Bytes(name);
    return std::search(bytes.begin(), bytes.end(), secret.begin(), secret.end()) != bytes.end();
  });
}

int EncodingOf(const FaultEnv& env, const std::string& path) {
  return static_cast<int>(env.Bytes(path)[12]);
}

}  // namespace

TEST(Rewrite, KeepsTheLogAndLeavesNothingOfTheOldFiles) {
  LogFixture log;
  Fill(&log, 60);
  CHECK(log.Reopen());
  const Content before = ContentOf(&log);
  const uint64_t blocks = log.log->Stats().durable_block;
  const uint64_t segments = log.log->Stats().segments;
  log.Close();
  CHECK(HoldsSecret(*log.env));

  const StatusOr<RewriteReport> report = RewriteDirectory(log.env.get(), Json());

  CHECK_OK(report.status());
  CHECK(!HoldsSecret(*log.env));
  CHECK_EQ(report->last_index, 59u);
  CHECK_EQ(report->blocks, blocks);
  CHECK_EQ(report->end.block, blocks);
  CHECK_EQ(report->segments_before, segments);
  CHECK_EQ(report->first_segment, segments + 1);
  for (const std::string& path : WalFiles(*log.env)) {
    if (path == log.LedgerPath()) continue;
    CHECK(path > log.SegmentPath(segments));
    CHECK(path <= log.SegmentPath(segments + report->segments_after));
    CHECK_EQ(EncodingOf(*log.env, path), kEncodingJson);
  }
  CHECK(log.Open());
  CHECK(ContentOf(&log) == before);
  CHECK_OK(log.Append({{3, 0, "life goes on"}}));
  CHECK(log.Reopen());
  CHECK_EQ(log.ReadPayload(60), std::string("life goes on"));
}

TEST(Rewrite, GoesFromEveryFormToEveryOther) {
  LogFixture log;
  Fill(&log, 30);
  CHECK(log.Reopen());
  const Content before = ContentOf(&log);
  for (const int form : {1, 3, 2, 0, 2, 1, 0, 3, 0}) {
    log.Close();
    log.options.encoding = (form & 1) != 0 ? LogEncoding::kJson : LogEncoding::kBinary;
    log.options.merkle_leaves = (form & 2) != 0;

    CHECK_OK(RewriteDirectory(log.env.get(), log.options).status());

    CHECK(log.Open());
    CHECK(ContentOf(&log) == before);
    const std::string first = log.SegmentPath(log.log->Stats().tail_segment);
    CHECK_EQ(EncodingOf(*log.env, first), form & 1);
  }
}

TEST(Rewrite, KeepsTheFirstIndexOfAShortenedLog) {
  LogFixture log;
  Fill(&log, 60);
  CHECK_OK(log.log->TruncatePrefix(30));
  CHECK(log.Reopen());
  const Content before = ContentOf(&log);
  CHECK(before.first_index > 1);
  log.Close();

  const StatusOr<RewriteReport> report = RewriteDirectory(log.env.get(), Json());

  CHECK_OK(report.status());
  CHECK_EQ(report->first_index, before.first_index);
  CHECK(log.Open());
  CHECK(ContentOf(&log) == before);
}

// A block that fits into its segment in binary and into none in json.
TEST(Rewrite, MakesSegmentsAsLargeAsTheirBlocks) {
  LogFixture log;
  CHECK(log.Open());
  CHECK_OK(log.Append(std::string(58'000, 'x')));
  log.Close();

  CHECK_OK(RewriteDirectory(log.env.get(), Json()).status());

  CHECK(log.Open());
  CHECK_EQ(log.ReadPayload(1), std::string(58'000, 'x'));
}

TEST(Rewrite, OfAnEmptyLogAndOfNoLog) {
  LogFixture log;
  CHECK_EQ(RewriteDirectory(log.env.get(), Json()).status().details().os_errno, ENOENT);
  CHECK(log.Open());
  CHECK_EQ(RewriteDirectory(log.env.get(), Json()).status().code(), StatusCode::kLocked);
  log.Close();

  CHECK_OK(RewriteDirectory(log.env.get(), Json()).status());

  CHECK(log.Open());
  CHECK_OK(log.Append("first"));
}

TEST(Rewrite, OfADamagedLogIsRefusedAndChangesNothing) {
  LogFixture log;
  Fill(&log, 60);
  log.Close();
  log.FlipBit(log.SegmentPath(2), 3 * 4096 + 700);
  const std::unique_ptr<FaultEnv> before = log.env->Copy();

  CHECK_EQ(RewriteDirectory(log.env.get(), Json()).status().code(), StatusCode::kLogCorrupt);

  CHECK(log.env->SameAs(*before));
}

// W13
TEST(Rewrite, WithoutRoomForACopyIsRefusedAndNamesTheBytes) {
  class SmallDisk final : public EnvWrapper {
   public:
    explicit SmallDisk(Env* base) : EnvWrapper(base) {}
    StatusOr<uint64_t> FreeBytes(const std::string&) override { return uint64_t{200'000}; }
  };
  LogFixture log;
  Fill(&log, 60);
  CHECK(log.Reopen());
  const Content before = ContentOf(&log);
  log.Close();
  SmallDisk small(log.env.get());

  const Status refused = RewriteDirectory(&small, Json()).status();

  CHECK_EQ(refused.code(), StatusCode::kDiskFull);
  CHECK(refused.message().find("needs ") != std::string::npos);
  CHECK(refused.message().find("200000 are free") != std::string::npos);
  CHECK(log.Open());
  CHECK(ContentOf(&log) == before);
  CHECK_EQ(EncodingOf(*log.env, log.SegmentPath(1)), kEncodingBinary);
}

// W13: whatever call fails, the log is there, and a second attempt succeeds.
TEST(Rewrite, SurvivesEveryFailingCall) {
  LogFixture filled;
  Fill(&filled, 30);
  CHECK(filled.Reopen());
  const Content before = ContentOf(&filled);
  filled.Close();
  for (const Call call : {Call::kOpen, Call::kWrite, Call::kSync, Call::kAllocate, Call::kRename,
                          Call::kRemove, Call::kSyncDirectory, Call::kRead}) {
    for (int nth = 1; !CurrentTestFailed(); nth += call == Call::kWrite ? 7 : 2) {
      LogFixture log;
      log.env = filled.env->Copy();
      log.env->FailCall(call, nth, call == Call::kWrite ? ENOSPC : EIO);
      const bool done = RewriteDirectory(log.env.get(), Json()).ok();
      log.env->ClearFaults();

      CHECK(log.Open());
      CHECK(ContentOf(&log) == before);
      log.Close();
      CHECK_OK(RewriteDirectory(log.env.get(), Json()).status());
      CHECK(!HoldsSecret(*log.env));
      if (done) break;
    }
  }
}

// Old or new at every call, in every image that a crash could leave.
TEST(Rewrite, CrashesIntoTheOldLogOrTheNewOne) {
  LogFixture filled;
  Fill(&filled, 30);
  CHECK(filled.Reopen());
  const Content before = ContentOf(&filled);
  filled.Close();
  std::unique_ptr<FaultEnv> whole = filled.env->Copy();
  CHECK_OK(RewriteDirectory(whole.get(), Json()).status());
  const uint64_t calls = whole->changes();
  CHECK(calls > 100);
  std::mt19937_64 random(5);
  int old_logs = 0;
  int new_logs = 0;
  for (uint64_t call = 1; call <= calls && !CurrentTestFailed(); ++call) {
    std::unique_ptr<FaultEnv> env = filled.env->Copy();
    env->PowerOffAfter(call);
    if (RewriteDirectory(env.get(), Json()).ok()) continue;
    for (int image = 0; image < 4; ++image) {
      LogFixture log;
      std::unique_ptr<FaultEnv> found = image == 0   ? env->DropUnsynced()
                                        : image == 1 ? env->Copy()
                                                     : env->CrashImage(&random, {});
      // Who may only look sees a whole log as well.
      const StatusOr<VerifyReport> verified = VerifyDirectory(found.get(), kDirectory, "");
      CHECK_OK(verified.status());
      CHECK_OK(verified->verdict);
      CHECK_EQ(verified->recovery.entries.last_index, before.entries.size());
      if (!log.Restart(std::move(found))) {
        Fail(__FILE__, __LINE__, "call " + std::to_string(call) + ": " + Describe(log.open_status));
        return;
      }
      CHECK(ContentOf(&log) == before);
      const int encoding = EncodingOf(*log.env, log.SegmentPath(log.log->Stats().tail_segment));
      for (const std::string& path : WalFiles(*log.env)) {
        if (IsSegment(path)) {
          CHECK_EQ(EncodingOf(*log.env, path), encoding);
        }
        CHECK(path.find("rewrite-") == std::string::npos);
      }
      ++(encoding == kEncodingJson ? new_logs : old_logs);
      CHECK_OK(log.Append({{3, 0, "life goes on"}}));
    }
  }
  CHECK(old_logs > 0);
  CHECK(new_logs > 0);
}

namespace {

std::shared_ptr<const KeyRing> RingOf(std::vector<uint32_t> epochs) {
  auto ring = std::make_shared<KeyRing>();
  for (const uint32_t epoch : epochs) {
    std::array<std::byte, kKeyBytes> key;
    key.fill(static_cast<std::byte>(epoch));
    ring->AddDek(epoch, key);
  }
  ring->SetActive(epochs.back(), 0);
  // A ring of one key is given to a log that has none yet.
  ring->AllowPlain(epochs.size() == 1);
  return ring;
}

LogOptions WithKeys(std::vector<uint32_t> epochs) {
  LogOptions options = SmallOptions();
  options.keys = RingOf(std::move(epochs));
  return options;
}

uint32_t DekEpochOf(const FaultEnv& env, const std::string& path) {
  return Load32(env.Bytes(path).data() + 60);
}

}  // namespace

// W21: nothing under the old key, or none, is left, in spares and headroom neither.
TEST(Rewrite, UnderAnotherKeyLeavesNothingUnderTheOldOne) {
  LogFixture log;
  Fill(&log, 60);
  CHECK_OK(log.log->TruncatePrefix(30));
  CHECK(log.Reopen());
  const Content before = ContentOf(&log);
  log.Close();
  CHECK(HoldsSecret(*log.env));

  for (const std::vector<uint32_t>& epochs :
       {std::vector<uint32_t>{1}, std::vector<uint32_t>{1, 2}, std::vector<uint32_t>{2, 3}}) {
    CHECK_OK(RewriteDirectory(log.env.get(), WithKeys(epochs)).status());

    CHECK(!HoldsSecret(*log.env));
    for (const std::string& path : WalFiles(*log.env)) {
      if (path == log.LedgerPath() || path.ends_with(".idx")) continue;
      CHECK(IsSegment(path));
      CHECK_EQ(DekEpochOf(*log.env, path), epochs.back());
    }
    log.options.keys = RingOf({epochs.back()});
    CHECK(log.Open());
    CHECK(ContentOf(&log) == before);
    log.Close();
  }
  log.options.keys = RingOf({1, 2});
  CHECK(!log.Open());
  CHECK_EQ(log.open_status.code(), StatusCode::kKeyUnknownEpoch);
}

// W22: the ledger of the new log says what becomes of the counters of the old one.
TEST(Rewrite, GivesUpTheCountersThatTheOldSegmentsReserved) {
  LogFixture log(WithKeys({1}));
  Fill(&log, 20);
  const uint64_t old_tail = log.log->Stats().tail_segment;
  log.Close();

  CHECK_OK(RewriteDirectory(log.env.get(), WithKeys({1, 2})).status());

  const StatusOr<std::unique_ptr<File>> file =
      log.env->OpenFile(log.LedgerPath(), OpenMode::kReadOnly);
  std::vector<std::byte> slot(kLedgerRecordBytes);
  uint64_t given_up = 0;
  for (uint64_t offset = 0;; offset += slot.size()) {
    const StatusOr<size_t> got = (*file)->ReadAt(offset, slot);
    if (!got.ok() || *got < slot.size()) break;
    LedgerRecord record;
    if (!DecodeLedgerRecord(slot.data(), &record)) continue;
    if (record.io_mode != static_cast<uint8_t>(LedgerTag::kNonceAbandon)) continue;
    if (record.segment_seq == old_tail) given_up += record.index;
  }
  CHECK(given_up > 0);
}

TEST(Rewrite, WithoutTheOldKeyIsRefusedAndChangesNothing) {
  LogFixture log(WithKeys({1}));
  Fill(&log, 20);
  log.Close();
  const std::unique_ptr<FaultEnv> before = log.env->Copy();

  CHECK_EQ(RewriteDirectory(log.env.get(), WithKeys({2})).status().code(),
           StatusCode::kKeyUnknownEpoch);

  CHECK(log.env->SameAs(*before));
}

// W21: at every call the log opens with both keys, under the old or under the new one.
TEST(Rewrite, UnderAnotherKeyCrashesIntoTheOldLogOrTheNewOne) {
  LogFixture filled(WithKeys({1}));
  Fill(&filled, 25);
  CHECK(filled.Reopen());
  const Content before = ContentOf(&filled);
  filled.Close();
  std::mt19937_64 random(9);
  for (uint64_t call = 1; !CurrentTestFailed(); ++call) {
    std::unique_ptr<FaultEnv> env = filled.env->Copy();
    env->PowerOffAfter(call);
    if (RewriteDirectory(env.get(), WithKeys({1, 2})).ok()) break;
    for (int image = 0; image < 3; ++image) {
      LogFixture log(WithKeys({1, 2}));
      if (!log.Restart(image == 0 ? env->DropUnsynced() : env->CrashImage(&random, {}))) {
        Fail(__FILE__, __LINE__, "call " + std::to_string(call) + ": " + Describe(log.open_status));
        return;
      }
      CHECK(ContentOf(&log) == before);
      log.Close();
      CHECK_OK(RewriteDirectory(log.env.get(), WithKeys({1, 2})).status());
      log.options.keys = RingOf({2});
      CHECK(log.Open());
      CHECK(ContentOf(&log) == before);
    }
  }
}

}  // namespace clustor::test
