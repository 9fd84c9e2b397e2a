// Slab: an owned, move-only run of bytes. What a write carries to the committer and a read brings
// back. Memory is not zeroed; aligned to 16 bytes.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <span>

namespace clustor {

class Slab {
 public:
  Slab() = default;
  // data() is null when the memory could not be had or bytes is 0: check before filling.
  explicit Slab(size_t bytes)
      : data_(bytes == 0 ? nullptr : static_cast<std::byte*>(std::malloc(bytes))),
        bytes_(data_ ? bytes : 0) {}

  std::byte* data() { return data_.get(); }
  const std::byte* data() const { return data_.get(); }
  size_t bytes() const { return bytes_; }
  std::span<const std::byte> span() const { return {data_.get(), bytes_}; }
  std::span<std::byte> mutable_span() { return {data_.get(), bytes_}; }
  // Forgets the bytes past `bytes`; the memory stays. REQUIRES: bytes <= bytes().
  void Shrink(size_t bytes) { bytes_ = bytes; }

 private:
  struct Free {
    void operator()(std::byte* pointer) const { std::free(pointer); }
  };
  std::unique_ptr<std::byte, Free> data_;
  size_t bytes_ = 0;
};

}  // namespace clustor
