// The bodies of frames as canonical JSON (docs/wal-format.md, "Stored frames"): one line of text
// per record, with one way to write it. The decoder knows these forms and nothing else of JSON.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace clustor {

// More than the text of an entry is longer than the base64 of its payload: names, digits, and what
// base64 rounds up.
inline constexpr uint64_t kJsonEntryBytesMax = 96;

// Exact bytes of the text of an entry.
uint64_t JsonEntryBytes(uint64_t term, uint64_t index, uint8_t kind, uint64_t payload_bytes);

// Each writes the text of a binary body at `to` and returns its bytes. REQUIRES: the body is that
// of an entry, or of a hard state or a truncation.
size_t EncodeJsonEntry(std::byte* to, std::span<const std::byte> body);
size_t EncodeJsonState(std::byte* to, std::span<const std::byte> body);

// Each writes, at `to`, the binary frame whose body the text says, and its length. Nullptr on
// success; else what is wrong: only the bytes that the encoder makes are accepted. Such a frame is
// never longer than the text and 16 bytes.
const char* DecodeJsonEntry(std::span<const std::byte> text, std::byte* to, size_t* frame_bytes);
const char* DecodeJsonState(std::span<const std::byte> text, std::byte* to, size_t* frame_bytes);

}  // namespace clustor
