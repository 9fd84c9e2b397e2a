#include "wal/frame.h"

#include <cstring>
#include <string>

#include "base/coding.h"
#include "base/crc32c.h"
#include "wal/format.h"
#include "wal/frame_reader.h"

namespace clustor {

static_assert(kEntryFrameOverheadBytes == kFrameHeaderBytes + kEntryHeadBytes + kFrameTrailerBytes);
static_assert(kEntryPayloadOffset == kFrameHeaderBytes + kEntryHeadBytes);

bool FrameView::is_state() const { return (flags & kFrameFlagState) != 0; }
uint64_t FrameView::term() const { return Load64(body.data()); }
uint64_t FrameView::index() const { return Load64(body.data() + 8); }
uint8_t FrameView::kind() const { return static_cast<uint8_t>(body[16]); }
std::span<const std::byte> FrameView::payload() const { return body.subspan(kEntryHeadBytes); }

const char* FrameReader::Next(FrameView* frame) {
  if (rest_.size() < kFrameHeaderBytes) return "a frame is cut off in its header";
  const std::byte* at = rest_.data();
  const uint64_t body_bytes = Load32(at + 4);
  const uint64_t trailer_bytes = Load32(at + 8);
  if (trailer_bytes != kFrameTrailerBytes) return "a frame has an impossible trailer length";
  const uint64_t frame_bytes = kFrameHeaderBytes + body_bytes + trailer_bytes;
  if (frame_bytes > rest_.size()) return "a frame is longer than what holds it";
  const size_t covered = static_cast<size_t>(kFrameHeaderBytes + body_bytes);
  if (Load32(at + covered) != Crc32c(rest_.first(covered))) {
    return "the checksum of a frame does not hold";
  }
  if (static_cast<uint8_t>(at[0]) != kFrameVersion) return "a frame has an unknown version";
  if (static_cast<uint8_t>(at[1]) != kFrameCodecBinary) return "a frame has an unknown codec";
  frame->flags = Load16(at + 2);
  if ((frame->flags & ~kFrameFlagState) != 0) return "a frame has unknown flags";
  frame->bytes = rest_.first(static_cast<size_t>(frame_bytes));
  frame->body = rest_.subspan(kFrameHeaderBytes, static_cast<size_t>(body_bytes));
  if (!frame->is_state() && body_bytes < kEntryHeadBytes) return "an entry is cut off";
  rest_ = rest_.subspan(static_cast<size_t>(frame_bytes));
  return nullptr;
}

size_t EncodeFrame(std::byte* dst, uint64_t term, uint64_t index, uint8_t kind,
                   std::span<const std::byte> payload) {
  dst[0] = std::byte{kFrameVersion};
  dst[1] = std::byte{kFrameCodecBinary};
  Store16(dst + 2, 0);
  Store32(dst + 4, static_cast<uint32_t>(kEntryHeadBytes + payload.size()));
  Store32(dst + 8, kFrameTrailerBytes);
  Store64(dst + 12, term);
  Store64(dst + 20, index);
  dst[28] = std::byte{kind};
  std::byte* body = dst + kEntryPayloadOffset;
  const size_t covered = kEntryPayloadOffset + payload.size();
  const uint32_t crc = payload.data() == body
                           ? Crc32c({dst, covered})
                           : Crc32cCopy(Crc32c({dst, kEntryPayloadOffset}), body, payload);
  Store32(dst + covered, crc);
  return covered + kFrameTrailerBytes;
}

void AppendRun(std::vector<EntryRun>* runs, uint64_t term, uint8_t kind, uint64_t count) {
  if (count == 0) return;
  if (!runs->empty() && runs->back().term == term && runs->back().kind == kind) {
    runs->back().count += count;
    return;
  }
  runs->push_back({term, kind, count});
}

namespace {

Status FrameCorrupt(const char* why, size_t offset, uint64_t index) {
  StatusDetails details;
  details.message = std::string(why) + " at byte " + std::to_string(offset);
  details.offset = static_cast<int64_t>(offset);
  if (index != 0) details.first_index = static_cast<int64_t>(index);
  return Status(StatusCode::kFrameCorrupt, std::move(details));
}

const char* CheckPosition(const FrameView& frame, const FrameRange& range) {
  if (frame.is_state()) return "a state record stands among entries";
  if (frame.index() == 0 || frame.index() > kPositionMax || frame.term() > kPositionMax) {
    return "an entry has an impossible position";
  }
  if (range.byte_lengths.empty()) return nullptr;
  if (frame.index() != range.last_index + 1) return "the indexes are not contiguous";
  if (frame.term() < range.runs.back().term) return "the terms fall";
  return nullptr;
}

}  // namespace

StatusOr<FrameRange> ParseFrames(std::span<const std::byte> bytes) {
  if (bytes.empty()) return FrameCorrupt("there are no frames", 0, 0);
  FrameRange range;
  FrameReader reader(bytes);
  while (!reader.AtEnd()) {
    const size_t offset = reader.offset();
    FrameView frame;
    const char* why = reader.Next(&frame);
    if (why == nullptr) why = CheckPosition(frame, range);
    if (why != nullptr) {
      return FrameCorrupt(why, offset, range.byte_lengths.empty() ? 0 : range.last_index + 1);
    }
    if (range.byte_lengths.empty()) range.first_index = frame.index();
    range.last_index = frame.index();
    range.byte_lengths.push_back(static_cast<uint32_t>(frame.bytes.size()));
    AppendRun(&range.runs, frame.term(), frame.kind(), 1);
  }
  return range;
}

}  // namespace clustor
