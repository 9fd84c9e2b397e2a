// Merkle leaves, trees and proofs, against an implementation that follows RFC 6962 word by word.
#include "wal/merkle.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "base/coding.h"
#include "base/crc32c.h"
#include "check.h"
#include "crypto/hash.h"
#include "log_fixture.h"
#include "wal/format.h"

namespace clustor::test {

namespace {

using Hashes = std::span<const MerkleHash>;

MerkleHash HashOf(std::initializer_list<std::span<const std::byte>> pieces) {
  const StatusOr<Sha256Digest> digest = Sha256Of(pieces);
  if (digest.ok()) return *digest;
  Fail(__FILE__, __LINE__, Describe(digest.status()));
  return {};
}

MerkleHash NodeOf(const MerkleHash& left, const MerkleHash& right) {
  const std::byte prefix[1] = {std::byte{2}};
  return HashOf({prefix, left, right});
}

// The largest power of two that is smaller than n.
size_t SplitOf(size_t n) {
  size_t split = 1;
  while (split * 2 < n) split *= 2;
  return split;
}

MerkleHash Tree(Hashes leaves) {
  if (leaves.size() == 1) return leaves[0];
  const size_t split = SplitOf(leaves.size());
  return NodeOf(Tree(leaves.first(split)), Tree(leaves.subspan(split)));
}

std::vector<MerkleHash> PathOf(size_t position, Hashes leaves) {
  if (leaves.size() == 1) return {};
  const size_t split = SplitOf(leaves.size());
  const bool is_left = position < split;
  std::vector<MerkleHash> path = is_left ? PathOf(position, leaves.first(split))
                                         : PathOf(position - split, leaves.subspan(split));
  path.push_back(is_left ? Tree(leaves.subspan(split)) : Tree(leaves.first(split)));
  return path;
}

// What a verifier does: RFC 9162, section 2.1.3.2.
bool PathLeadsTo(const MerkleHash& root, MerkleHash hash, uint64_t position, uint64_t count,
                 const std::vector<MerkleHash>& path) {
  uint64_t last = count - 1;
  for (const MerkleHash& beside : path) {
    if (last == 0) return false;
    const bool is_right = (position & 1) != 0 || position == last;
    hash = is_right ? NodeOf(beside, hash) : NodeOf(hash, beside);
    while (is_right && (position & 1) == 0 && position != 0) {
      position >>= 1;
      last >>= 1;
    }
    position >>= 1;
    last >>= 1;
  }
  return last == 0 && hash == root;
}

std::string Hex(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte byte : bytes) {
    text += "0123456789abcdef"[static_cast<uint8_t>(byte) >> 4];
    text += "0123456789abcdef"[static_cast<uint8_t>(byte) & 15];
  }
  return text;
}

std::vector<std::byte> FrameOf(uint64_t term, uint64_t index, uint8_t kind,
                               const std::string& payload) {
  std::vector<std::byte> frame(FrameBytes(payload.size()));
  EncodeFrame(frame.data(), term, index, kind, std::as_bytes(std::span(payload)));
  return frame;
}

MerkleHasher Hasher() {
  StatusOr<MerkleHasher> hasher = MerkleHasher::Create();
  if (!hasher.ok()) Fail(__FILE__, __LINE__, Describe(hasher.status()));
  return std::move(*hasher);
}

LogOptions OptionsOf(StoredForm form) {
  LogOptions options = SmallOptions();
  options.encoding = form.json ? LogEncoding::kJson : LogEncoding::kBinary;
  options.merkle_leaves = form.merkle_leaves;
  return options;
}

constexpr std::array<StoredForm, 4> kForms = {StoredForm{false, false}, StoredForm{false, true},
                                              StoredForm{true, false}, StoredForm{true, true}};

std::string PayloadOf(uint64_t index) {
  return std::string(1'000 + index, static_cast<char>('a' + index % 26));
}

void Fill(LogFixture* log, uint64_t entries) {
  for (uint64_t index = 1; index <= entries; ++index) {
    const Status done = log->Append(PayloadOf(index));
    if (!done.ok()) Fail(__FILE__, __LINE__, Describe(done));
  }
}

// Checks the proof as somebody would who has nothing else.
bool Proves(const EntryProof& proof, const std::string& payload) {
  const MerkleHash leaf = HashOf({proof.frame});
  const std::span<const std::byte> body =
      std::span(proof.frame).subspan(kFrameHeaderBytes, Load32(proof.frame.data() + 4));
  const std::span<const std::byte> shown = body.subspan(kEntryHeadBytes);
  return leaf == proof.leaf && Load64(body.data() + 8) == proof.index &&
         std::ranges::equal(shown, std::as_bytes(std::span(payload))) &&
         PathLeadsTo(proof.of.root, leaf, proof.index - proof.of.first_index, proof.of.count,
                     proof.path);
}

}  // namespace

TEST(Merkle, LeavesAndRootsHaveTheirVectors) {
  MerkleHasher hasher = Hasher();
  MerkleRootBuilder root(&hasher);
  CHECK_EQ(Hex(root.Root()),
           std::string("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));

  root.Add(hasher.Leaf(FrameOf(7, 42, 1, "hello")));
  CHECK_EQ(Hex(root.Root()),
           std::string("ea862f7417bf57a97a88e61b347b46ac3feb681f057757100aa51f45be9073f3"));
  root.Add(hasher.Leaf(FrameOf(7, 43, 0, "")));
  CHECK_EQ(Hex(root.Root()),
           std::string("ae24e3b7253c35d9f3ea5bdbdb16bfb50131febdb0be66240ce31afac6426184"));
  root.Add(hasher.Leaf(FrameOf(8, 44, 0, "x")));
  CHECK_EQ(Hex(root.Root()),
           std::string("58ada44f236330c296ffc514a2d631fef0c695703557cd6c253c4c2e201eb1d3"));
  CHECK_EQ(
      Hex(MerkleLeafInput(FrameOf(7, 42, 1, "hello"))),
      std::string("01000000160000002400000007000000000000002a000000000000000168656c6c6fb1a83193"));
}

TEST(Merkle, TreesOfAllSizesAreThoseOfTheStandard) {
  MerkleHasher hasher = Hasher();
  std::vector<MerkleHash> leaves;
  for (uint64_t count = 1; count <= 70 && !CurrentTestFailed(); ++count) {
    leaves.push_back(hasher.Leaf(FrameOf(1, count, 0, "payload")));
    MerkleRootBuilder root(&hasher);
    for (const MerkleHash& leaf : leaves) root.Add(leaf);
    CHECK(root.Root() == Tree(leaves));
    for (uint64_t position = 0; position < count; ++position) {
      MerklePathBuilder path(&hasher, position, count);
      for (const MerkleHash& leaf : leaves) path.Add(leaf);
      CHECK(path.Path() == PathOf(position, leaves));
      CHECK(PathLeadsTo(root.Root(), leaves[position], position, count, path.Path()));
    }
  }
  CHECK_OK(hasher.status());
}

TEST(Merkle, ProofsHoldInSealedSegmentsAndInTheTail) {
  for (const StoredForm form : kForms) {
    LogFixture log(OptionsOf(form));
    CHECK(log.Open());
    Fill(&log, 40);
    CHECK(log.log->Stats().segments >= 2);
    for (uint64_t index = 1; index <= 40; ++index) {
      const StatusOr<EntryProof> proof = log.log->Prove(index);

      CHECK_OK(proof.status());
      CHECK(Proves(*proof, PayloadOf(index)));
      const StatusOr<SegmentRoot> root = log.log->MerkleRoot(proof->of.segment_seq);
      CHECK_OK(root.status());
      CHECK(root->root == proof->of.root);
      CHECK_EQ(root->count, proof->of.count);
    }
  }
}

// Leaves say what an entry is, not how it is stored.
TEST(Merkle, LeavesAreTheSameInEveryForm) {
  std::vector<MerkleHash> leaves;
  for (const StoredForm form : kForms) {
    LogFixture log(OptionsOf(form));
    CHECK(log.Open());
    CHECK_OK(log.Append({{3, 0, "one"}, {4, 2, "two"}}));
    const StatusOr<EntryProof> proof = log.log->Prove(2);
    CHECK_OK(proof.status());
    leaves.push_back(proof->leaf);
  }
  CHECK(leaves[0] == leaves[1]);
  CHECK(leaves[0] == leaves[2]);
  CHECK(leaves[0] == leaves[3]);
}

TEST(Merkle, TreesHoldTheLiveEntriesOnly) {
  LogFixture log;
  CHECK(log.Open());
  CHECK_OK(log.Append({{1, 0, "a"}, {1, 0, "old"}, {1, 0, "old"}, {1, 0, "old"}}));
  CHECK_OK(log.Replace(2, {{2, 0, "b"}, {2, 0, "c"}}));

  const StatusOr<EntryProof> proof = log.log->Prove(2);

  CHECK_OK(proof.status());
  CHECK(Proves(*proof, "b"));
  CHECK_EQ(proof->of.count, 3u);
  CHECK_EQ(log.log->Prove(4).status().code(), StatusCode::kIndexOutOfRange);
  CHECK_EQ(log.log->MerkleRoot(2).status().code(), StatusCode::kIndexOutOfRange);
  CHECK_OK(log.log->Close());
  CHECK_EQ(log.log->Prove(1).status().code(), StatusCode::kClosed);
}

TEST(Merkle, StoredLeavesReopenUnderAnyOption) {
  LogFixture log(OptionsOf(kForms[1]));
  CHECK(log.Open());
  Fill(&log, 70);
  const std::vector<Entry> entries = log.ReadAll();
  for (const StoredForm form : kForms) {
    log.options.merkle_leaves = form.merkle_leaves;
    log.options.encoding = form.json ? LogEncoding::kJson : LogEncoding::kBinary;
    CHECK(log.Reopen());
    CHECK(log.ReadAll() == entries);
    CHECK_OK(log.Append("more"));
    CHECK_OK(log.Replace(entries.size() + 1, {}));
  }
}

// W4: a leaf that does not belong to its entry is refused, checksums or not.
TEST(Merkle, AForgedLeafIsCorruption) {
  for (const StoredForm form : {kForms[1], kForms[3]}) {
    LogFixture log(OptionsOf(form));
    CHECK(log.Open());
    CHECK_OK(log.Append("first"));
    CHECK_OK(log.Append("second"));
    std::vector<std::byte> file = log.env->Bytes(log.SegmentPath(1));
    std::byte* block = file.data() + 8192;
    const size_t covered = kBlockHeaderBytes + Load32(block + 64);
    block[covered - 1] ^= std::byte{1};
    Store32(block + covered, BlockChecksum({block, covered}));
    log.env->SetBytes(log.SegmentPath(1), file);

    CHECK_EQ(log.log->Read(2, 2, 1).status().code(), StatusCode::kLogCorrupt);
    CHECK_EQ(log.log->Prove(1).status().code(), StatusCode::kLogCorrupt);
    CHECK(!log.Reopen());
    CHECK_EQ(log.open_status.code(), StatusCode::kLogCorrupt);
    CHECK_EQ(log.open_status.details().offset, 8192);
  }
}

TEST(Merkle, WithoutCryptoOnlyWhatNeedsLeavesIsRefused) {
  LogFixture log;
  CHECK(log.Open());
  CHECK_OK(log.Append("first"));
  LogFixture with_leaves(OptionsOf(kForms[1]));
  CHECK(with_leaves.Open());
  CHECK_OK(with_leaves.Append("first"));
  with_leaves.Close();
  const std::unique_ptr<FaultEnv> before = with_leaves.env->Copy();
  const ScopedNoCrypto none;

  CHECK_EQ(log.log->Prove(1).status().code(), StatusCode::kCryptoUnavailable);
  CHECK(log.Reopen());
  log.options.merkle_leaves = true;
  CHECK(!log.Reopen());
  CHECK_EQ(log.open_status.code(), StatusCode::kCryptoUnavailable);
  with_leaves.options.merkle_leaves = false;
  CHECK(!with_leaves.Open());
  CHECK_EQ(with_leaves.open_status.code(), StatusCode::kCryptoUnavailable);
  CHECK(with_leaves.env->SameAs(*before));
}

}  // namespace clustor::test
