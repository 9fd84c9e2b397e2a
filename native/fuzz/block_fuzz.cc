// One block: header, lengths, checksum, frames, and what they do to a log.
#include <algorithm>

#include "base/coding.h"
#include "fuzz_target.h"
#include "log_fixture.h"
#include "rebuild.h"
#include "repair.h"
#include "seed_log.h"
#include "wal/block_reader.h"
#include "wal/replay.h"

namespace clustor::fuzz {

namespace {

void Check(StoredForm form, std::span<const std::byte> bytes) {
  BlockView block;
  if (CheckBlock(bytes, &block) != nullptr) return;
  HOLDS(block.stored.size() <= bytes.size());
  HOLDS(block.stored.size() == kBlockHeaderBytes + block.header.stored_bytes + kBlockChecksumBytes);
  SegmentHeader segment;
  segment.encoding = form.json ? kEncodingJson : kEncodingBinary;
  segment.merkle_leaves = form.merkle_leaves;
  segment.cipher = block.header.IsEncrypted() ? kCipherAes256Gcm : kCipherNone;
  BlockOpener opener(segment, nullptr);
  const StatusOr<const char*> why = opener.Open(&block);
  HOLDS(why.ok());
  // Without a key there is nothing more to see.
  if (*why != nullptr || block.header.IsEncrypted()) return;
  ReplayedLog log;
  const uint64_t next =
      block.header.entry_count > 0 ? block.header.first_index : block.header.last_index + 1;
  StartReplay(std::clamp<uint64_t>(next, 1, kPositionMax), &log);
  if (ReplayBlock(block, &log) != nullptr) return;
  HOLDS(log.last_index == block.header.last_index);
  HOLDS(log.last_index + 1 - log.first_index == log.byte_lengths.size());
  HOLDS(block.header.entry_count <= log.byte_lengths.size());
  CheckBlockRebuilds(form, block);
}

// The first byte says which form the segment of the block has.
void Run(std::span<const std::byte> input) {
  if (input.empty()) return;
  const StoredForm form = FormOf(input[0]);
  input = input.subspan(1);
  Check(form, input);
  Bytes repaired(input.begin(), input.end());
  RepairBlock(repaired);
  Check(form, repaired);
}

std::vector<Bytes> Seeds() {
  std::vector<Bytes> seeds;
  for (const LogOptions& options : SeedOptions()) {
    for (const Bytes& block : SeedBlocks(options)) {
      Bytes seed(1, FormByte(options));
      Append(&seed, block);
      seeds.push_back(std::move(seed));
    }
  }
  return seeds;
}

FUZZ_TARGET("block", Run, Seeds);

}  // namespace

}  // namespace clustor::fuzz
