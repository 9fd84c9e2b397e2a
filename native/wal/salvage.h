// SalvageDirectory: what can be had of a damaged log (docs/wal-format.md, "Salvage"). Offline.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "os/env.h"
#include "wal/hard_state.h"
#include "wal/options.h"

namespace clustor {

// An entry behind the damage: readable, but not known to be the log's at its index, for what came
// before it is not there.
struct StrayEntry {
  uint64_t segment = 0;
  uint64_t offset = 0;  // Of its block.
  uint64_t block = 0;   // Number of its block.
  uint64_t term = 0;
  uint64_t index = 0;
  uint8_t kind = 0;
  std::span<const std::byte> payload;  // Valid during the call.
};

class StrayEntrySink {
 public:
  virtual ~StrayEntrySink() = default;
  // In the order of the files. A failure ends the salvage and is returned.
  virtual Status OnStrayEntry(const StrayEntry& entry) = 0;
};

struct SalvageOptions {
  std::string from;
  std::string from_wal;  // Empty: from + "/wal".
  std::string to;        // Must hold no log.
  std::string to_wal;
  std::shared_ptr<const KeyRing> keys;
  // Whose log it is, when identity.json cannot be read.
  std::optional<LogIdentity> identity;
  StrayEntrySink* strays = nullptr;  // Null: they are counted only.
};

// Where the valid prefix of a damaged log ends, and why.
struct SalvageLoss {
  uint64_t segment = 0;
  uint64_t offset = 0;
  // Entries that the ledger says were durable and that the prefix does not reach; 0 when it does
  // not say.
  uint64_t first_index = 0;
  uint64_t last_index = 0;
  std::string why;
};

// Neighbouring entries behind the damage.
struct StrayRange {
  uint64_t segment = 0;
  uint64_t first_index = 0;
  uint64_t last_index = 0;
};

struct SalvageReport {
  LogIdentity identity;  // Of the new log; its incarnation is new.
  uint64_t first_index = 1;
  uint64_t last_index = 0;
  HardState hard_state;
  uint64_t blocks = 0;
  std::optional<SalvageLoss> loss;  // Nothing: the log was whole.
  std::vector<StrayRange> strays;
  uint64_t stray_entries = 0;
};

// Writes the longest valid prefix of the log in `from`, with its indexes, terms and hard state, as
// a new log into `to`; looks for readable entries behind its end. Changes nothing in `from`. What
// is lost stays lost: a replica that goes on with the new log has forgotten votes and entries that
// it acknowledged, so it must join its group as a new one. Parts that cannot be read (EIO) are
// damage, not failures. Errors: kLocked (somebody has the log open); kInvalidArgument (`to` holds
// something, or nobody knows whose log it is); those of keys; failed writes. Memory: one block, and
// the list of stray ranges.
StatusOr<SalvageReport> SalvageDirectory(Env* env, const SalvageOptions& options);

}  // namespace clustor
