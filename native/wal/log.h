// Log: the durable log of one partition. The only header the binding needs.
//
// Threads: every method may be called from any thread, unless it says otherwise. Submit, Stats and
// hard_state never wait for the disk. Open, Read, TruncatePrefix and Close do.
// Order: writes become durable, and complete, in the order of Submit.
// Promise: a write that completed OK is on stable storage: its block was synced in its segment,
// then its proof was synced in the ledger (docs/wal-format.md, "Order"). A write that failed with
// ERR_DISK_FULL, ERR_QUOTA_EXCEEDED, ERR_TOO_MANY_FILES, ERR_TOO_LARGE, ERR_INVALID_ARGUMENT or
// ERR_CLOSED left nothing behind. One that failed with any other code may or may not be found when
// the log is opened again.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/slab.h"
#include "base/status.h"
#include "os/env.h"
#include "wal/committer_pool.h"
#include "wal/frame.h"
#include "wal/hard_state.h"
#include "wal/nonce_plan.h"
#include "wal/options.h"
#include "wal/prove.h"
#include "wal/scrub.h"
#include "wal/stats.h"

namespace clustor {

// Entries to append: frames back to back, as EncodeFrame made them or ParseFrames accepted them.
// The log does not check their CRCs again.
struct FrameBatch {
  Slab bytes;
  std::vector<uint32_t> byte_lengths;  // Per frame; adds up to bytes.bytes().
  uint64_t first_index = 0;
  uint64_t last_index = 0;  // first_index + byte_lengths.size() - 1.
  uint64_t last_term = 0;   // Term of the last entry.
};

// One atomic write; its parts apply in this order.
struct Write {
  std::optional<HardState> hard_state;
  std::optional<uint64_t>
      truncate_from;                 // Entries at and above go (truncateSuffix). Must lie above
                                     // the durable commit index and not above last index + 1.
  std::optional<FrameBatch> frames;  // First index = last index + 1 after the truncation.
  // Completion::shortages of the newest completion that the submitter had heard of. One that is
  // on its way is about a write that this one was built on: then this one fails with it.
  uint64_t shortages_heard = UINT64_MAX;
};

// The outcome of a range of writes: those after the previous completion, up to through_sequence.
struct Completion {
  uint64_t through_sequence = 0;
  Status status;
  uint64_t durable_index = 0;  // Last durable entry after these writes.
  uint64_t durable_term = 0;   // Its term.
  uint64_t shortages = 0;      // How many times writes have failed for want of space, so far.
};

class CompletionSink {
 public:
  virtual ~CompletionSink() = default;
  // Called once per commit group that succeeded and once per run of failures, in sequence order,
  // from the thread that commits (or the one in Pump or Close), with no lock held. Must not call
  // Close.
  virtual void OnComplete(Completion completion) = 0;
};

// What recovery found and did.
struct RecoveryReport {
  HardState hard_state;
  // All readable entries; first_index > last_index when none. Without LogOptions::recover_entries
  // only the two indexes.
  FrameRange entries;
  uint64_t valid_block = 0;         // v: number of the last block of the valid chain.
  uint64_t proven_block = 0;        // d: number of the newest block that the ledger proves.
  uint64_t proven_index = 0;        // Index in the newest entry record of the ledger.
  uint64_t torn_bytes_dropped = 0;  // Bytes after the valid tail that were zeroed.
  uint64_t unproven_blocks = 0;     // Valid blocks past d: made durable and proven.
  uint64_t ledger_records = 0;
  uint64_t ledger_records_bad = 0;  // Records that do not verify (a torn last one, or rot).
  uint64_t segments = 0;
  uint64_t segments_removed = 0;  // Half-made segments, and ones below the recorded prefix.
  uint64_t bytes_scanned = 0;
  uint64_t tail_segment = 0;
  uint64_t tail_offset = 0;
  uint64_t incarnation = 0;          // From identity.json.
  bool created = false;              // The directory held no log before.
  uint64_t scan_ns = 0;              // Reading and verifying.
  uint64_t repair_ns = 0;            // Dropping the torn tail, proving, making files.
  bool boot_record_written = false;  // boot_record.json says all this; false: it could not be.
};

// Verified frames read back, back to back.
struct FrameRead {
  FrameRange range;
  Slab bytes;
};

class Log {
 public:
  // Opens or creates the log and recovers it. Blocks for as long as the log takes to read.
  // env, pool and sink outlive the log. pool may be null: then nothing runs by itself and the
  // caller drives the log with Pump (tests, simulation). Errors: kLocked (owner_pid),
  // kIdentityMismatch, kNotWritable (path, errno), kUnsafeFileSystem (path), kFormatNewer,
  // kCodecMismatch, kLogCorrupt (segment, offset, index range; nothing was changed),
  // kInvalidArgument (options), kDiskFull and other codes of failed system calls.
  static StatusOr<std::unique_ptr<Log>> Open(Env* env, LogOptions options, CommitterPool* pool,
                                             CompletionSink* sink);
  // Closes when Close was not called; see there.
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  // What Open found. Constant; ReleaseRecoveredEntries frees the columns once they were taken over.
  const RecoveryReport& recovery() const;
  void ReleaseRecoveredEntries();

