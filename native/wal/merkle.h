// The Merkle tree of a segment (docs/wal-format.md, "Merkle tree"): leaves are its live entries in
// index order, the shape is that of RFC 6962, section 2.1. Everything here is pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/status.h"
#include "crypto/hash.h"

namespace clustor {

using MerkleHash = Sha256Digest;

// What the leaf of a frame is the hash of: the binary frame with the header of one that carries a
// leaf, and the checksum that belongs to it. So a leaf is the same whether it is stored or not, and
// however its segment is encoded. `frame` is a binary frame as it is in memory.
std::vector<std::byte> MerkleLeafInput(std::span<const std::byte> frame);

// Makes the hashes of a tree. A failure is kept: what is returned after it is worth nothing.
class MerkleHasher {
 public:
  // Errors: kCryptoUnavailable, kOutOfMemory.
  static StatusOr<MerkleHasher> Create();

  // SHA-256 of MerkleLeafInput, without making a copy.
  MerkleHash Leaf(std::span<const std::byte> frame);
  // Of an inner node: SHA-256(0x02 || left || right). Frames begin with 0x01, so no leaf is a node.
  MerkleHash Node(const MerkleHash& left, const MerkleHash& right);
  // SHA-256 of nothing: the root of a tree without leaves.
  MerkleHash Nothing() { return Finish(); }
  // The first failure. Errors: kOutOfMemory.
  const Status& status() const { return status_; }

 private:
  explicit MerkleHasher(Sha256 hash) : hash_(std::move(hash)) {}
  MerkleHash Finish();

  Sha256 hash_;
  Status status_;
};

// The root of a tree whose leaves come one after the other. Memory: one hash for each level.
class MerkleRootBuilder {
 public:
  // hasher outlives the builder.
  explicit MerkleRootBuilder(MerkleHasher* hasher) : hasher_(hasher) {}

  void Add(const MerkleHash& leaf);
  uint64_t count() const { return count_; }
  // SHA-256 of nothing when there is no leaf.
  MerkleHash Root() const;

 private:
  MerkleHasher* hasher_;
  uint64_t count_ = 0;
  // Roots of full subtrees, the largest first; their sizes are the bits of count_.
  std::vector<MerkleHash> subtrees_;
};

// The path of one leaf: the roots of the subtrees beside its way up, the nearest first.
class MerklePathBuilder {
 public:
  // hasher outlives the builder. REQUIRES: position < count.
  MerklePathBuilder(MerkleHasher* hasher, uint64_t position, uint64_t count);
  // The next leaf. REQUIRES: called count times.
  void Add(const MerkleHash& leaf);
  std::vector<MerkleHash> Path() const;

 private:
  // Leaves [first, end) of the subtree beside the way at one level.
  struct Sibling {
    uint64_t first = 0;
    uint64_t end = 0;
    MerkleRootBuilder root;
  };
  std::vector<Sibling> siblings_;
  uint64_t next_ = 0;
};

}  // namespace clustor
