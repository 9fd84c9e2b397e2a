#include "rebuild.h"

#include <cstring>

#include "base/coding.h"
#include "wal/block_builder.h"
#include "wal/format.h"
#include "wal/frame.h"
#include "wal/frame_reader.h"

namespace clustor::fuzz {

namespace {

// The plan that makes the block, with its entries in *batch. False for a block with a record that
// nothing writes.
bool PlanOf(const BlockView& block, FrameBatch* batch, GroupPlan* plan) {
  FrameReader reader(block.frames);
  size_t state_bytes = 0;
  while (!reader.AtEnd()) {
    FrameView frame;
    HOLDS(reader.Next(&frame) == nullptr);
    if (!frame.is_state()) {
      batch->byte_lengths.push_back(static_cast<uint32_t>(frame.bytes.size()));
      continue;
    }
    state_bytes = reader.offset();
    const std::byte* body = frame.body.data();
    switch (static_cast<StateRecordType>(body[0])) {
      case StateRecordType::kHardState:
        HOLDS(!plan->hard_state && !plan->truncate_from);
        plan->hard_state = HardState{Load64(body + 1), Load64(body + 9), Load64(body + 17)};
        break;
      case StateRecordType::kTruncate:
        HOLDS(!plan->truncate_from);
        plan->truncate_from = Load64(body + 1);
        break;
      case StateRecordType::kSnapshotMark:
        return false;
    }
  }
  const std::span<const std::byte> entries = block.frames.subspan(state_bytes);
  batch->bytes = Slab(entries.size());
  if (entries.empty()) return true;
  std::memcpy(batch->bytes.data(), entries.data(), entries.size());
  plan->batches.push_back(batch);
  return true;
}

}  // namespace

void CheckEntriesRebuild(std::span<const std::byte> frames) {
  Bytes rebuilt(frames.size());
  size_t at = 0;
  FrameReader reader(frames);
  while (!reader.AtEnd()) {
    FrameView frame;
    HOLDS(reader.Next(&frame) == nullptr);
    HOLDS(FrameBytes(frame.payload().size()) == frame.bytes.size());
    at += EncodeFrame(rebuilt.data() + at, frame.term(), frame.index(), frame.kind(),
                      frame.payload());
  }
  HOLDS(at == frames.size());
  HOLDS(Equal(rebuilt, frames));
}

void CheckStoredFramesRebuild(StoredForm form, std::span<const std::byte> stored,
                              std::span<const std::byte> frames) {
  HOLDS(frames.size() <= stored.size());
  StatusOr<MerkleHasher> hasher = MerkleHasher::Create();
  HOLDS(hasher.ok());
  size_t at = 0;
  FrameReader reader(frames);
  while (!reader.AtEnd()) {
    FrameView frame;
    HOLDS(reader.Next(&frame) == nullptr);
    const size_t bytes = StoredFrameBytesAt(stored.subspan(at));
    // Room for the frame that is there, and no more.
    Bytes one(bytes);
    HOLDS(EncodeStoredFrame(one.data(), form, frame.bytes, &*hasher) == bytes);
    HOLDS(Equal(one, stored.subspan(at, bytes)));
    if (!frame.is_state()) {
      HOLDS(bytes == StoredEntryBytes(form, frame.term(), frame.index(), frame.kind(),
                                      frame.payload().size()));
      HOLDS(bytes <= StoredBytesMax(form, frame.bytes.size(), 1));
    }
    at += bytes;
  }
  HOLDS(at == stored.size());
}

void CheckBlockRebuilds(StoredForm form, const BlockView& block) {
  FrameBatch batch;
  GroupPlan plan;
  if (!PlanOf(block, &batch, &plan)) return;
  CheckEntriesRebuild(batch.bytes.span());
  plan.frame_bytes = batch.bytes.bytes();
  plan.entry_count = block.header.entry_count;
  plan.first_index = block.header.first_index;
  plan.last_index = block.header.last_index;
  plan.last_term = block.header.last_term;
  BlockPlace place;
  place.segment_seq = block.header.segment_seq;
  place.alignment = 512;
  place.form = form;
  place.salt = block.header.key_salt;
  place.before = {block.header.number - 1, block.header.previous_checksum};
  BlockBuilder builder;
  StatusOr<BuiltBlock> built = builder.Build(plan, place, nullptr);
  HOLDS(built.ok());
  built->Complete();
  HOLDS(built->unpadded_bytes == block.stored.size());
  HOLDS(built->checksum == block.checksum);
  size_t at = 0;
  built->bytes.ForEach(0, block.stored.size(), [&](std::span<const std::byte> piece) {
    HOLDS(Equal(piece, block.stored.subspan(at, piece.size())));
    at += piece.size();
  });
}

}  // namespace clustor::fuzz
