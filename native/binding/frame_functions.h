// Frames for JavaScript: encoding in place, checking what the network brought.
#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace clustor {

// The sum of frame lengths when each can hold an entry and all of them fit `bytes`, or nothing.
std::optional<size_t> FrameBytesWithin(std::span<const uint32_t> byte_lengths, size_t bytes);

// Makes frames of payloads that stand in their places: writes headers and checksums around them.
// REQUIRES: FrameBytesWithin(byte_lengths, bytes at frames).
void SealFrames(std::byte* frames, std::span<const uint32_t> byte_lengths, uint64_t term,
                uint64_t first_index, uint8_t kind);

// sealFrames(bytes, byteLengths, term, firstIndex, kind): SealFrames in place.
Napi::Value SealFramesJs(const Napi::CallbackInfo& info);

// parseFrames(bytes): checks frames, returns their range, throws ERR_FRAME_CORRUPT.
Napi::Value ParseFramesJs(const Napi::CallbackInfo& info);

}  // namespace clustor
