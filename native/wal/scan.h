// ScanDirectory: reads everything a log consists of, once, and judges it. Changes nothing.
// Segments are verified in parallel, each by itself; then their results are linked in order, so the
// verdict does not depend on the threads. Recovery acts on the result; verification reports it
// (docs/wal-format.md, section 8).
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "os/env.h"
#include "wal/block_reader.h"
#include "wal/catalog.h"
#include "wal/ledger.h"
#include "wal/options.h"
#include "wal/paths.h"
#include "wal/replay.h"
#include "wal/segment_scan.h"

namespace clustor {

struct DirectoryScan {
  Status verdict;  // OK, or why the log must not be opened.

  std::optional<LedgerScan> ledger;
  std::deque<SegmentSpans> segments;  // Oldest first; the tail is the last.
  SegmentHeader tail_header;          // REQUIRES: !segments.empty().
  uint64_t tail_offset = 0;
  std::unique_ptr<SegmentMac> tail_mac;  // Of its blocks; null when the tail gets no trailer.
  uint64_t tail_next_counter = 0;        // See SegmentScan.
  Leftover leftover;                     // Behind the end of the tail.
  ChainEnd end;                          // v and its checksum.
  BlockPosition end_position;            // Of block v.
  Proof end_proof;         // That would prove v, and the block before it, when they are
  Proof before_end_proof;  // there: block 0 otherwise.
  ReplayedLog log;

  std::vector<std::string> junk;  // Spares and half-written ledgers.
  std::vector<uint64_t> below_prefix;
  std::optional<uint64_t> half_made;  // Newest segment, without a valid header.

  std::optional<uint32_t> anchor_checksum;  // Of the block that the anchor names.

  uint64_t bytes_scanned = 0;
  uint64_t blocks = 0;
  uint64_t entry_bytes = 0;
  uint64_t padding_bytes = 0;
};

// identity: what segment headers must name. Findings, kFormatNewer, kCodecMismatch and
// kIdentityMismatch among them, are in the verdict. Errors: failed reads.
StatusOr<DirectoryScan> ScanDirectory(Env* env, const LogPaths& paths, const LogIdentity& identity,
                                      const ScanOptions& options);

// The segment_seqs of the segment files in the directory, ascending. A missing directory is empty.
StatusOr<std::vector<uint64_t>> ListSegments(Env* env, const LogPaths& paths,
                                             std::vector<std::string>* junk);

}  // namespace clustor
