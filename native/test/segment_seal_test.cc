// A segment is sealed with its trailer before its successor exists, and is not read without it.
#include <random>
#include <string>

#include "check.h"
#include "crash_model.h"
#include "key_fixture.h"
#include "log_fixture.h"
#include "wal/segment_mac.h"

namespace clustor::test {

namespace {

// Mac epoch 1, and dek epoch 1 when blocks are to be encrypted as well.
std::shared_ptr<const KeyRing> SealingRing(uint32_t dek_epoch, uint32_t mac_seed = 9) {
  auto ring = std::make_shared<KeyRing>();
  if (dek_epoch != 0) ring->AddDek(dek_epoch, KeyOf(dek_epoch));
  ring->AddMac(1, KeyOf(mac_seed));
  ring->SetActive(dek_epoch, 1);
  return ring;
}

// The same, for a log that has segments without a trailer.
std::shared_ptr<const KeyRing> LaterSealingRing() {
  auto ring = std::make_shared<KeyRing>();
  ring->AddMac(1, KeyOf(9));
  ring->SetActive(0, 1);
  ring->AllowPlain(true);
  return ring;
}

LogOptions SealedOptions(uint32_t dek_epoch = 0) {
  LogOptions options = SmallOptions();
  options.keys = SealingRing(dek_epoch);
  return options;
}

std::optional<SegmentTrailer> TrailerOf(LogFixture* log, uint64_t segment_seq) {
  const std::vector<std::byte> bytes = log->env->Bytes(log->SegmentPath(segment_seq));
  return DecodeTrailer(std::span(bytes).last(kTrailerPageBytes));
}

bool FillSegments(LogFixture* log) {
  if (!log->Open()) {
    Fail(__FILE__, __LINE__, Describe(log->open_status));
    return false;
  }
  for (int i = 0; i < 40; ++i) {
    const Status done = log->Append(std::string(3'000, 'x'));
    if (!done.ok()) Fail(__FILE__, __LINE__, Describe(done));
  }
  return !CurrentTestFailed();
}

StatusCode OpenCode(LogFixture* log) {
  const std::unique_ptr<FaultEnv> before = log->env->Copy();
  if (log->Open()) return StatusCode::kOk;
  if (!log->env->SameAs(*before)) Fail(__FILE__, __LINE__, "a refused open changed something");
  return log->open_status.code();
}

}  // namespace

TEST(SegmentSeal, IsWrittenAtRotationAndVerifiedAtOpen) {
  for (const uint32_t dek_epoch : {0, 1}) {
    LogFixture log(SealedOptions(dek_epoch));
    CHECK(FillSegments(&log));

    const std::optional<SegmentTrailer> trailer = TrailerOf(&log, 2);
    CHECK(trailer.has_value());
    CHECK_EQ(trailer->segment_seq, 2u);
    CHECK_EQ(trailer->first_index, 15u);
    CHECK_EQ(trailer->last_index, 28u);
    CHECK_EQ(trailer->entry_count, 14u);
    CHECK(!TrailerOf(&log, log.log->Stats().tail_segment).has_value());
    CHECK(log.Reopen());
    CHECK_EQ(log.ReadAll().size(), 40u);
    // What the tail holds from before counts in its trailer.
    for (int i = 0; i < 20; ++i) CHECK_OK(log.Append(std::string(3'000, 'y')));
    CHECK(log.Reopen());
    CHECK_EQ(log.ReadAll().size(), 60u);
  }
}

TEST(SegmentSeal, IsMissedWhenItIsGoneOrWrong) {
  LogFixture log(SealedOptions());
  CHECK(FillSegments(&log));
  log.Close();
  const std::unique_ptr<FaultEnv> good = log.env->Copy();
  for (const size_t at : {0u, 1u, 5u, 30u, 50u, 70u, 95u, 200u}) {
    log.env = good->Copy();
    log.FlipBit(log.SegmentPath(2), (60 << 10) + at);

    CHECK_EQ(OpenCode(&log), StatusCode::kLogCorrupt);
    CHECK_EQ(log.open_status.details().segment, 2);
    CHECK_EQ(log.open_status.details().offset, 60 << 10);
  }
  log.env = good->Copy();
  std::vector<std::byte> bytes = log.env->Bytes(log.SegmentPath(2));
  std::fill(bytes.end() - kTrailerPageBytes, bytes.end(), std::byte{0});
  log.env->SetBytes(log.SegmentPath(2), bytes);
  CHECK_EQ(OpenCode(&log), StatusCode::kLogCorrupt);
}

TEST(SegmentSeal, NeedsItsKey) {
  LogFixture log(SealedOptions());
  CHECK(FillSegments(&log));
  log.Close();

  log.options.keys = nullptr;
  CHECK_EQ(OpenCode(&log), StatusCode::kKeyUnknownEpoch);
  log.options.keys = SealingRing(0, /*mac_seed=*/8);
  CHECK_EQ(OpenCode(&log), StatusCode::kKeyWrong);
}

// A forger who keeps all checksums and chains right does not keep the code.
TEST(SegmentSeal, NoticesATrailerOfAnotherSegment) {
  LogFixture log(SealedOptions());
  CHECK(FillSegments(&log));
  log.Close();
  const std::vector<std::byte> other = log.env->Bytes(log.SegmentPath(1));
  std::vector<std::byte> bytes = log.env->Bytes(log.SegmentPath(2));
  std::copy(other.end() - kTrailerPageBytes, other.end(), bytes.end() - kTrailerPageBytes);
  log.env->SetBytes(log.SegmentPath(2), bytes);

  CHECK_EQ(OpenCode(&log), StatusCode::kLogCorrupt);
}

TEST(SegmentSeal, IsCheckedByTheScrub) {
  LogFixture log(SealedOptions(1));
  CHECK(FillSegments(&log));
  ScrubCursor cursor;
  for (bool done = false; !done;) {
    const StatusOr<ScrubStep> step = log.log->Scrub(&cursor, 10'000);
    CHECK_OK(step.status());
    done = step->pass_done;
  }
  log.FlipBit(log.SegmentPath(2), (60 << 10) + 80);

  Status damage;
  for (bool done = false; !done && damage.ok();) {
    const StatusOr<ScrubStep> step = log.log->Scrub(&cursor, 10'000);
    if (!step.ok()) damage = step.status();
    done = step.ok() && step->pass_done;
  }

  CHECK_EQ(damage.code(), StatusCode::kLogCorrupt);
  CHECK_EQ(damage.details().segment, 2);
  CHECK(log.log->Stats().quarantined);
}

// A write that was taken back is in no trailer.
TEST(SegmentSeal, ForgetsABlockThatMetAShortage) {
  LogFixture log(SealedOptions());
  CHECK(log.Open());
  for (int i = 0; i < 40; ++i) {
    if (i % 4 == 1) {
      log.env->FailCall(Call::kWrite, 1, 28, false, 1'000);
      CHECK_EQ(log.Append(std::string(3'000, 'f')).code(), StatusCode::kDiskFull);
      log.env->ClearFaults();
    }
    CHECK_OK(log.Append(std::string(3'000, 'x')));
  }

  CHECK(log.Reopen());
  CHECK_EQ(log.ReadAll().size(), 40u);
}

TEST(SegmentSeal, LeavesNoRoomForAWriteInItsPlace) {
  LogFixture log(SealedOptions());
  CHECK(log.Open());
  const size_t payload_bytes = (64 << 10) - kSegmentHeaderBytes - kTrailerPageBytes -
                               kBlockOverheadBytesMax - kEntryFrameOverheadBytes;

  CHECK_EQ(log.Append(std::string(payload_bytes + 1, 'a')).code(), StatusCode::kTooLarge);
  for (int i = 0; i < 3; ++i) CHECK_OK(log.Append(std::string(payload_bytes, 'a')));

  CHECK(log.Reopen());
  CHECK_EQ(log.ReadAll().size(), 3u);
}

TEST(SegmentSeal, FollowsTheKeysThatAreSet) {
  LogFixture log;
  CHECK(log.Open());
  CHECK_OK(log.Append("without a key"));

  CHECK_EQ(log.log->SetKeys(SealingRing(0)).code(), StatusCode::kLogUnprotected);
  CHECK_OK(log.log->SetKeys(LaterSealingRing()));

  CHECK_EQ(log.Append(std::string(60'000, 'a')).code(), StatusCode::kTooLarge);
  for (int i = 0; i < 30; ++i) CHECK_OK(log.Append(std::string(3'000, 'x')));
  CHECK(TrailerOf(&log, 2).has_value());
  // The ring must keep the epoch of what is sealed.
  CHECK_EQ(log.log->SetKeys(nullptr).code(), StatusCode::kKeyUnknownEpoch);
  log.options.keys = LaterSealingRing();
  CHECK(log.Reopen());
  CHECK_EQ(log.ReadAll().size(), 31u);
}

// W18: at every call around a rotation the log is there, sealed or with a tail that goes on.
TEST(SegmentSeal, SurvivesACrashAtEveryCall) {
  std::vector<State> states(1);
  for (int i = 0; i < 9; ++i) {
    states.push_back(states.back());
    states.back().entries.push_back({1, 0, std::string(15'000, static_cast<char>('a' + i))});
  }
  const auto follow = [&](LogFixture* log) -> uint64_t {
    if (!log->Open()) return 0;
    for (size_t i = 1; i < states.size() && !log->env->is_off(); ++i) {
      log->log->Submit(Frames(i, {states.back().entries[i - 1]}));
      log->PumpAll();
    }
    return log->recorder.completed();
  };
  LogFixture whole(SealedOptions(1));
  CHECK_EQ(follow(&whole), 9u);
  CHECK(whole.log->Stats().rotations >= 2);
  const uint64_t calls = whole.env->changes();
  std::mt19937_64 random(5);
  for (uint64_t call = 1; call <= calls && !CurrentTestFailed(); ++call) {
    LogFixture log(SealedOptions(1));
    log.env->PowerOffAfter(call);
    const uint64_t completed = follow(&log);
    for (int image = 0; image < 6; ++image) {
      LogFixture after(SealedOptions(1));
      const bool opened = after.Restart(image == 0   ? log.env->DropUnsynced()
                                        : image == 1 ? log.env->Copy()
                                                     : log.env->CrashImage(&random, {}));
      const std::string where =
          "call " + std::to_string(call) + ", image " + std::to_string(image) + ": ";
      if (!opened) {
        Fail(__FILE__, __LINE__, where + Describe(after.open_status));
      } else if (!Judge(states, completed, 1, &after)) {
        Fail(__FILE__, __LINE__, where + "not a state after a write");
      } else {
        for (int i = 0; i < 4; ++i) CHECK_OK(after.Append(std::string(15'000, 'z')));
        if (!after.Reopen()) Fail(__FILE__, __LINE__, where + Describe(after.open_status));
      }
    }
  }
}

}  // namespace clustor::test
