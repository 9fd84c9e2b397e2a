#include "wal/stored_frames.h"

#include <cstring>

#include "base/coding.h"
#include "base/crc32c.h"
#include "wal/frame.h"
#include "wal/json_body.h"

namespace clustor {

namespace {

struct StoredFrame {
  uint16_t flags = 0;
  std::span<const std::byte> bytes;
  std::span<const std::byte> body;
};

constexpr uint32_t TrailerBytes(StoredForm form) {
  return form.merkle_leaves ? kFrameTrailerMerkleBytes : kFrameTrailerBytes;
}

// Header and trailer around a stored body that is in its place already.
size_t FinishStoredFrame(std::byte* to, StoredForm form, std::span<const std::byte> frame,
                         size_t body_bytes) {
  to[0] = std::byte{kFrameVersion};
  to[1] = std::byte{form.json ? kFrameCodecJson : kFrameCodecBinary};
  std::memcpy(to + 2, frame.data() + 2, 2);
  Store32(to + 4, static_cast<uint32_t>(body_bytes));
  Store32(to + 8, TrailerBytes(form));
  const size_t covered = kFrameHeaderBytes + body_bytes;
  Store32(to + covered, Crc32c({to, covered}));
  return covered + TrailerBytes(form);
}

// Checks everything of a frame but what its body says.
const char* ReadStoredFrame(StoredForm form, std::span<const std::byte> bytes, StoredFrame* frame) {
  if (bytes.size() < kFrameHeaderBytes) return "a frame is cut off in its header";
  const std::byte* at = bytes.data();
  const uint64_t body_bytes = Load32(at + 4);
  if (Load32(at + 8) != TrailerBytes(form)) return "a frame has an impossible trailer length";
  const uint64_t frame_bytes = kFrameHeaderBytes + body_bytes + TrailerBytes(form);
  if (frame_bytes > bytes.size()) return "a frame is longer than what holds it";
  const auto covered = static_cast<size_t>(kFrameHeaderBytes + body_bytes);
  if (Load32(at + covered) != Crc32c(bytes.first(covered))) {
    return "the checksum of a frame does not hold";
  }
  if (static_cast<uint8_t>(at[0]) != kFrameVersion) return "a frame has an unknown version";
  if (static_cast<uint8_t>(at[1]) != (form.json ? kFrameCodecJson : kFrameCodecBinary)) {
    return "the codec of a frame is not that of its segment";
  }
  frame->flags = Load16(at + 2);
  if ((frame->flags & ~kFrameFlagState) != 0) return "a frame has unknown flags";
  frame->bytes = bytes.first(static_cast<size_t>(frame_bytes));
  frame->body = bytes.subspan(kFrameHeaderBytes, static_cast<size_t>(body_bytes));
  return nullptr;
}

// The binary frame around a body; returns its bytes.
size_t PutBinaryFrame(std::byte* to, const StoredFrame& frame) {
  std::memcpy(to, frame.bytes.data(), kFrameHeaderBytes);
  Store32(to + 8, kFrameTrailerBytes);
  std::memcpy(to + kFrameHeaderBytes, frame.body.data(), frame.body.size());
  const size_t covered = kFrameHeaderBytes + frame.body.size();
  Store32(to + covered, Crc32c({to, covered}));
  return covered + kFrameTrailerBytes;
}

// Writes the binary frame of a stored one. It is never longer than the stored one.
const char* DecodeStoredFrame(StoredForm form, const StoredFrame& frame, std::byte* to,
                              size_t* frame_bytes) {
  if (!form.json) {
    if ((frame.flags & kFrameFlagState) == 0 && frame.body.size() < kEntryHeadBytes) {
      return "an entry is cut off";
    }
    *frame_bytes = PutBinaryFrame(to, frame);
    return nullptr;
  }
  return (frame.flags & kFrameFlagState) != 0 ? DecodeJsonState(frame.body, to, frame_bytes)
                                              : DecodeJsonEntry(frame.body, to, frame_bytes);
}

}  // namespace

uint64_t StoredEntryBytes(StoredForm form, uint64_t term, uint64_t index, uint8_t kind,
                          uint64_t payload_bytes) {
  const uint64_t body_bytes = form.json ? JsonEntryBytes(term, index, kind, payload_bytes)
                                        : kEntryHeadBytes + payload_bytes;
  return kFrameHeaderBytes + body_bytes + TrailerBytes(form);
}

uint64_t StoredBytesMax(StoredForm form, uint64_t frame_bytes, uint64_t entry_count) {
  const uint64_t binary =
      frame_bytes + entry_count * uint64_t{TrailerBytes(form) - kFrameTrailerBytes};
  if (!form.json) return binary;
  // Base64 makes 4 of 3 bytes, rounded up in each entry.
  return binary + frame_bytes / 3 + entry_count * kJsonEntryBytesMax;
}

size_t EncodeStoredFrame(std::byte* to, StoredForm form, std::span<const std::byte> frame,
                         MerkleHasher* hasher) {
  const size_t body_bytes = frame.size() - kFrameHeaderBytes - kFrameTrailerBytes;
  const std::span<const std::byte> body = frame.subspan(kFrameHeaderBytes, body_bytes);
  std::byte* stored_body = to + kFrameHeaderBytes;
  const bool is_state = (Load16(frame.data() + 2) & kFrameFlagState) != 0;
  size_t stored_bytes = body_bytes;
  if (!form.json) {
    std::memcpy(stored_body, body.data(), body_bytes);
  } else {
    stored_bytes =
        is_state ? EncodeJsonState(stored_body, body) : EncodeJsonEntry(stored_body, body);
  }
  const size_t bytes = FinishStoredFrame(to, form, frame, stored_bytes);
  if (!form.merkle_leaves) return bytes;
  const MerkleHash leaf = hasher->Leaf(frame);
  std::memcpy(to + bytes - leaf.size(), leaf.data(), leaf.size());
  return bytes;
}

size_t StoredFrameBytesAt(std::span<const std::byte> bytes) {
  return kFrameHeaderBytes + size_t{Load32(bytes.data() + 4)} + Load32(bytes.data() + 8);
}

StatusOr<const char*> StoredFrameDecoder::Decode(StoredForm form, std::span<const std::byte> stored,
                                                 std::span<const std::byte>* frames) {
  if (form.IsPlain()) {
    *frames = stored;
    return nullptr;
  }
  if (form.merkle_leaves && !hasher_) {
    StatusOr<MerkleHasher> hasher = MerkleHasher::Create();
    if (!hasher.ok()) return hasher.status();
    hasher_ = std::move(*hasher);
  }
  if (!frames_.Grow(stored.size())) return OutOfMemory(stored.size());
  const char* why = DecodeAll(form, stored, frames);
  if (hasher_) RETURN_IF_ERROR(hasher_->status());
  return why;
}

const char* StoredFrameDecoder::DecodeAll(StoredForm form, std::span<const std::byte> stored,
                                          std::span<const std::byte>* frames) {
  size_t at = 0;
  while (!stored.empty()) {
    StoredFrame frame;
    const char* why = ReadStoredFrame(form, stored, &frame);
    if (why != nullptr) return why;
    std::byte* to = frames_.data() + at;
    size_t frame_bytes = 0;
    why = DecodeStoredFrame(form, frame, to, &frame_bytes);
    if (why != nullptr) return why;
    if (form.merkle_leaves) {
      const MerkleHash leaf = hasher_->Leaf({to, frame_bytes});
      if (std::memcmp(leaf.data(), frame.bytes.last(leaf.size()).data(), leaf.size()) != 0) {
        return "the Merkle leaf of a frame does not hold";
      }
    }
    at += frame_bytes;
    stored = stored.subspan(frame.bytes.size());
  }
  *frames = frames_.span().first(at);
  return nullptr;
}

}  // namespace clustor
