// Pieces: bytes that follow each other and stand in several places, as one write takes them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace clustor {

// Borrows: what it was made of must live as long.
class Pieces {
 public:
  Pieces() = default;
  explicit Pieces(std::span<const std::byte> bytes) { Add(bytes); }

  // What stands right behind the last piece becomes part of it.
  void Add(std::span<const std::byte> bytes) {
    if (bytes.empty()) return;
    bytes_ += bytes.size();
    if (!spans_.empty() && spans_.back().data() + spans_.back().size() == bytes.data()) {
      spans_.back() = {spans_.back().data(), spans_.back().size() + bytes.size()};
    } else {
      spans_.push_back(bytes);
    }
  }
  void Add(const Pieces& pieces) {
    for (const std::span<const std::byte> span : pieces.spans()) Add(span);
  }
  uint64_t bytes() const { return bytes_; }
  // None of them is empty.
  std::span<const std::span<const std::byte>> spans() const { return spans_; }

  // Calls use(span) for those in [from, from + bytes), in order. REQUIRES: that many are there.
  template <typename Use>
  void ForEach(uint64_t from, uint64_t bytes, Use use) const {
    for (const std::span<const std::byte> span : spans_) {
      const uint64_t skipped = std::min<uint64_t>(from, span.size());
      const uint64_t taken = std::min(span.size() - skipped, bytes);
      if (taken > 0) use(span.subspan(static_cast<size_t>(skipped), static_cast<size_t>(taken)));
      from -= skipped;
      bytes -= taken;
    }
  }
  Pieces Slice(uint64_t from, uint64_t bytes) const {
    Pieces slice;
    ForEach(from, bytes, [&](std::span<const std::byte> span) { slice.Add(span); });
    return slice;
  }

 private:
  std::vector<std::span<const std::byte>> spans_;
  uint64_t bytes_ = 0;
};

}  // namespace clustor
