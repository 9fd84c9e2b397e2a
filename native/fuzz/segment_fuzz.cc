// A whole segment: header, the chain of blocks, and what lies behind its end.
#include <array>

#include "base/coding.h"
#include "fuzz_target.h"
#include "rebuild.h"
#include "seed_log.h"
#include "segment_input.h"
#include "wal/block_reader.h"
#include "wal/replay.h"

namespace clustor::fuzz {

namespace {

// Reads blocks until the chain ends. What comes out follows each other in every respect.
ChainEnd ReadChain(BlockReader* reader, const SegmentHeader& header) {
  ChainEnd end = {header.first_block - 1, header.previous_checksum};
  ReplayedLog log;
  StartReplay(header.base_index, &log);
  bool replays = true;
  for (;;) {
    BlockView block;
    std::string why;
    const uint64_t offset = reader->offset();
    const StatusOr<BlockOutcome> outcome = reader->Next(end, &block, &why);
    HOLDS(outcome.ok());
    if (*outcome != BlockOutcome::kBlock) {
      HOLDS(why.empty() == (*outcome == BlockOutcome::kEnd));
      HOLDS(reader->offset() == offset);
      return end;
    }
    HOLDS(block.offset == offset && reader->offset() == offset + block.bytes);
    HOLDS(block.offset % header.block_alignment == 0);
    HOLDS(reader->offset() <= header.segment_bytes);
    HOLDS(block.header.number == end.block + 1);
    HOLDS(block.header.previous_checksum == end.checksum);
    HOLDS(block.header.segment_seq == header.segment_seq);
    end = {block.header.number, block.checksum};
    replays = replays && ReplayBlock(block, &log) == nullptr;
    if (!replays) continue;
    HOLDS(log.last_index == block.header.last_index);
    // What was encrypted is sealed with a counter that only one process may use.
    if (!header.IsEncrypted()) CheckBlockRebuilds(header.form(), block);
  }
}

void Run(std::span<const std::byte> input) {
  const Bytes bytes = ExpandSegment(input, 0, nullptr);
  if (bytes.size() < kSegmentHeaderBytes) return;
  const StatusOr<SegmentHeader> header =
      DecodeSegmentHeader(std::span(bytes).first(kSegmentHeaderBytes));
  // A shorter file than the header says is refused before its blocks are read.
  if (!header.ok() || header->segment_bytes > bytes.size()) return;
  test::FaultEnv env;
  const std::unique_ptr<File> file = OpenBytes(&env, bytes);
  StatusOr<std::unique_ptr<SegmentCipher>> cipher = SegmentCipher::Create(*header, SeedKeys());
  if (!cipher.ok()) {
    HOLDS(cipher.status().code() == StatusCode::kKeyWrong ||
          cipher.status().code() == StatusCode::kKeyUnknownEpoch);
    return;
  }
  BlockReader reader(file.get(), *header, std::move(*cipher));
  const ChainEnd end = ReadChain(&reader, *header);
  const StatusOr<Leftover> leftover =
      ExamineLeftover(file.get(), *header, reader.offset(), end.block);
  HOLDS(leftover.ok());
  HOLDS(leftover->nonzero_to <= header->segment_bytes);
  if (leftover->later_block_offset) {
    HOLDS(*leftover->later_block_offset >= reader.offset());
    HOLDS(leftover->later_block > end.block + 1);
  }
}

std::vector<Bytes> Seeds() {
  std::vector<Bytes> seeds;
  for (const LogOptions& options : SeedOptions()) {
    test::LogFixture log(options);
    WriteSeedLog(&log);
    seeds.push_back(CompactSegment(log.env->Bytes(log.SegmentPath(1))));
  }
  return seeds;
}

FUZZ_TARGET("segment", Run, Seeds);

}  // namespace

}  // namespace clustor::fuzz
