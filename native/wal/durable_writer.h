// DurableWriter: makes a block durable, in the order of the ledger setting (docs/wal-format.md,
// section 7), and confirms later what the fast settings leave open.
#pragma once

#include <cstdint>

#include "base/status.h"
#include "os/env.h"
#include "wal/block_builder.h"
#include "wal/ledger.h"
#include "wal/options.h"
#include "wal/segment_tail.h"
#include "wal/sync_companion.h"
#include "wal/sync_watch.h"

namespace clustor {

// When the stages of a group ended, monotonic nanoseconds.
struct StageTimes {
  uint64_t start = 0, encoded = 0, written = 0, synced = 0, proven = 0;
};

// All methods are called under the commit lock.
class DurableWriter {
 public:
  enum class Threads : uint8_t { kNone, kCompanion };

  // What is borrowed outlives the writer.
  DurableWriter(Env* env, const LogOptions& options, Threads threads, SegmentTail* tail,
                Ledger* ledger, SyncWatch* watch);

  // Makes room for what Write adds to the ledger, before a byte is written.
  Status EnsureRoom(RoomFor what);
  // Completes the block and writes it at the end of the tail; on OK it may be acknowledged. After a
  // shortage nothing of it is left on the disk (W5); any other failure is a poison (W2).
  Status Write(BuiltBlock* block, const Proof& proof, StageTimes* times);

  // Proves the newest block if no block record does. After a shortage it can be tried again; any
  // other failure is a poison.
  Status Confirm();
  // When Confirm is due, monotonic; 0 while there is nothing to confirm, or nothing that would have
  // to be.
  uint64_t ConfirmDueNs() const;
  // Since when the oldest block waits that Confirm would cover and the ledger does not; 0: none.
  uint64_t UnconfirmedSinceNs() const { return ConfirmDueNs() != 0 ? oldest_ns_ : 0; }
  uint64_t confirms() const { return confirms_; }
  // Whether every Write syncs the ledger as well.
  bool SyncsLedger() const { return setting_ != LedgerSetting::kInline; }

  // Ends the companion thread.
  void Stop() { companion_.Stop(); }

 private:
  Status WriteOrdered(BuiltBlock* block, const Proof& proof, StageTimes* times);
  Status WriteOverlapped(BuiltBlock* block, const Proof& proof, StageTimes* times);
  Status WriteInline(BuiltBlock* block, const Proof& proof, StageTimes* times);
  Status WriteBoth(BuiltBlock* block, const Proof& proof);
  Status SyncBoth(uint64_t block_number, StageTimes* times);
  Status WriteConfirmation();
  Status Undo(Status why, uint64_t block_bytes, bool ledger_written);
  void NoteUnconfirmed(uint64_t oldest_ns, uint64_t newest_ns);

  // Constant after construction.
  Env* const env_;
  const LedgerSetting setting_;
  const Threads threads_;
  const uint64_t confirm_ns_;
  SegmentTail* const tail_;
  Ledger* const ledger_;
  SyncWatch* const watch_;

  SyncCompanion companion_;
  uint64_t oldest_ns_ = 0;       // When the oldest unconfirmed block was written,
  uint64_t newest_ns_ = 0;       // and the newest.
  uint64_t retry_after_ns_ = 0;  // A confirmation met a shortage.
  uint64_t confirms_ = 0;
};

}  // namespace clustor
