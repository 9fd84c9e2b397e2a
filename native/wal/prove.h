// Inclusion proofs: that an entry is part of a segment, checked with nothing but SHA-256
// (docs/wal-format.md, "Merkle tree").
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "crypto/key_ring.h"
#include "os/env.h"
#include "wal/catalog.h"
#include "wal/merkle.h"
#include "wal/paths.h"

namespace clustor {

// The root of a segment's tree.
struct SegmentRoot {
  uint64_t segment_seq = 0;
  uint64_t first_index = 0;  // Of its live entries.
  uint64_t count = 0;        // How many there are.
  MerkleHash root{};
};

// Enough to check that the entry at `index` is leaf index - of.first_index of of.count: the leaf is
// SHA-256 of frame, and folding path over it gives of.root.
struct EntryProof {
  uint64_t index = 0;
  SegmentRoot of;
  std::vector<std::byte> frame;  // Header, body and checksum, as hashed.
  MerkleHash leaf{};
  std::vector<MerkleHash> path;  // Nearest to the leaf first.
};

// See Log::Prove and Log::MerkleRoot. Need no lock against the committer, as ReadEntries.
StatusOr<EntryProof> ProveEntry(Env* env, const LogPaths& paths, const Catalog& catalog,
                                const KeyHolder* keys, uint64_t index);
StatusOr<SegmentRoot> RootOfSegment(Env* env, const LogPaths& paths, const Catalog& catalog,
                                    const KeyHolder* keys, uint64_t segment_seq);

}  // namespace clustor
