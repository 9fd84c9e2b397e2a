#include "wal/nonce_plan.h"

#include <algorithm>

namespace clustor {

namespace {

// Segments that a new ledger file repeats: the one in use, the one behind it, and one more when the
// number of a half-made segment is given again. Records that name others are not ours.
constexpr size_t kSegmentsRepeated = 4;

}  // namespace

void NonceEnds::Note(uint64_t segment_seq, uint64_t end) {
  uint64_t& known = ends_[segment_seq];
  known = std::max(known, end);
}

void NonceEnds::DropBelow(uint64_t segment_seq) {
  ends_.erase(ends_.begin(), ends_.lower_bound(segment_seq));
}

uint64_t NonceEnds::Of(uint64_t segment_seq) const {
  const auto found = ends_.find(segment_seq);
  return found == ends_.end() ? 0 : found->second;
}

void NoncePlan::Adopt(const NonceEnds& ends) {
  ends_ = ends;
  adopted_ = ends;
}

void NoncePlan::UseSegment(uint64_t segment_seq, bool is_encrypted, uint64_t seen) {
  if (is_encrypted_) Abandon(segment_seq_, next_, ends_.Of(segment_seq_));
  segment_seq_ = segment_seq;
  is_encrypted_ = is_encrypted;
  // A counter below the end of an earlier process may be under bytes that never became a block.
  next_ = std::max(adopted_.Of(segment_seq), seen);
  Abandon(segment_seq, seen, is_encrypted ? next_ : ends_.Of(segment_seq));
  ends_.DropBelow(segment_seq);
  adopted_.DropBelow(segment_seq);
}

uint64_t NoncePlan::Take(uint64_t count) {
  const uint64_t first = next_;
  next_ += count;
  largest_ = std::max(largest_, count);
  return first;
}

uint64_t NoncePlan::Ahead() const { return std::max(ahead_, 2 * largest_); }

std::span<const NonceRange> NoncePlan::Propose() {
  if (IsIdle()) return {};
  if (is_encrypted_) Reserve(segment_seq_, next_, next_ + Ahead(), kTogetherMax);
  if (next_is_encrypted_) {
    const uint64_t first = adopted_.Of(segment_seq_ + 1);
    Reserve(segment_seq_ + 1, first, first + Ahead(), kTogetherMax);
  }
  while (!abandoned_.empty() && pending_.size() < kTogetherMax) {
    pending_.push_back(abandoned_.back());
    abandoned_.pop_back();
  }
  return pending_;
}

std::span<const NonceRange> NoncePlan::ProposeFor(uint64_t count) {
  Reserve(segment_seq_, next_, next_ + count + Ahead(), SIZE_MAX);
  return pending_;
}

void NoncePlan::Reserve(uint64_t segment_seq, uint64_t from, uint64_t to, size_t together_max) {
  uint64_t reserved = std::max(ends_.Of(segment_seq), from);
  for (; reserved < to && pending_.size() < together_max; reserved += kRangeMax) {
    pending_.push_back({LedgerTag::kNonceReservation, segment_seq, reserved, kRangeMax});
  }
}

void NoncePlan::Abandon(uint64_t segment_seq, uint64_t from, uint64_t to) {
  if (from >= to) return;
  abandoned_.push_back({LedgerTag::kNonceAbandon, segment_seq, from, to - from});
}

void NoncePlan::CountSynced() {
  for (const NonceRange& range : pending_) {
    if (range.tag != LedgerTag::kNonceReservation) continue;
    ends_.Note(range.segment_seq, range.first + range.count);
  }
  pending_.clear();
}

void NoncePlan::Drop() {
  for (const NonceRange& range : pending_) {
    if (range.tag == LedgerTag::kNonceAbandon) abandoned_.push_back(range);
  }
  pending_.clear();
}

std::vector<NonceRange> NoncePlan::Live() const {
  std::vector<NonceRange> live;
  for (const auto& [segment_seq, end] : ends_.all()) {
    if (live.size() == kSegmentsRepeated) break;
    const uint64_t count = std::min(end, kRangeMax);
    live.push_back({LedgerTag::kNonceReservation, segment_seq, end - count, count});
  }
  return live;
}

}  // namespace clustor
