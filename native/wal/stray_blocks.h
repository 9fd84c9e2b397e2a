// StrayBlocks: finds blocks of one segment that verify by themselves, wherever in it they are.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/status.h"
#include "os/env.h"
#include "wal/block_reader.h"
#include "wal/options.h"

namespace clustor {

class StrayBlocks {
 public:
  // header: nothing when that of the segment does not verify;
  // then blocks that are not encrypted are found all the same. after_block: only blocks with higher
  // numbers count. file outlives the object. keys: of an encrypted segment; without them nothing of
  // it is found.
  StrayBlocks(File* file, uint64_t segment_seq, std::optional<SegmentHeader> header,
              uint64_t after_block, std::shared_ptr<const KeyRing> keys);

  // The next one, or false at the end. What block->frames points to is valid until the next call.
  // Places that cannot be read are passed over.
  bool Next(BlockView* block);

 private:
  bool HeaderAt(uint64_t offset, BlockHeader* header);
  SegmentHeader SegmentOf(const BlockHeader& block) const;

  File* const file_;
  const uint64_t segment_seq_;
  const std::optional<SegmentHeader> header_;
  const uint64_t after_block_;
  const std::shared_ptr<const KeyRing> keys_;
  uint64_t offset_;
  uint64_t file_bytes_ = 0;
  std::unique_ptr<BlockReader> reader_;
  std::vector<std::byte> window_;
  uint64_t window_offset_ = 0;
  uint64_t window_bytes_ = 0;
};

}  // namespace clustor
