// Options of a log. Defaults are the package's; src/config/options.ts documents them to users.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "crypto/key_ring.h"

namespace clustor {

// Whose log this is. Checked at every open against identity.json.
struct LogIdentity {
  std::string cluster;
  std::string partition;  // At most 255 bytes of UTF-8, as is cluster.
  uint64_t replica = 0;
  // Which life of the replica. 0: a new directory gets the creation time, an old one is accepted
  // whatever it holds.
  uint64_t incarnation = 0;
};

enum class Durability : uint8_t {
  kStrict = 0,  // One block and one sync per write.
  kGroup = 1,   // All writes queued while the last sync ran become one block.
};

// When the ledger is synced, relative to the segment (docs/wal-format.md, section 7).
enum class LedgerSetting : uint8_t {
  kOrdered = 0,     // After the segment: every record is proof.
  kOverlapped = 1,  // Together with it.
  kInline = 2,      // Later: the next block proves the one before it.
};

// How frame bodies are stored. In memory and between replicas they are always binary.
enum class LogEncoding : uint8_t { kBinary = 0, kJson = 1 };

enum class LedgerCodec : uint8_t { kBinary = 0, kJson = 1 };

// A point that the log is known to have reached, kept outside of its directory. Opening a log that
// ends before it, or with another block in its place, is refused: somebody put back older files.
struct LogAnchor {
  uint64_t block = 0;  // 0: not known.
  uint32_t checksum = 0;
  // Entries from here on were not removed: the log must not begin later. 0: not known.
  uint64_t first_index = 0;
};

// How far an Open has come; written by the threads that verify, read by anyone. Relaxed.
struct OpenProgress {
  std::atomic<uint64_t> bytes_done{0};
  std::atomic<uint64_t> bytes_total{0};
};

// Where a log begins that does not exist yet; copies of logs begin where theirs did.
struct LogStart {
  uint64_t segment = 1;
  uint64_t index = 1;
  uint64_t block = 1;
};

struct LogOptions {
  std::string directory;      // Directory of the partition; made when missing.
  std::string wal_directory;  // Where segments and ledger live; empty: directory + "/wal".
  LogIdentity identity;
  Durability durability = Durability::kStrict;
  uint64_t segment_bytes_max = 64ull << 20;  // Multiple of 4096, 64 KiB .. 1 GiB.
  uint32_t block_alignment = 4096;           // Power of two, 512 .. 4096.
  uint64_t group_bytes_max = 4ull << 20;   // A group ends when it passes this (a single write may).
  uint32_t group_writes_max = 65536;       // ... or this many writes.
  uint32_t payload_bytes_max = 4u << 20;   // Largest payload of an entry, bytes.
  uint64_t ledger_bytes_max = 4ull << 20;  // Preallocated, 16 KiB .. 1 GiB; compacted when full.
  LedgerSetting ledger = LedgerSetting::kOrdered;
  // Overlapped and inline: how long the log idles before its newest block is confirmed in the
  // ledger.
  uint32_t ledger_confirm_ms = 20;
  LedgerCodec ledger_codec = LedgerCodec::kBinary;
  LogEncoding encoding = LogEncoding::kBinary;  // Of new segments; a log may mix both.
  bool merkle_leaves = false;                   // Frames of new segments carry a SHA-256 leaf.
  // Null: blocks are not encrypted and segments get no trailer. Else new segments are encrypted
  // under the active dek epoch and sealed under the active mac epoch, each unless it is 0.
  std::shared_ptr<const KeyRing> keys;
  std::optional<LogAnchor> anchor;
  LogStart start;
  uint32_t verify_threads = 2;  // That read and verify segments in Open.
  // Whether the recovery report lists the entries (terms, kinds, lengths): 4 bytes an entry.
  bool recover_entries = true;
  OpenProgress* progress = nullptr;  // Outlives Open.
  // Opens a log on a file system of a network or of memory, where a sync promises little.
  bool unsafe_file_system = false;
  // Removed segments that are kept, at most, to be used again; 0: none.
  uint32_t spares_max = 2;
  // A file kept for votes and other writes without entries when the disk is full: multiple of
  // 4096, 64 KiB .. 1 GiB.
  uint64_t headroom_bytes = 256 << 10;
  // Processors of threads that wait for small groups are kept awake while the disk answers within
  // this; 0: never.
  uint32_t awake_us_max = 400;
  uint32_t sync_stall_ms = 1000;  // LogStats::sync_stalls counts syncs that took longer.
};

}  // namespace clustor
