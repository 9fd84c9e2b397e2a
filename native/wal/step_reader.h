// StepReader: reads the blocks of durable entries back, one step of a catalog's plan at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/slab.h"
#include "base/status.h"
#include "crypto/key_ring.h"
#include "os/env.h"
#include "wal/block_reader.h"
#include "wal/catalog.h"
#include "wal/paths.h"

namespace clustor {

class StepReader {
 public:
  // All outlive the reader. Null keys: for logs without encryption.
  StepReader(Env* env, const LogPaths& paths, const KeyHolder* keys)
      : env_(env), paths_(paths), keys_(keys) {}

  // Reads and verifies the block of a step. What block->frames and the like point to is valid until
  // the next call. Errors: kLogCorrupt with place and indexes; failed reads, kIo with ENOENT when
  // the segment is gone; kKeyUnknownEpoch, kKeyWrong, kCryptoUnavailable, kOutOfMemory.
  Status Read(const ReadStep& step, BlockView* block);
  // That the entries of a step no longer verify.
  Status Corrupt(const ReadStep& step, const char* why) const;

 private:
  Status OpenSegment(const ReadStep& step);
  Status MakeOpener(const ReadStep& step);

  Env* const env_;
  const LogPaths& paths_;
  const KeyHolder* const keys_;
  std::unique_ptr<File> file_;
  uint64_t open_segment_ = 0;
  Slab block_bytes_;
  std::optional<BlockOpener> opener_;  // Of the open segment.
};

}  // namespace clustor
