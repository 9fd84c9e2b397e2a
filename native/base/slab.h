// Slab: an owned, move-only run of bytes: what a write carries to the committer, what a read brings
// back, and every buffer that is as large as something on disk or of a caller. Memory is not
// zeroed; aligned to 16 bytes. Not having it is an answer, which operator new cannot give without
// exceptions.
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
  // Makes it at least `bytes` long and keeps what it holds. False when the memory could not be had:
  // then nothing has changed.
  [[nodiscard]] bool Grow(size_t bytes) {
    if (bytes <= bytes_) return true;
    auto* grown = static_cast<std::byte*>(std::realloc(data_.get(), bytes));
    if (grown == nullptr) return false;
    static_cast<void>(data_.release());
    data_.reset(grown);
    bytes_ = bytes;
    return true;
  }
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
