// SegmentScan: what one segment file says, found with nothing but the file itself. Its header names
// the first block and the checksum before it, so segments are verified in any order and on any
// thread; scan.h links the results and judges them (docs/wal-format.md, section 8).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "os/env.h"
#include "wal/block_reader.h"
#include "wal/catalog.h"
#include "wal/format.h"
#include "wal/ledger.h"
#include "wal/options.h"
#include "wal/paths.h"
#include "wal/replay.h"
#include "wal/segment_mac.h"

namespace clustor {

// Where the newest valid block is.
struct BlockPosition {
  uint64_t segment_seq = 0;  // 0 when no block is there.
  uint64_t offset = 0;
  uint64_t bytes = 0;  // Without padding.
};

// How segments are read; the same for all segments of a log.
struct ScanOptions {
  uint32_t threads = 1;      // That read and verify; at least 1.
  bool list_entries = true;  // Keep the byte length of every entry.
  OpenProgress* progress = nullptr;
  std::shared_ptr<const KeyRing> keys;
  std::optional<LogAnchor> anchor;
};

ScanOptions ScanOptionsOf(const LogOptions& options);

// The block that the ledger proves last, as it is in the segment.
struct WatchedBlock {
  uint64_t offset = 0;
  uint64_t last_index = 0;
};

struct SegmentScan {
  uint64_t segment_seq = 0;
  Status read;  // Failed reads; what else is here then stops short of them.

  std::optional<SegmentHeader> header;  // When it verifies and is this log's.
  // Else why: kFormatNewer, kIdentityMismatch and what is wrong with the keys are final.
  Status refused;
  bool header_verifies = false;            // False: as after a crash while the segment was made.
  SegmentHeader remains;                   // Of one that does not: what its blocks must carry.
  std::optional<BlockHeader> first_block;  // Of one that does not: what stands behind the header.
  uint64_t file_bytes = 0;

  // The chain of blocks, from the one that the header names.
  ChainEnd end;
  uint64_t end_offset = kSegmentHeaderBytes;  // Behind the last valid block.
  BlockOutcome outcome = BlockOutcome::kEnd;  // Why the chain ends there.
  std::string why;                            // The same in words, except for kEnd.
  const char* contradiction =
      nullptr;                 // What is wrong with the records of the block at end_offset.
  BlockPosition end_position;  // Of the last block.
  Proof end_proof;             // That would prove it and the one before it, when these are
  Proof before_end_proof;      // in this segment. Term 0: of an entry in an older segment.
  std::optional<WatchedBlock> watched;
  std::optional<uint32_t> anchor_checksum;  // Of the block that the anchor names.

  std::unique_ptr<SegmentMac> mac;  // Of the valid blocks; null without a mac_epoch.
  TrailerState trailer = TrailerState::kNone;

  uint64_t next_counter = 0;  // Behind the crypto counters that valid blocks use.

  ReplayedLog log;               // From the base index; reaches below it when it truncates.
  std::vector<BlockSpan> spans;  // Of blocks with entries that the segment leaves alive.

  uint64_t bytes_read = 0;
  uint64_t blocks = 0;
  uint64_t entry_bytes = 0;
  uint64_t padding_bytes = 0;

  // Whether no segment behind this one can change the verdict any more.
  bool IsBroken() const;
};

// Constant for one scan.
struct SegmentScanContext {
  Env* env = nullptr;
  const LogPaths* paths = nullptr;
  const LogIdentity* identity = nullptr;
  const ScanOptions* options = nullptr;
  uint64_t watched_block = 0;  // The newest block that the ledger proves, 0 for none.
};

// Reads and verifies one segment. Memory apart from the result: a window of one megabyte, or of the
// largest block. Any thread.
SegmentScan ScanSegment(const SegmentScanContext& context, uint64_t segment_seq);

// Scans segments first .. first + count - 1 on context.options->threads threads; the result has
// them in that order. Segments behind one that decides the verdict may be left out: the result then
// ends with what was scanned without a gap.
std::vector<SegmentScan> ScanAllSegments(const SegmentScanContext& context, uint64_t first,
                                         size_t count);

}  // namespace clustor
