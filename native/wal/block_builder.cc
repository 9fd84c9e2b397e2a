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

// Batches from this size on are written from where they are: a copy costs more than one more piece
// of a write.
constexpr uint64_t kLeftInPlaceBytesMin = 16 << 10;

// Hard state and truncation as in the plan, then its batches, those below in_place_bytes_min copied
// to `at`. Returns the end of what was written there.
std::byte* PutFrames(const GroupPlan& plan, uint64_t in_place_bytes_min, std::byte* at,
                     Pieces* frames) {
  const std::byte* run = at;
  if (plan.hard_state) at += EncodeHardStateFrame(at, *plan.hard_state);
  if (plan.truncate_from) at += EncodeTruncateFrame(at, *plan.truncate_from);
  for (const FrameBatch* batch : plan.batches) {
    const std::span<const std::byte> bytes = batch->bytes.span();
    if (bytes.size() < in_place_bytes_min) {
      std::memcpy(at, bytes.data(), bytes.size());
      at += bytes.size();
    } else {
      frames->Add({run, at});
      frames->Add(bytes);
      run = at;
    }
  }
  frames->Add({run, at});
  return at;
}

BlockHeader HeaderOf(const GroupPlan& plan, const BlockPlace& place, uint64_t frames_bytes) {
  BlockHeader header;
  header.flags = static_cast<uint16_t>((plan.hard_state ? kBlockFlagHardState : 0) |
                                       (plan.truncate_from ? kBlockFlagTruncate : 0));
  header.segment_seq = place.segment_seq;
  header.number = place.before.block + 1;
  header.plaintext_bytes = static_cast<uint32_t>(frames_bytes);
  header.entry_count = static_cast<uint32_t>(plan.entry_count);
  header.first_index = plan.first_index;
  header.last_index = plan.last_index;
  header.last_term = plan.last_term;
  header.stored_bytes = header.plaintext_bytes;
  header.previous_checksum = place.before.checksum;
  header.key_salt = place.salt;
  return header;
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

StatusOr<std::byte*> BlockBuilder::PutPlanned(const GroupPlan& plan, StoredForm form, bool sealed,
                                              std::byte* at, Pieces* frames) {
  // What is encrypted is so in place, and not in the memory of writes that may have to wait again.
  if (form.IsPlain())
    return PutFrames(plan, sealed ? UINT64_MAX : kLeftInPlaceBytesMin, at, frames);
  const StatusOr<std::byte*> end = PutStoredFrames(plan, form, at);
  if (end.ok()) frames->Add({at, *end});
  return end;
}

StatusOr<BuiltBlock> BlockBuilder::Build(const GroupPlan& plan, const BlockPlace& place,
                                         BlockSealer* sealer) {
  const uint64_t bytes_max = BytesMax(plan, place.alignment, place.form);
  std::byte* block = Reserve(bytes_max);
  if (block == nullptr) return OutOfMemory(bytes_max);
  const std::span<std::byte> encoded(block, kBlockHeaderBytes);
  Pieces frames;
  const StatusOr<std::byte*> end =
      PutPlanned(plan, place.form, sealer != nullptr, block + kBlockHeaderBytes, &frames);
  if (!end.ok()) return end.status();
  std::byte* at = *end;
  BuiltBlock built;
  built.header = HeaderOf(plan, place, frames.bytes());
  if (sealer != nullptr) RETURN_IF_ERROR(sealer->Prepare(&built.header));
  if (place.mac != nullptr) place.mac->Stage(frames, place.offset);
  EncodeBlockHeader(built.header, encoded);
  if (sealer != nullptr) {
    RETURN_IF_ERROR(sealer->Seal(built.header, encoded, {block + kBlockHeaderBytes, at}, at));
    at += kBlockTagBytes;
  }
  built.checksum_place = at;
  built.unpadded_bytes = BlockBytes(built.header.stored_bytes, 1);
  const uint64_t padding_bytes =
      BlockBytes(built.header.stored_bytes, place.alignment) - built.unpadded_bytes;
  std::memset(at + kBlockChecksumBytes, 0, static_cast<size_t>(padding_bytes));
  built.bytes.Add(encoded);
  built.bytes.Add(frames);
  built.bytes.Add({*end, at + kBlockChecksumBytes + padding_bytes});
  return built;
}

void BuiltBlock::Cover(uint64_t to) {
  bytes.ForEach(checksummed_bytes, to - checksummed_bytes,
                [this](std::span<const std::byte> piece) { checksummer.Add(piece); });
  checksummed_bytes = to;
}

void BuiltBlock::Complete() {
  Cover(covered_bytes());
  checksum = checksummer.Value();
  Store32(checksum_place, checksum);
}

}  // namespace clustor
