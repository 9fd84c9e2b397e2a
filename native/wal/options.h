// Options of a log. Defaults are the package's; src/config/options.ts documents them to users.
#pragma once

#include <cstdint>
#include <string>

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
};

}  // namespace clustor