  // Queues a write and returns its sequence number: 1, 2, 3, ... Returns 0, and completes nothing,
  // when the log was closed. The queue is not bounded here: the caller bounds what it has in
  // flight. Completes with kTooLarge (a frame over payload_bytes_max, or a write that no segment
  // can hold), kInvalidArgument (not contiguous, truncation of committed entries), kDiskFull and
  // the other shortages: this write and all that were submitted before its failure was heard of
  // (Write::shortages_heard) fail, the log continues after its last good entry; kLogPoisoned: an
  // earlier write or sync failed for good; kReadOnlyFilesystem: likewise, for the file system takes
  // no more writes.
  uint64_t Submit(Write write);
  // As Submit, but nobody is woken for it: CommitThrough follows.
  uint64_t SubmitQuietly(Write write);
  // Returns when the write of this sequence number, and with it every earlier one, has completed
  // and the sink has heard of it. Commits on the calling thread as far as no other is at it; so it
  // blocks for as long as the disk takes. REQUIRES: the write was submitted, no Close before it
  // returns.
  void CommitThrough(uint64_t sequence);

  // Reads entries first_index .. last_index from disk, verified, whole frames, at most bytes_max of
  // them but always at least one entry. Only durable entries can be read.
  // Errors: kIndexCompacted below first_index(), kIndexOutOfRange above the last durable entry,
  // kLogCorrupt (segment, offset) when the bytes no longer verify.
  StatusOr<FrameRead> Read(uint64_t first_index, uint64_t last_index, uint64_t bytes_max);

  // Proves that the entry is part of its segment: with the leaf, path and root of the tree over the
  // entries of that segment that are live and durable at this moment. Reads the whole segment.
  // Errors: as Read, and kCryptoUnavailable.
  StatusOr<EntryProof> Prove(uint64_t index);
  // The root of that tree for any segment; that of a sealed segment only changes when a truncation
  // reaches into it. Errors: kIndexOutOfRange when the log has no such segment, kLogCorrupt,
  // kCryptoUnavailable.
  StatusOr<SegmentRoot> MerkleRoot(uint64_t segment_seq);

  // Removes whole segments whose entries all lie below `before`; durable on return. Entries of a
  // segment that is only partly below stay readable.
  Status TruncatePrefix(uint64_t before);

  // Verifies about bytes_max bytes of what the disk holds of the durable log, at least one block,
  // and moves the cursor, which starts as ScrubCursor(). Segments that are removed meanwhile are
  // passed over. Blocks for as long as reading takes; one call at a time per cursor. Errors:
  // kLogCorrupt (segment, offset, indexes) for damage, which also quarantines the log: the cursor
  // then goes on behind the segment. kIo and its kin for failed reads, which do not.
  StatusOr<ScrubStep> Scrub(ScrubCursor* cursor, uint64_t bytes_max);

  // Takes the log out of use for writing, for damage that was found in it: writes and
  // TruncatePrefix fail with kLogQuarantined and the place of the damage; reads of what verifies go
  // on. Until the log is closed: the next Open judges for itself. The first call counts.
  void Quarantine(const Status& damage);

  // Rotates the keys while the log runs: the next write begins a segment under the active epochs of
  // this ring, unless they are those of the tail; segments that are there keep theirs and are read
  // with the ring. Null, or a ring whose active dek is 0, ends encryption. The log holds no other
  // ring afterwards. On failure nothing changes. Errors: kKeyUnknownEpoch (an epoch that a segment
  // needs is not in the ring), kKeyWrong (the tail was written with another key of its epoch),
  // kCryptoUnavailable, kLogPoisoned, kLogQuarantined, kClosed.
  Status SetKeys(std::shared_ptr<const KeyRing> keys);

  // Records that nobody will use these crypto counters of other segments: durable on return, for
  // people and tools; nothing reads it back. Errors: kLogPoisoned, and the shortages.
  Status GiveUp(const std::vector<NonceRange>& ranges);

  // A snapshot; counters of one call belong together as far as one group is concerned.
  LogStats Stats() const;

  // Commits what is queued, stops, releases the lock. Writes that cannot be committed complete with
  // kClosed or their own failure before Close returns. Idempotent. Returns the poison, if any.
  // Not to be called from OnComplete.
  Status Close();

  // Runs at most one commit group and one background job on the calling thread; true when there was
  // something to do. REQUIRES: opened without a pool.
  bool Pump();

 private:
  class Impl;
  explicit Log(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace clustor
