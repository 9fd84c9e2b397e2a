// What a log counts and times. Histograms are log-linear: four buckets per power of two of
// nanoseconds, so any percentile is right within 25 %.
#pragma once

#include <array>
#include <cstdint>

#include "base/status.h"

namespace clustor {

inline constexpr int kHistogramBuckets = 160;  // Up to 2^41 ns, about 36 minutes.

// The largest value (ns) that falls into the bucket.
uint64_t HistogramBucketUpperNs(int bucket);
// The bucket of a value.
int HistogramBucketOf(uint64_t nanoseconds);

struct HistogramSnapshot {
  std::array<uint64_t, kHistogramBuckets> counts{};
  uint64_t count = 0;
  uint64_t total_ns = 0;
  uint64_t max_ns = 0;
};

// The stages of a commit group, in order. One sample per group and stage, except queue wait: one
// per write.
struct StageHistograms {
  HistogramSnapshot queue_wait;  // Submit to the start of its group.
  HistogramSnapshot encode;      // Building and checksumming the block.
  HistogramSnapshot write;       // pwrite of the block.
  HistogramSnapshot sync;        // fdatasync of the segment.
  HistogramSnapshot ledger;      // pwrite and fdatasync of the ledger record.
};

struct LogStats {
  uint64_t first_index = 0;    // Of the oldest readable entry; last_index + 1 when there is none.
  uint64_t last_index = 0;     // Last durable entry; 0 when none was ever written.
  uint64_t durable_index = 0;  // == last_index: entries count as there once they are durable.
  uint64_t durable_term = 0;   // Term of that entry, 0 when none is there.
  // The newest durable block, by number and checksum: kept elsewhere, a LogAnchor.
  uint64_t durable_block = 0;
  uint32_t durable_checksum = 0;
  uint64_t queued_writes = 0;
  uint64_t queued_bytes = 0;
  uint64_t segments = 0;
  uint64_t segment_bytes = 0;  // Bytes of all segment files, preallocated space included.
  uint64_t tail_segment = 0;   // segment_seq of the tail.
  uint64_t tail_offset = 0;    // Where its next block goes.
  uint64_t ledger_bytes = 0;   // Used bytes of the ledger.
  uint64_t segment_syncs = 0;
  uint64_t ledger_syncs = 0;
  uint64_t bytes_written = 0;        // Block bytes handed to pwrite.
  uint64_t frame_bytes_written = 0;  // Of these, frames of entries.
  uint64_t entries_written = 0;
  uint64_t blocks = 0;
  uint64_t rotations = 0;
  uint64_t late_spares = 0;        // Rotations that had to zero their segment themselves.
  uint64_t recycled_segments = 0;  // Removed segments that became spares.
  // Reservations of crypto counters that a block had to wait for, with a sync of their own.
  uint64_t nonce_late_reservations = 0;
  uint64_t ledger_switches = 0;  // Compactions of the ledger.
  uint64_t confirms = 0;         // Background proofs of the fast ledger settings.
  // How long the oldest durable block waits that the ledger does not prove by itself yet; 0: none.
  uint64_t unconfirmed_ns = 0;
  uint64_t shortages = 0;  // Groups failed by ERR_DISK_FULL and its kin.
  // How long the disk step that commits wait for (a sync, or making room) is under way; 0: none.
  uint64_t sync_in_flight_ns = 0;
  uint64_t sync_stalls = 0;  // Syncs that took longer than sync_stall_ms.
  bool poisoned = false;
  Status poison;  // Why, when poisoned.
  bool quarantined = false;
  Status quarantine;            // Why, when quarantined.
  uint64_t scrubbed_bytes = 0;  // Verified by Log::Scrub.
  StageHistograms stages;
};

}  // namespace clustor
