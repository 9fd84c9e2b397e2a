// Where the parts of the files are: the regions that the tamper matrix aims at, and the forger who
// makes every checksum of a changed file right again.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tamper_world.h"
#include "wal/format.h"

namespace clustor::test {

struct Region {
  std::string name;
  uint64_t offset = 0;
  uint64_t bytes = 0;
};

struct BlockPlace {
  uint64_t offset = 0;
  uint64_t bytes = 0;         // With padding.
  uint64_t stored_bytes = 0;  // Of its frames, tag included.
  BlockHeader header;
};

struct SegmentPlace {
  std::string path;
  SegmentHeader header;
  std::vector<BlockPlace> blocks;
  bool is_tail = false;
};

// The live segments, oldest first; the last one is the tail.
std::vector<SegmentPlace> SegmentsOf(const Files& files);
std::string LedgerOf(const Files& files);

// Named parts of a segment: each field of its header and of three of its blocks, their contents,
// and what is behind the last.
std::vector<Region> RegionsOf(const SegmentPlace& segment);
// Of the ledger: each field of its first and its newest records.
std::vector<Region> LedgerRegionsOf(const PagedBytes& ledger);

// Makes every CRC and every link of the chain right, from the oldest segment to the newest, and the
// CRC of every ledger record: what can be done without a key.
void ForgeChecksums(Files* files);

}  // namespace clustor::test
