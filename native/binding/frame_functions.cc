#include "binding/frame_functions.h"

#include "binding/convert.h"
#include "binding/js_error.h"
#include "wal/frame.h"

namespace clustor {

std::optional<size_t> FrameBytesWithin(std::span<const uint32_t> byte_lengths, size_t bytes) {
  size_t total = 0;
  for (const uint32_t byte_length : byte_lengths) {
    if (byte_length < kEntryFrameOverheadBytes || byte_length > bytes - total) return std::nullopt;
    total += byte_length;
  }
  return total;
}

void SealFrames(std::byte* frames, std::span<const uint32_t> byte_lengths, uint64_t term,
                uint64_t first_index, uint8_t kind) {
  uint64_t index = first_index;
  for (const uint32_t byte_length : byte_lengths) {
    const std::span<const std::byte> payload(frames + kEntryPayloadOffset,
                                             byte_length - kEntryFrameOverheadBytes);
    frames += EncodeFrame(frames, term, index, kind, payload);
    ++index;
  }
}

Napi::Value SealFramesJs(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto bytes = ToBytes(info[0]);
  const auto byte_lengths = ToUint32s(info[1]);
  const auto term = ToPosition(info[2]);
  const auto first_index = ToPosition(info[3]);
  const auto kind = ToPosition(info[4]);
  const bool valid = bytes && byte_lengths && term && first_index && kind && *kind <= UINT8_MAX &&
                     FrameBytesWithin(*byte_lengths, bytes->size()) == bytes->size();
  if (!valid) {
    ThrowStatus(env, Status(StatusCode::kInvalidArgument,
                            "sealFrames(bytes, byteLengths, term, firstIndex, kind)"));
    return env.Undefined();
  }
  SealFrames(bytes->data(), *byte_lengths, *term, *first_index, static_cast<uint8_t>(*kind));
  return env.Undefined();
}

Napi::Value ParseFramesJs(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto bytes = ToBytes(info[0]);
  if (!bytes) {
    ThrowStatus(env, Status(StatusCode::kInvalidArgument, "parseFrames(bytes)"));
    return env.Undefined();
  }
  const StatusOr<FrameRange> range = ParseFrames(*bytes);
  if (!range.ok()) {
    ThrowStatus(env, range.status());
    return env.Undefined();
  }
  return FromFrameRange(env, range.value());
}

}  // namespace clustor
