#include "wal/nonce_plan.h"

#include <map>
#include <optional>
#include <random>
#include <vector>

#include "check.h"

namespace clustor::test {

namespace {

constexpr uint64_t kAhead = NoncePlan::kRangeMax / 2;

// A plan with the first segment in use and everything it wants reserved.
NoncePlan Started() {
  NoncePlan plan(kAhead);
  plan.ExpectEncryption(true);
  plan.UseSegment(1, true, 0);
  plan.Propose();
  plan.CountSynced();
  return plan;
}

// A ledger, the blocks of its log, and what of both survives a crash.
class Simulation {
 public:
  explicit Simulation(uint64_t seed) : random_(seed) { Restart(); }

  // One block, and whatever may come in between. False when a counter was given out twice.
  bool Step();
  uint64_t blocks() const { return blocks_; }

 private:
  uint64_t Draw(uint64_t count) { return random_() % count; }
  void Restart();
  void WritePending();
  bool Seal(uint64_t count);

  std::mt19937_64 random_;
  std::vector<NonceRange> ledger_;  // Durable.
  std::optional<NoncePlan> plan_;
  uint64_t segment_ = 1;
  uint64_t blocks_ = 0;
  std::map<uint64_t, uint64_t> seen_;  // By segment: behind the counters of blocks that survived,
  std::map<uint64_t, uint64_t> used_;  // and of all blocks that ever were.
};

void Simulation::Restart() {
  NonceEnds ends;
  for (const NonceRange& range : ledger_) {
    if (range.tag == LedgerTag::kNonceReservation) {
      ends.Note(range.segment_seq, range.first + range.count);
    }
  }
  plan_.emplace(kAhead);
  plan_->Adopt(ends);
  plan_->ExpectEncryption(true);
  // Sometimes the newest segment was only half made: its number is given again.
  if (segment_ > 1 && seen_[segment_] == 0 && Draw(2) == 0) --segment_;
  plan_->UseSegment(segment_, true, seen_[segment_]);
  plan_->Propose();
  WritePending();
}

void Simulation::WritePending() {
  const std::span<const NonceRange> pending = plan_->pending();
  ledger_.insert(ledger_.end(), pending.begin(), pending.end());
  plan_->CountSynced();
}

bool Simulation::Seal(uint64_t count) {
  if (!plan_->Covers(count)) {
    plan_->ProposeFor(count);
    WritePending();
  }
  if (!plan_->Covers(count)) return false;
  const uint64_t first = plan_->Take(count);
  uint64_t& used = used_[segment_];
  if (first < used) return false;
  used = first + count;
  ++blocks_;
  return true;
}

bool Simulation::Step() {
  const uint64_t event = Draw(1000);
  const uint64_t count = Draw(50) == 0 ? 1 + Draw(20'000) : 1 + Draw(3);
  if (!Seal(count)) return false;
  if (event == 0) {
    // The block is lost, or torn; what was written with it is there in part.
    for (const NonceRange& range : plan_->Propose()) {
      if (Draw(2) == 0) ledger_.push_back(range);
    }
    Restart();
    return true;
  }
  plan_->Propose();
  if (event < 10) {
    // A shortage: the block and the records are taken back.
    plan_->Drop();
    return true;
  }
  WritePending();
  seen_[segment_] = used_[segment_];
  if (event < 30) plan_->UseSegment(++segment_, true, 0);
  if (event < 60) ledger_ = plan_->Live();
  return true;
}

}  // namespace

// W22: restarts, numbers of segments given again, lost and torn writes, shortages, switches.
TEST(NoncePlan, NeverGivesACounterTwice) {
  uint64_t blocks = 0;
  for (uint64_t seed = 1; blocks < 1 << 21; ++seed) {
    Simulation simulation(seed);
    while (simulation.blocks() < 1 << 17) {
      if (!simulation.Step()) Fail(__FILE__, __LINE__, "seed " + std::to_string(seed));
      if (CurrentTestFailed()) return;
    }
    blocks += simulation.blocks();
  }
}

TEST(NoncePlan, ReservesForTheSegmentAndTheNextBeforeTheyAreNeeded) {
  NoncePlan plan = Started();
  CHECK(plan.Covers(NoncePlan::kRangeMax));
  CHECK(plan.Propose().empty());

  for (uint64_t i = 0; i <= NoncePlan::kRangeMax - kAhead; ++i) plan.Take(1);
  const std::span<const NonceRange> proposed = plan.Propose();

  CHECK_EQ(proposed.size(), 1u);
  CHECK_EQ(proposed[0].first, NoncePlan::kRangeMax);
  CHECK_EQ(proposed[0].count, NoncePlan::kRangeMax);
  plan.CountSynced();
  plan.UseSegment(2, true, 0);
  CHECK(plan.Covers(NoncePlan::kRangeMax));
}

TEST(NoncePlan, CountsNothingThatWasNotWritten) {
  NoncePlan plan(kAhead);
  plan.UseSegment(1, true, 0);
  plan.Propose();

  plan.Drop();

  CHECK(!plan.Covers(1));
  CHECK(!plan.Propose().empty());
}

TEST(NoncePlan, GoesOnBehindTheReservationsOfAnEarlierProcess) {
  NonceEnds ends;
  ends.Note(7, 2 * NoncePlan::kRangeMax);
  NoncePlan plan(kAhead);
  plan.Adopt(ends);

  plan.UseSegment(7, true, 100);
  const std::span<const NonceRange> proposed = plan.Propose();

  CHECK(!plan.Covers(1));
  CHECK_EQ(proposed.size(), 2u);
  CHECK_EQ(proposed[0].first, 2 * NoncePlan::kRangeMax);
  CHECK(proposed[1].tag == LedgerTag::kNonceAbandon);
  CHECK_EQ(proposed[1].first, 100u);
  CHECK_EQ(proposed[1].count, 2 * NoncePlan::kRangeMax - 100);
  plan.CountSynced();
  CHECK_EQ(plan.Take(1), 2 * NoncePlan::kRangeMax);
}

// A torn page took the reservation: the blocks that are there still tell.
TEST(NoncePlan, GoesOnBehindTheBlocksThatAreThere) {
  NoncePlan plan(kAhead);

  plan.UseSegment(7, true, 500);
  plan.Propose();
  plan.CountSynced();

  CHECK_EQ(plan.Take(1), 500u);
}

// W22: a ledger whose records name other segments, as damage or somebody can make it, must neither
// push out what is reserved for the segment in use nor grow the ledgers that follow.
TEST(NoncePlan, KeepsItsOwnReservationsWhateverOtherSegmentsTheLedgerNames) {
  NonceEnds ends;
  for (uint64_t segment = 1'000'000; segment < 1'000'100; ++segment) ends.Note(segment, 8192);
  NoncePlan plan(kAhead);
  plan.Adopt(ends);
  plan.UseSegment(1, true, 0);

  plan.ProposeFor(10);
  plan.CountSynced();

  CHECK(plan.Covers(10));
  CHECK_EQ(plan.Live().front().segment_seq, 1u);
  CHECK(plan.Live().size() <= 4);
}

TEST(NoncePlan, GivesUpTheRestOfASegment) {
  NoncePlan plan = Started();
  plan.Take(10);

  plan.UseSegment(2, true, 0);

  bool given_up = false;
  for (const NonceRange& range : plan.Propose()) {
    given_up |=
        range.tag == LedgerTag::kNonceAbandon && range.segment_seq == 1 && range.first == 10;
  }
  CHECK(given_up);
}

TEST(NoncePlan, ReservesEnoughForTheLargestBlockInRangesOfBoundedSize) {
  NoncePlan plan = Started();
  const uint64_t count = (1 << 30) / kCryptoBlockBytes;

  uint64_t reserved = 0;
  for (const NonceRange& range : plan.ProposeFor(count)) {
    CHECK(range.count <= NoncePlan::kRangeMax);
    reserved += range.count;
  }
  CHECK(reserved >= count - NoncePlan::kRangeMax);
  plan.CountSynced();

  CHECK(plan.Covers(count));
}

TEST(NoncePlan, ProposesNothingWithoutEncryption) {
  NoncePlan plan(kAhead);

  plan.UseSegment(1, false, 0);

  CHECK(plan.IsIdle());
  CHECK(plan.Propose().empty());
}

}  // namespace clustor::test
