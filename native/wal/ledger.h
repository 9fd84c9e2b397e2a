// The durability ledger (docs/wal-format.md, section 6): proofs of durable blocks.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/mutex.h"
#include "base/status.h"
#include "os/env.h"
#include "wal/format.h"
#include "wal/options.h"
#include "wal/paths.h"

namespace clustor {

// That a block is durable, and what the log ends with after it.
struct Proof {
  uint64_t block = 0;
  uint64_t segment_seq = 0;
  uint64_t last_index = 0;
  uint64_t last_term = 0;
  bool has_entries = false;
};

// What a ledger file says.
struct LedgerScan {
  uint64_t file_bytes = 0;
  uint64_t end_offset = 0;   // After the last record that verifies.
  uint64_t nonzero_end = 0;  // After the last byte that is not zero.
  uint64_t records = 0;
  uint64_t records_bad = 0;    // Slots that hold something that does not verify.
  uint64_t proven_block = 0;   // d, 0 when no block is proven.
  uint64_t proof_segment = 0;  // Segment and last index that belong to d.
  uint64_t proof_last_index = 0;
  bool proof_is_exact = false;  // d comes from a block record, not from counting entry records.
  std::optional<LedgerRecord> newest_entry;
  uint64_t prefix_segment = 1;  // No segment below this one belongs to the log.
  uint64_t prefix_index = 1;
};

// Errors: kCodecMismatch, kLogCorrupt (nothing verifies), and failed reads.
StatusOr<LedgerScan> ScanLedger(File* file, const std::string& path);

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
  Status Adopt(const LedgerScan& scan);

  // Makes room for a proof, switching to a fresh file when the current one is full. Before any byte
  // of the block is written, so that a shortage leaves nothing behind.
  Status EnsureRoom();
  // Writes the proof behind the last record. Durable after Sync; counts only after Sync returned
  // OK.
  Status WriteProof(const Proof& proof);
  Status Sync();
  // Undoes a WriteProof that failed: zeroes its place and syncs.
  Status Rollback();
  // The next record begins on a page that nothing written so far shares.
  void StartPage();
  // Writes and syncs a prefix record.
  Status RecordPrefix(const LogPrefix& prefix);

  // True when PrepareNext should run in the background.
  bool WantsNext() const;
  // Makes and zeroes the next file. Any one thread at a time.
  void PrepareNext(const std::atomic<bool>* cancelled) EXCLUDES(next_mutex_);

  uint64_t used_bytes() const { return offset_; }
  uint64_t switches() const { return switches_; }

 private:
  LedgerRecord Record(LedgerTag tag, uint64_t term, uint64_t index, uint64_t segment_seq);
  Status SwitchTo(std::unique_ptr<File> file);
  StatusOr<std::unique_ptr<File>> TakeNext() EXCLUDES(next_mutex_);

  // Constant after construction.
  Env* const env_;
  const LogPaths paths_;
  const uint64_t bytes_max_;
  const Durability durability_;

  // Under the commit lock.
  std::unique_ptr<File> file_;
  uint64_t file_bytes_ = 0;
  uint64_t offset_ = 0;         // Where the next record goes.
  uint64_t written_bytes_ = 0;  // Bytes of the proof behind offset_ that are not synced.
  Proof newest_;                // Newest written proof.
  Proof written_;
  std::optional<LedgerRecord> newest_entry_;
  LogPrefix prefix_;
  uint64_t switches_ = 0;

  // kTaken: a switch is under way and owns the file name. kFailed: EnsureRoom makes the file
  // itself. Changed under next_mutex_, read without it as a hint.
  enum NextState : int { kNone, kReady, kTaken, kFailed };
  std::atomic<int> next_state_{kNone};
  Mutex next_mutex_;
  std::unique_ptr<File> next_ GUARDED_BY(next_mutex_);
};

}  // namespace clustor
