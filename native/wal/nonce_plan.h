// NoncePlan: which crypto counters of which segment may be used (docs/wal-format.md, section 10.3).
// Pure accounting: the ledger writes what it proposes, the sealer takes what it reserved. Counters
// are reserved, durably, before a block uses them; whatever happens afterwards, none is taken
// twice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "wal/format.h"

namespace clustor {

// Counters first .. first + count - 1 of a segment.
struct NonceRange {
  LedgerTag tag = LedgerTag::kNonceReservation;  // Or kNonceAbandon.
  uint64_t segment_seq = 0;
  uint64_t first = 0;
  uint64_t count = 0;
};

// The end of what a ledger says is reserved, by segment.
class NonceEnds {
 public:
  void Note(uint64_t segment_seq, uint64_t end);
  // Forgets the segments before this one: they are never written again.
  void DropBelow(uint64_t segment_seq);
  // 0 when nothing is reserved.
  uint64_t Of(uint64_t segment_seq) const;
  const std::map<uint64_t, uint64_t>& all() const { return ends_; }

 private:
  std::map<uint64_t, uint64_t> ends_;
};

class NoncePlan {
 public:
  // Of one record.
  static constexpr uint64_t kRangeMax = 8192;
  // Records that ride along with one write.
  static constexpr size_t kTogetherMax = 4;

  // ahead: how many unused counters there should be, at least, while nothing waits.
  explicit NoncePlan(uint64_t ahead) : ahead_(ahead) {}

  // Takes over what the ledger of an earlier process says: none of that is used any more.
  void Adopt(const NonceEnds& ends);
  // The next blocks go into this segment, encrypted or not. Its counters below `seen` are in blocks
  // that are there. What was reserved and is not used, of it or of the segment before it, is given
  // up.
  void UseSegment(uint64_t segment_seq, bool is_encrypted, uint64_t seen);
  // No block goes into this segment any more; the next one goes into the one behind it.
  void LeaveSegment(uint64_t segment_seq, uint64_t seen) { UseSegment(segment_seq, false, seen); }
  // Counters that nobody will use, for the record only: what was reserved stays reserved.
  void Abandon(uint64_t segment_seq, uint64_t from, uint64_t to);
  bool HasAbandoned() const { return !abandoned_.empty(); }
  // Whether the segment behind this one will be encrypted.
  void ExpectEncryption(bool is_expected) { next_is_encrypted_ = is_expected; }
  // Nothing to reserve and nothing to give up.
  bool IsIdle() const { return !is_encrypted_ && !next_is_encrypted_ && abandoned_.empty(); }

  // Whether so many counters of the segment are reserved.
  bool Covers(uint64_t count) const { return next_ + count <= ends_.Of(segment_seq_); }
  // Uses them up and returns the first. REQUIRES: Covers(count).
  uint64_t Take(uint64_t count);

  // What should be written along with other records, so that no block has to wait for a
  // reservation: usually nothing, at most kTogetherMax. Pending until CountSynced or Drop.
  std::span<const NonceRange> Propose();
  // What must be written before a block of `count` counters, with some to go on with.
  std::span<const NonceRange> ProposeFor(uint64_t count);
  std::span<const NonceRange> pending() const { return pending_; }
  bool HasPending() const { return !pending_.empty(); }
  // What is pending is durable.
  void CountSynced();
  // What is pending was not written.
  void Drop();

  // What a new ledger file must repeat: a range that ends where the reservations end, of the
  // segment in use and of those behind it.
  std::vector<NonceRange> Live() const;

 private:
  // Proposes ranges of a segment from its reserved end on until it reaches `to`.
  void Reserve(uint64_t segment_seq, uint64_t from, uint64_t to, size_t together_max);
  uint64_t Ahead() const;

  const uint64_t ahead_;
  NonceEnds ends_;     // What is reserved, durably,
  NonceEnds adopted_;  // and what of it earlier processes may have used.
  uint64_t segment_seq_ = 0;
  bool is_encrypted_ = false;
  bool next_is_encrypted_ = false;
  uint64_t next_ = 0;                  // The first counter that nobody used.
  uint64_t largest_ = 1;               // Counters of the largest block so far.
  std::vector<NonceRange> abandoned_;  // Not yet written.
  std::vector<NonceRange> pending_;
};

}  // namespace clustor
