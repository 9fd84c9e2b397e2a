// StepReader: reads the blocks of durable entries back, one step of a catalog's plan at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/status.h"
#include "os/env.h"
#include "wal/block_reader.h"
#include "wal/catalog.h"
#include "wal/paths.h"
#include "wal/stored_frames.h"

namespace clustor {

class StepReader {
 public:
  // env and paths outlive the reader.
  StepReader(Env* env, const LogPaths& paths) : env_(env), paths_(paths) {}

  // Reads and verifies the block of a step. What block->frames and the like point to is valid until
  // the next call. Errors: kLogCorrupt with place and indexes; failed reads, kIo with ENOENT when
  // the segment is gone.
  Status Read(const ReadStep& step, BlockView* block);
  // That the entries of a step no longer verify.
  Status Corrupt(const ReadStep& step, const char* why) const;

 private:
  Status OpenSegment(uint64_t segment_seq);

  Env* const env_;
  const LogPaths& paths_;
  std::unique_ptr<File> file_;
  uint64_t open_segment_ = 0;
  std::vector<std::byte> block_bytes_;
  StoredFrameDecoder decoder_;
};

}  // namespace clustor
