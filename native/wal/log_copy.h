// Copying logs offline: the blocks of one in order, and a new log that takes them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"
#include "os/env.h"
#include "wal/block_reader.h"
#include "wal/copy_env.h"
#include "wal/log.h"
#include "wal/paths.h"

namespace clustor {

// Reads the blocks of one segment after the other. Memory: a window of one megabyte, or of the
// largest block.
class BlockWalker {
 public:
  BlockWalker(Env* env, const LogPaths& paths, std::shared_ptr<const KeyRing> keys)
      : env_(env), paths_(paths), keys_(std::move(keys)) {}

  // Errors: of DecodeSegmentHeader, of the keys, and failed reads.
  Status OpenSegment(uint64_t segment_seq);
  // The next block of the open segment, as BlockReader::Next.
  StatusOr<BlockOutcome> Next(BlockView* block, std::string* why);

  const SegmentHeader& header() const { return header_; }
  // Of the next block.
  uint64_t offset() const { return reader_->offset(); }
  // Behind the last block that was read.
  const ChainEnd& end() const { return end_; }
  File* file() { return file_.get(); }

 private:
  Env* const env_;
  const LogPaths& paths_;
  const std::shared_ptr<const KeyRing> keys_;
  std::unique_ptr<File> file_;
  SegmentHeader header_;
  std::unique_ptr<BlockReader> reader_;
  ChainEnd end_;
};

// The write that makes a block. Nullptr on success; else what is wrong with its frames. Errors:
// kOutOfMemory.
StatusOr<const char*> WriteOfBlock(const BlockView& block, Write* write);

// A new log that is written once, from its beginning.
class LogCopy {
 public:
  // options as for Log::Open; where the copy begins is in options.start. The log must not exist.
  static StatusOr<std::unique_ptr<LogCopy>> Make(Env* env, CopyEnv::Names names,
                                                 LogOptions options);

  // Makes one block of the write. Errors: as Log::Submit.
  Status Add(Write write);
  // Names counters of other segments, which nobody will use, in the ledger of the copy.
  Status GiveUp(const std::vector<NonceRange>& ranges) { return log_->GiveUp(ranges); }
  // Closes the log; its files are synced on OK, their names are not.
  Status Finish();
  // For reading the copy back.
  CopyEnv* env() { return &env_; }
  const LogStats& stats() const { return stats_; }

 private:
  class Sink final : public CompletionSink {
   public:
    void OnComplete(Completion completion) override {
      if (status.ok()) status = std::move(completion.status);
    }
    Status status;
  };

  LogCopy(Env* env, const LogPaths& paths, CopyEnv::Names names) : env_(env, paths, names) {}

  CopyEnv env_;
  Sink sink_;
  std::unique_ptr<Log> log_;
  LogStats stats_;
};

}  // namespace clustor
