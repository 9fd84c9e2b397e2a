// Walks frames one by one: the single place that decodes them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace clustor {

struct FrameView {
  uint16_t flags = 0;
  std::span<const std::byte> bytes;  // The whole frame.
  std::span<const std::byte> body;

  bool is_state() const;
  // REQUIRES: !is_state().
  uint64_t term() const;
  uint64_t index() const;
  uint8_t kind() const;
  std::span<const std::byte> payload() const;
};

class FrameReader {
 public:
  explicit FrameReader(std::span<const std::byte> bytes) : rest_(bytes), total_(bytes.size()) {}

  bool AtEnd() const { return rest_.empty(); }
  // Offset of the next frame.
  size_t offset() const { return total_ - rest_.size(); }
  // Reads the next frame. Nullptr on success; else what is wrong. Length fields are checked against
  // what is there before they are used. REQUIRES: !AtEnd().
  const char* Next(FrameView* frame);

 private:
  std::span<const std::byte> rest_;
  const size_t total_;
};

}  // namespace clustor
