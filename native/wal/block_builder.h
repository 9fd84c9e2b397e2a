// BlockBuilder: turns a plan into the bytes of one block.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/pieces.h"
#include "base/status.h"
#include "wal/block_sealer.h"
#include "wal/format.h"
#include "wal/group_plan.h"
#include "wal/segment_tail.h"
#include "wal/stored_frames.h"

namespace clustor {

struct BuiltBlock {
  // With padding; valid until the next Build and as long as the writes of the plan.
  Pieces bytes;
  uint64_t unpadded_bytes = 0;
  BlockHeader header;
  uint32_t checksum = 0;  // After Complete.

  // All but checksum and padding.
  uint64_t covered_bytes() const { return unpadded_bytes - kBlockChecksumBytes; }
  // Brings what stands before the byte `to` into the checksum. REQUIRES: to <= covered_bytes().
  void Cover(uint64_t to);
  // Covers the rest and writes the checksum to its place: then the bytes are those of the block.
  void Complete();

  BlockChecksummer checksummer;
  uint64_t checksummed_bytes = 0;
  std::byte* checksum_place = nullptr;
};

// What a block is made of besides its plan.
struct BlockPlace {
  uint64_t segment_seq = 0;
  uint32_t alignment = 4096;
  StoredForm form;
  KeySalt salt{};
  ChainEnd before;
  uint64_t offset = 0;
  SegmentMac* mac = nullptr;  // Gets the frames before they are encrypted; may be null.
};

class BlockBuilder {
 public:
  // Bytes the block of this plan takes at most in such a segment, with padding.
  static uint64_t BytesMax(const GroupPlan& plan, uint32_t alignment, StoredForm form);

  // Hard state and truncation as in the plan, then its batches; encrypted, unless sealer is null.
  // Large batches that are stored as they are stay where they are. REQUIRES: the plan fits a
  // segment. Errors: of the sealer; kCryptoUnavailable and kOutOfMemory when leaves cannot be made.
  StatusOr<BuiltBlock> Build(const GroupPlan& plan, const BlockPlace& place, BlockSealer* sealer);

 private:
  std::byte* Reserve(uint64_t bytes);
  // The frames of the plan as they are stored; returns the end of what was put at `at`.
  StatusOr<std::byte*> PutPlanned(const GroupPlan& plan, StoredForm form, bool sealed,
                                  std::byte* at, Pieces* frames);
  // Puts the frames of the plan at `at`, in a form other than the plain one; returns their end.
  StatusOr<std::byte*> PutStoredFrames(const GroupPlan& plan, StoredForm form, std::byte* at);

  struct Free {
    void operator()(std::byte* pointer) const;
  };
  std::unique_ptr<std::byte, Free> buffer_;
  uint64_t buffer_bytes_ = 0;
  std::optional<MerkleHasher> hasher_;  // Made when there is a leaf to make.
};

}  // namespace clustor
