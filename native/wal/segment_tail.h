// SegmentTail: the segment that takes the next block. Owned by the commit lock.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "base/planted_bug.h"
#include "base/status.h"
#include "os/env.h"
#include "wal/format.h"
#include "wal/paths.h"
#include "wal/segment_cipher.h"
#include "wal/segment_mac.h"
#include "wal/spare.h"

namespace clustor {

struct BuiltBlock;

// Where the chain of blocks stands.
struct ChainEnd {
  uint64_t block = 0;     // Number of the last block, 0 before the first.
  uint32_t checksum = 0;  // Its checksum.
};

class SegmentTail {
 public:
  // `pattern` holds the header fields that all segments of this log share.
  SegmentTail(Env* env, LogPaths paths, SegmentHeader pattern, SpareStore* spares);

  // Takes over the tail that recovery found; the next block goes to `offset`.
  void Adopt(std::unique_ptr<File> file, const SegmentHeader& header, uint64_t offset);
  // What gathers the trailer of the tail, up to date; null when the segment gets none. After every
  // Adopt and Rotate.
  void UseMac(std::unique_ptr<SegmentMac> mac) { mac_ = std::move(mac); }
  SegmentMac* mac() const { return mac_.get(); }

  // The first segment gets this number. REQUIRES: nothing was adopted.
  void StartAt(uint64_t segment_seq) { header_.segment_seq = segment_seq - 1; }

  bool HasRoom(uint64_t block_bytes) const;
  // Whether the segment is under the keys of new ones: else the next block goes to a new one.
  bool HasCurrentKeys() const { return HaveSameKeys(header_, pattern_); }
  // Whether new segments are encrypted.
  bool WillEncrypt() const { return pattern_.IsEncrypted(); }
  // New segments get the keys of this header.
  void ChangeKeys(const SegmentHeader& pattern);
  // Seals the tail, when its header has a mac_epoch, and makes a new segment the tail; its name is
  // durable on OK, its header with the first block's sync. On failure the old tail stays: a
  // shortage can be tried again, anything else is final.
  Status Rotate(const ChainEnd& end, uint64_t base_index, bool* late);
  // The same with the headroom as the new segment. Errors: kDiskFull when it is not there.
  Status RotateIntoHeadroom(const ChainEnd& end, uint64_t base_index);

  // Completes the block and writes it at offset(). Not durable before Sync, not part of the log
  // before Advance.
  Status Write(BuiltBlock* block);
  Status Sync() {
    return IsPlanted(PlantedBug::kSkipSegmentSync) ? Status::Ok() : file_->SyncData();
  }
  void Advance(uint64_t block_bytes) { offset_ += block_bytes; }
  // Undoes a Write: zeroes its place and syncs.
  Status Rollback(uint64_t block_bytes);

  const SegmentHeader& header() const { return header_; }
  // What new segments are made by.
  const SegmentHeader& pattern() const { return pattern_; }
  uint64_t segment_seq() const { return header_.segment_seq; }
  uint64_t segment_bytes() const { return header_.segment_bytes; }
  bool is_headroom() const { return header_.headroom; }
  uint32_t block_alignment() const { return header_.block_alignment; }
  StoredForm form() const { return header_.form(); }
  const KeySalt& salt() const { return header_.salt; }
  uint64_t offset() const { return offset_; }
  bool IsEmpty() const { return offset_ == kSegmentHeaderBytes; }

 private:
  Status Become(Spare spare, const ChainEnd& end, uint64_t base_index);
  Status Seal();
  Status Install(Spare* spare, const SegmentHeader& header);

  // Constant after construction.
  Env* const env_;
  const LogPaths paths_;
  SpareStore* const spares_;

  // Under the commit lock.
  SegmentHeader pattern_;
  std::unique_ptr<File> file_;
  SegmentHeader header_;
  uint64_t offset_ = 0;
  std::unique_ptr<SegmentMac> mac_;
  bool sealed_ = false;  // The trailer is written, or half written: no block may follow.
};

}  // namespace clustor
