#include "wal/block_builder.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

#include "base/coding.h"
#include "base/crc32c.h"

namespace clustor {

namespace {

// The buffer is kept between blocks up to this size; a larger one is freed after use.
constexpr uint64_t kBufferKeptBytes = 8 << 20;
constexpr uint64_t kBufferAlignment = 4096;

// Hard state and truncation as in the plan, then its batches. Returns the end.
std::byte* PutFrames(const GroupPlan& plan, std::byte* at) {
  if (plan.hard_state) at += EncodeHardStateFrame(at, *plan.hard_state);
  if (plan.truncate_from) at += EncodeTruncateFrame(at, *plan.truncate_from);
  for (const FrameBatch* batch : plan.batches) {
    std::memcpy(at, batch->bytes.data(), batch->bytes.bytes());
    at += batch->bytes.bytes();
  }
  return at;
}

}  // namespace

void BlockBuilder::Free::operator()(std::byte* pointer) const { std::free(pointer); }

uint64_t BlockBuilder::BytesMax(const GroupPlan& plan, uint32_t alignment, StoredForm form) {
  const uint64_t stored_bytes = form == plan.form
                                    ? plan.stored_bytes
                                    : StoredBytesMax(form, plan.frame_bytes, plan.entry_count);
  return AlignUp(stored_bytes + BlockOverheadBytesMax(form), alignment);
}

std::byte* BlockBuilder::Reserve(uint64_t bytes) {
  if (bytes > buffer_bytes_ || buffer_bytes_ > kBufferKeptBytes) {
    buffer_bytes_ = AlignUp(std::max<uint64_t>(bytes, 64 << 10), kBufferAlignment);
    buffer_.reset(static_cast<std::byte*>(std::aligned_alloc(kBufferAlignment, buffer_bytes_)));
    if (buffer_ == nullptr) buffer_bytes_ = 0;
  }
  return buffer_.get();
}

StatusOr<std::byte*> BlockBuilder::PutStoredFrames(const GroupPlan& plan, StoredForm form,
                                                   std::byte* at) {
  if (form.merkle_leaves && !hasher_) {
    StatusOr<MerkleHasher> hasher = MerkleHasher::Create();
    if (!hasher.ok()) return hasher.status();
    hasher_ = std::move(*hasher);
  }
  const auto put = [&](std::span<const std::byte> frame) {
    at += EncodeStoredFrame(at, form, frame, form.merkle_leaves ? &*hasher_ : nullptr);
  };
  std::array<std::byte, kHardStateFrameBytes> state;
  static_assert(kTruncateFrameBytes <= kHardStateFrameBytes);
  if (plan.hard_state) put({state.data(), EncodeHardStateFrame(state.data(), *plan.hard_state)});
  if (plan.truncate_from) {
    put({state.data(), EncodeTruncateFrame(state.data(), *plan.truncate_from)});
  }
  for (const FrameBatch* batch : plan.batches) {
    const std::byte* frame = batch->bytes.data();
    for (const uint32_t frame_bytes : batch->byte_lengths) {
      put({frame, frame_bytes});
      frame += frame_bytes;
    }
  }
  if (hasher_) RETURN_IF_ERROR(hasher_->status());
  return at;
}

StatusOr<BuiltBlock> BlockBuilder::Build(const GroupPlan& plan, const BlockPlace& place,
                                         BlockSealer* sealer) {
  const uint64_t bytes_max = BytesMax(plan, place.alignment, place.form);
  std::byte* block = Reserve(bytes_max);
  if (block == nullptr) return OutOfMemory(bytes_max);
  std::byte* at = block + kBlockHeaderBytes;
  if (place.form.IsPlain()) {
    at = PutFrames(plan, at);
  } else {
    const StatusOr<std::byte*> end = PutStoredFrames(plan, place.form, at);
    if (!end.ok()) return end.status();
    at = *end;
  }
  BlockHeader header;
  header.flags = static_cast<uint16_t>((plan.hard_state ? kBlockFlagHardState : 0) |
                                       (plan.truncate_from ? kBlockFlagTruncate : 0));
  header.segment_seq = place.segment_seq;
  header.number = place.before.block + 1;
  header.plaintext_bytes = static_cast<uint32_t>(at - block - kBlockHeaderBytes);
  header.entry_count = static_cast<uint32_t>(plan.entry_count);
  header.first_index = plan.first_index;
  header.last_index = plan.last_index;
  header.last_term = plan.last_term;
  header.stored_bytes = header.plaintext_bytes;
  header.previous_checksum = place.before.checksum;
  header.key_salt = place.salt;
  if (sealer != nullptr) RETURN_IF_ERROR(sealer->Prepare(&header));
  const std::span<std::byte> encoded(block, kBlockHeaderBytes);
  if (place.mac != nullptr) place.mac->Stage({encoded.data() + encoded.size(), at}, place.offset);
  EncodeBlockHeader(header, encoded);
  if (sealer != nullptr) {
    RETURN_IF_ERROR(sealer->Seal(header, encoded, {encoded.data() + encoded.size(), at}, at));
    at += kBlockTagBytes;
  }
  const auto covered = static_cast<size_t>(at - block);
  const uint32_t checksum = BlockChecksum({block, covered});
  Store32(at, checksum);
  const uint64_t unpadded = covered + kBlockChecksumBytes;
  const uint64_t padded = AlignUp(unpadded, place.alignment);
  std::memset(block + unpadded, 0, static_cast<size_t>(padded - unpadded));
  return BuiltBlock{{block, static_cast<size_t>(padded)}, unpadded, checksum, header};
}

}  // namespace clustor
