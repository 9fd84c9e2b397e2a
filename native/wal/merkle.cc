#include "wal/merkle.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "base/coding.h"
#include "base/crc32c.h"
#include "wal/format.h"

namespace clustor {

namespace {

constexpr std::byte kNodePrefix{2};

using FrameHeaderBytes = std::array<std::byte, kFrameHeaderBytes>;

struct LeafParts {
  FrameHeaderBytes header;
  std::span<const std::byte> body;
  std::array<std::byte, 4> crc;
};

LeafParts PartsOf(std::span<const std::byte> frame) {
  LeafParts parts;
  std::memcpy(parts.header.data(), frame.data(), kFrameHeaderBytes);
  Store32(parts.header.data() + 8, kFrameTrailerMerkleBytes);
  parts.body = frame.subspan(kFrameHeaderBytes, Load32(frame.data() + 4));
  Store32(parts.crc.data(), Crc32cExtend(Crc32c(parts.header), parts.body));
  return parts;
}

}  // namespace

std::vector<std::byte> MerkleLeafInput(std::span<const std::byte> frame) {
  const LeafParts parts = PartsOf(frame);
  std::vector<std::byte> input(kFrameHeaderBytes + parts.body.size() + parts.crc.size());
  std::memcpy(input.data(), parts.header.data(), kFrameHeaderBytes);
  std::memcpy(input.data() + kFrameHeaderBytes, parts.body.data(), parts.body.size());
  std::memcpy(input.data() + input.size() - parts.crc.size(), parts.crc.data(), parts.crc.size());
  return input;
}

StatusOr<MerkleHasher> MerkleHasher::Create() {
  StatusOr<Sha256> hash = Sha256::Create();
  if (!hash.ok()) return hash.status();
  return MerkleHasher(std::move(*hash));
}

MerkleHash MerkleHasher::Leaf(std::span<const std::byte> frame) {
  const LeafParts parts = PartsOf(frame);
  hash_.Update(parts.header);
  hash_.Update(parts.body);
  hash_.Update(parts.crc);
  return Finish();
}

MerkleHash MerkleHasher::Node(const MerkleHash& left, const MerkleHash& right) {
  hash_.Update({&kNodePrefix, 1});
  hash_.Update(left);
  hash_.Update(right);
  return Finish();
}

MerkleHash MerkleHasher::Finish() {
  const StatusOr<Sha256Digest> digest = hash_.Finish();
  if (digest.ok()) return *digest;
  if (status_.ok()) status_ = digest.status();
  return {};
}

void MerkleRootBuilder::Add(const MerkleHash& leaf) {
  MerkleHash root = leaf;
  // Two subtrees of one size become one of twice the size.
  for (uint64_t bits = count_; (bits & 1) != 0; bits >>= 1) {
    root = hasher_->Node(subtrees_.back(), root);
    subtrees_.pop_back();
  }
  subtrees_.push_back(root);
  ++count_;
}

MerkleHash MerkleRootBuilder::Root() const {
  if (subtrees_.empty()) return hasher_->Nothing();
  MerkleHash root = subtrees_.back();
  for (size_t i = subtrees_.size() - 1; i-- > 0;) root = hasher_->Node(subtrees_[i], root);
  return root;
}

MerklePathBuilder::MerklePathBuilder(MerkleHasher* hasher, uint64_t position, uint64_t count) {
  uint64_t first = 0;
  uint64_t end = count;
  while (end - first > 1) {
    // The left subtree takes the largest power of two of leaves below their number.
    const uint64_t middle = first + std::bit_floor(end - first - 1);
    if (position < middle) {
      siblings_.push_back({middle, end, MerkleRootBuilder(hasher)});
      end = middle;
    } else {
      siblings_.push_back({first, middle, MerkleRootBuilder(hasher)});
      first = middle;
    }
  }
  std::reverse(siblings_.begin(), siblings_.end());
}

void MerklePathBuilder::Add(const MerkleHash& leaf) {
  for (Sibling& sibling : siblings_) {
    if (next_ >= sibling.first && next_ < sibling.end) sibling.root.Add(leaf);
  }
  ++next_;
}

std::vector<MerkleHash> MerklePathBuilder::Path() const {
  std::vector<MerkleHash> path;
  for (const Sibling& sibling : siblings_) path.push_back(sibling.root.Root());
  return path;
}

}  // namespace clustor
