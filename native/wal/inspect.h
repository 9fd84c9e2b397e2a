// Offline inspection of a log directory, for `clustor log verify|dump|stats`. Read-only: takes no
// lock, changes nothing, creates nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "os/env.h"
#include "wal/frame.h"
#include "wal/log.h"

namespace clustor {

struct VerifyReport {
  Status verdict;           // OK, or the Status that Open would return for the bytes as they are.
  RecoveryReport recovery;  // What recovery would find; entries are filled as far as they verify.
  LogIdentity identity;
  bool locked = false;  // A process has the log open: a growing tail is then no finding.
  uint64_t block_payload_bytes = 0;  // Frames of entries, of all blocks.
  uint64_t padding_bytes = 0;
};

// Reads and judges the whole directory. wal_directory empty: directory + "/wal". keys: of encrypted
// segments; without them the verdict on such a log is kKeyUnknownEpoch.
// Errors: kIo and its kin when files cannot be read; findings are in the verdict.
StatusOr<VerifyReport> VerifyDirectory(Env* env, const std::string& directory,
                                       const std::string& wal_directory,
                                       std::shared_ptr<const KeyRing> keys = nullptr);

// One thing found in the files, in file order: all segments by segment_seq, then the ledger.
struct DumpItem {
  enum class Type : uint8_t { kSegment, kBlock, kEntry, kHardState, kTruncate, kLedger, kInvalid };
  Type type = Type::kInvalid;
  uint64_t segment = 0;  // segment_seq.
  uint64_t offset = 0;   // In its file; for a record inside a block: of the frame.
  uint64_t bytes = 0;    // Of the item, padding included for blocks.
  uint64_t block = 0;    // Block number, for blocks, their records and block proofs of the ledger.
  uint64_t first_index = 0;   // kSegment: base index; kBlock: first entry; kEntry: its index.
  uint64_t last_index = 0;    // kBlock: last index of the log after it.
  uint64_t entry_count = 0;   // kBlock.
  uint64_t term = 0;          // kEntry, kHardState, kLedger.
  uint64_t index = 0;         // kEntry: index; kTruncate: from; kHardState: commit; kLedger: index.
  uint64_t vote = 0;          // kHardState.
  uint8_t kind = 0;           // kEntry: entry kind; kLedger: io_mode.
  uint64_t timestamp_ms = 0;  // kLedger.
  uint64_t payload_bytes = 0;  // kEntry.
  std::string detail;          // kInvalid: why; kSegment: encoding, cipher, partition.
};

class DumpIterator {
 public:
  // Without keys the blocks of encrypted segments are listed, their records are not. Blocks whose
  // entries all lie below from_index are left out with everything in them; where a segment has an
  // index, they are not even read. Errors: kIo and its kin when the directory cannot be listed.
  static StatusOr<std::unique_ptr<DumpIterator>> Open(Env* env, const std::string& directory,
                                                      const std::string& wal_directory,
                                                      std::shared_ptr<const KeyRing> keys = nullptr,
                                                      uint64_t from_index = 0);
  ~DumpIterator();
  // The next item, or nothing at the end. A file that does not verify yields one kInvalid item and
  // the iterator goes on with the next file. Memory: one block.
  StatusOr<std::optional<DumpItem>> Next();

 private:
  class Impl;
  explicit DumpIterator(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace clustor
