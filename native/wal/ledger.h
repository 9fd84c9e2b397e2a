// The durability ledger (docs/wal-format.md, section 6): proofs of durable blocks.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/mutex.h"
#include "base/status.h"
#include "os/env.h"
#include "wal/format.h"
#include "wal/ledger_codec.h"
#include "wal/ledger_scan.h"
#include "wal/nonce_plan.h"
#include "wal/options.h"
#include "wal/paths.h"
#include "wal/room_for.h"

namespace clustor {

// That a block is durable, and what the log ends with after it.
struct Proof {
  uint64_t block = 0;
  uint64_t segment_seq = 0;
  uint64_t last_index = 0;
  uint64_t last_term = 0;
  bool has_entries = false;
};

// Where the log begins, for prefix records.
struct LogPrefix {
  uint64_t first_segment = 1;
  uint64_t first_index = 1;
};

// The ledger of an open log. All methods are called under the commit lock, except PrepareNext.
class Ledger {
 public:
  Ledger(Env* env, LogPaths paths, const LogOptions& options);

  // Makes the first ledger of a log; durable on OK.
  Status Create();
  // Takes over a scanned file: zeroes what follows the page of its last record and syncs.
  // REQUIRES: scan.codec is that of the options.
  Status Adopt(const LedgerScan& scan);

  // Makes room for a proof, switching to a fresh file when the current one is full. Before any byte
  // of the block is written, so that a shortage leaves nothing behind.
  // Entries leave the end of the file to others while no next file is ready.
  Status EnsureRoom(RoomFor what);
  // Writes records behind the last one, which Sync or Rollback must follow: that the block is
  // durable, or that it is about to be, so that all before it are. They count once they are synced.
  Status WriteProof(const Proof& proof);
  Status WriteClaim(const Proof& proof);
  // Makes what was written durable and counts it.
  Status Sync();
  // The two halves of Sync, for a caller that runs the first beside another sync.
  File* file() { return file_.get(); }
  void CountSynced();
  // Undoes a write that failed: zeroes its place and syncs.
  Status Rollback();

  // The block is durable, whatever the ledger says of it yet.
  void NoteDurable(const Proof& proof);
  // The newest durable block is one that no block record proves.
  bool HasUnconfirmed() const { return newest_is_exact_ && newest_.block > recorded_block_; }
  // Writes a proof of it; Sync or Rollback must follow.
  Status WriteConfirmation();

  // The next record begins on a page that nothing written so far shares.
  void StartPage();
  // Writes and syncs a prefix record.
  Status RecordPrefix(const LogPrefix& prefix);
  // Reservations of crypto counters. Every write above takes along what the plan proposes; they
  // count with it, and stand on a page that no later write touches.
  NoncePlan* nonces() { return &nonces_; }
  // Writes and syncs what the plan has pending, on a page of its own.
  Status RecordNonces();
  // Writes and syncs a transition record, unless the newest one says the same.
  Status RecordSettings();

  // True when PrepareNext should run in the background.
  bool WantsNext() const;
  // Makes and zeroes the next file. Any one thread at a time.
  void PrepareNext(const std::atomic<bool>* cancelled) EXCLUDES(next_mutex_);

  const LogPrefix& prefix() const { return prefix_; }
  uint64_t used_bytes() const { return offset_; }
  uint64_t switches() const { return switches_; }

 private:
  // Records that are written together: entry and block, or the opening of a file; with either,
  // reservations of counters.
  static constexpr size_t kRecordsTogetherMax = 4 + NoncePlan::kTogetherMax;

  LedgerRecord Record(LedgerTag tag, uint64_t term, uint64_t index, uint64_t segment_seq);
  void Add(const LedgerRecord& record);
  void AddEntry(LedgerTag tag, const Proof& proof);
  LedgerRecord Record(const NonceRange& range);
  void AddNonces();
  bool HasRoomFor(uint64_t records, uint64_t rest) const;
  Status Switch() EXCLUDES(next_mutex_);
  Status WriteAdded();
  Status WriteAlone(const LedgerRecord& record);
  void AddOpening();
  Status SwitchTo(std::unique_ptr<File> file);
  StatusOr<std::unique_ptr<File>> TakeNext() EXCLUDES(next_mutex_);

  // Constant after construction.
  Env* const env_;
  const LogPaths paths_;
  const LedgerCodec codec_;
  const size_t slot_bytes_;
  const uint64_t bytes_max_;
  const LedgerSettings settings_;
  const LedgerTag entry_tag_;  // Of entry records in front of block records.

  // Under the commit lock.
  std::unique_ptr<File> file_;
  uint64_t file_bytes_ = 0;
  uint64_t offset_ = 0;       // Where the next record goes.
  size_t pending_bytes_ = 0;  // Bytes of records behind offset_ that are not synced.
  std::array<std::byte, kRecordsTogetherMax * kLedgerSlotBytesMax> pending_;
  Proof pending_proof_;  // The block they are about, and
  std::optional<LedgerRecord> pending_entry_;
  uint64_t pending_recorded_block_ = 0;  // recorded_block_ once they are synced.
  Proof newest_;                         // The newest durable block.
  bool newest_is_exact_ = true;          // Its segment and index are known.
  uint64_t recorded_block_ = 0;          // The newest one with a block record.
  std::optional<LedgerRecord> newest_entry_;
  bool entry_is_recorded_ = true;  // newest_entry_ is in the file.
  std::optional<LedgerSettings> recorded_settings_;
  LogPrefix prefix_;
  NoncePlan nonces_;
  uint64_t switches_ = 0;

  // kTaken: a switch is under way and owns the file name. kFailed: EnsureRoom makes the file
  // itself. Changed under next_mutex_, read without it as a hint.
  enum NextState : int { kNone, kReady, kTaken, kFailed };
  std::atomic<int> next_state_{kNone};
  Mutex next_mutex_;
  std::unique_ptr<File> next_ GUARDED_BY(next_mutex_);
};

}  // namespace clustor
