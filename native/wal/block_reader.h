// BlockReader: reads the blocks of one segment in order and checks each against the chain. The one
// place that decides whether bytes are a block; recovery, verification and dumps share it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "base/slab.h"
#include "base/status.h"
#include "os/env.h"
#include "wal/format.h"
#include "wal/segment_cipher.h"
#include "wal/segment_tail.h"
#include "wal/stored_frames.h"

namespace clustor {

struct BlockView {
  BlockHeader header;
  uint64_t offset = 0;
  uint64_t bytes = 0;  // With padding.
  uint32_t checksum = 0;
  std::span<const std::byte> body;       // What is stored of the frames; valid until the next read.
  std::span<const std::byte> plaintext;  // Frames in their stored form, decrypted; valid as long.
  std::span<const std::byte> frames;     // Binary frames; valid as long.
  std::span<const std::byte> stored;     // The whole block without padding; valid as long.
};

enum class BlockOutcome : uint8_t {
  kBlock,        // A valid block.
  kEnd,          // Nothing there: zeros, the end of the segment, or what an older life left.
  kInvalid,      // Something is there that does not verify: torn or rotten.
  kBrokenChain,  // A block that verifies, but does not follow the one before it.
  kBadContent,   // A block that verifies and follows, but its frames are not what a log writes.
};

// Checks header, lengths and checksum of a block that begins at bytes[0] and fills in everything
// but offset, bytes, plaintext and frames. Nullptr when it verifies.
const char* CheckBlock(std::span<const std::byte> bytes, BlockView* block);

// Gets at the frames of blocks whose checksum holds. One for each segment.
class BlockOpener {
 public:
  // A null cipher leaves the frames of an encrypted segment empty: for those who have no key.
  BlockOpener(const SegmentHeader& header, std::unique_ptr<SegmentCipher> cipher)
      : is_encrypted_(header.IsEncrypted()), form_(header.form()), cipher_(std::move(cipher)) {}

  // Fills in plaintext and frames, valid until the next call. Nullptr when they are what a log
  // writes; else what is wrong with them. Errors: kOutOfMemory.
  StatusOr<const char*> Open(BlockView* block);

 private:
  StatusOr<const char*> Decrypt(BlockView* block);

  const bool is_encrypted_;
  const StoredForm form_;
  const std::unique_ptr<SegmentCipher> cipher_;
  Slab plaintext_;
  StoredFrameDecoder decoder_;
};

class BlockReader {
 public:
  // file outlives the reader; header.segment_bytes bounds what is read. cipher: see BlockOpener.
  BlockReader(File* file, const SegmentHeader& header, std::unique_ptr<SegmentCipher> cipher);

  // Reads the block at offset(), which must follow `before`. Advances on kBlock only.
  // `why` explains every outcome but kBlock and kEnd. Errors: failed reads, kOutOfMemory.
  StatusOr<BlockOutcome> Next(const ChainEnd& before, BlockView* block, std::string* why);

  uint64_t offset() const { return offset_; }
  // The next block is at this offset.
  void Seek(uint64_t offset) { offset_ = offset; }
  uint64_t bytes_read() const { return bytes_read_; }

 private:
  StatusOr<std::span<const std::byte>> Window(uint64_t offset, uint64_t bytes);
  Status FillWindow(uint64_t offset, uint64_t bytes);

  File* const file_;
  const SegmentHeader header_;
  BlockOpener opener_;
  uint64_t offset_ = kSegmentHeaderBytes;
  uint64_t bytes_read_ = 0;
  // What is in memory of the file: window_bytes_ bytes, at most a megabyte, or one block when it is
  // larger.
  Slab window_;
  uint64_t window_offset_ = 0;
  uint64_t window_bytes_ = 0;
};

// What lies behind the end of a chain.
struct Leftover {
  uint64_t nonzero_to = 0;  // After the last byte that is not zero; 0 when all are.
  // What a block that was never finished left there, as far as it can be told from older lives.
  uint64_t torn_bytes = 0;
  // Offset of a block header that verifies and has a number above the one that would be next: proof
  // that a block is missing in between.
  std::optional<uint64_t> later_block_offset;
  uint64_t later_block = 0;
  uint64_t bytes_read = 0;
};

// Examines [from, segment.segment_bytes) of a segment whose chain ended with block `last`.
StatusOr<Leftover> ExamineLeftover(File* file, const SegmentHeader& segment, uint64_t from,
                                   uint64_t last);

}  // namespace clustor
