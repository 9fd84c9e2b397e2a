// ScanLedger: what a ledger file says. Every slot counts by itself, so that records behind one that
// a crash tore are not lost with it (docs/wal-format.md, section 6).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/status.h"
#include "os/env.h"
#include "wal/format.h"
#include "wal/nonce_plan.h"
#include "wal/options.h"

namespace clustor {

// What a transition record says: the rules by which the blocks behind it were acknowledged.
struct LedgerSettings {
  LedgerSetting ledger = LedgerSetting::kOrdered;
  Durability durability = Durability::kStrict;
  friend bool operator==(const LedgerSettings&, const LedgerSettings&) = default;
};

struct LedgerScan {
  LedgerCodec codec = LedgerCodec::kBinary;
  uint64_t file_bytes = 0;
  uint64_t end_offset = 0;   // After the last record that verifies.
  uint64_t nonzero_end = 0;  // After the last byte that is not zero.
  uint64_t records = 0;
  uint64_t records_bad = 0;    // Slots that hold something that does not verify.
  uint64_t proven_block = 0;   // d, 0 when no block is proven.
  uint64_t proof_segment = 0;  // Segment and last index that belong to d.
  uint64_t proof_last_index = 0;
  // d comes from a block record: segment and last index are those of block d. Else they are a
  // guess, for messages.
  bool proof_is_exact = false;
  std::optional<LedgerRecord> newest_entry;
  std::optional<LedgerSettings> settings;  // Of the newest transition record.
  uint64_t prefix_segment = 1;             // No segment below this one belongs to the log.
  uint64_t prefix_index = 1;
  NonceEnds nonces;  // Of reservations; what is given up stays reserved.
};

// Takes the next record, in the order of slots, into account.
void ApplyLedgerRecord(const LedgerRecord& record, LedgerScan* scan);

// Reads the file in the codec that it is found to have.
// Errors: kLogCorrupt (nothing verifies), and failed reads.
StatusOr<LedgerScan> ScanLedger(File* file, const std::string& path);

// The codec of a ledger whose first slots are these bytes. Binary when none of them verifies.
LedgerCodec DetectLedgerCodec(std::span<const std::byte> bytes);

}  // namespace clustor
