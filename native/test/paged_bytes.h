// PagedBytes: the content of a file in pages of 4 KiB that copies share until one of them is
// written. Copying a file costs a pointer per page, so that thousands of images of a disk can be
// made in a second.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace clustor::test {

inline constexpr uint64_t kPageBytes = 4096;

// Whether there is nothing but zeros.
bool IsZeros(std::span<const std::byte> bytes);

class PagedBytes {
 public:
  PagedBytes() = default;
  explicit PagedBytes(std::span<const std::byte> bytes);

  uint64_t bytes() const { return bytes_; }
  // New bytes are zero.
  void Resize(uint64_t bytes);
  void Clear() { Resize(0); }
  // Copies what there is from offset on; returns how many bytes that were.
  size_t Read(uint64_t offset, std::span<std::byte> into) const;
  // Grows the file when the range ends behind it.
  void Write(uint64_t offset, std::span<const std::byte> bytes);
  // Makes the range equal to that of the other file, zero behind its end. Never grows this one.
  void CopyRange(const PagedBytes& from, uint64_t offset, uint64_t bytes);
  void Zero(uint64_t offset, uint64_t bytes);
  std::vector<std::byte> All() const;
  bool RangeEquals(const PagedBytes& other, uint64_t offset, uint64_t bytes) const;
  bool IsZero(uint64_t offset, uint64_t bytes) const;
  friend bool operator==(const PagedBytes& a, const PagedBytes& b) {
    return a.bytes_ == b.bytes_ && a.RangeEquals(b, 0, a.bytes_);
  }

 private:
  using Page = std::array<std::byte, kPageBytes>;

  // The page to write to, owned by this file alone.
  Page* Own(size_t page);
  const Page& At(size_t page) const;

  uint64_t bytes_ = 0;
  // Null: zeros. Bytes of the last page behind the end of the file are zero.
  std::vector<std::shared_ptr<Page>> pages_;
};

}  // namespace clustor::test
