#include "paged_bytes.h"

#include <algorithm>
#include <cstring>

namespace clustor::test {

namespace {

// Calls piece(page, offset in page, bytes, bytes done so far) for every page of the range.
template <typename Piece>
void ForPages(uint64_t offset, uint64_t bytes, Piece piece) {
  uint64_t done = 0;
  while (done < bytes) {
    const uint64_t at = (offset + done) % kPageBytes;
    const uint64_t count = std::min(kPageBytes - at, bytes - done);
    piece(static_cast<size_t>((offset + done) / kPageBytes), static_cast<size_t>(at),
          static_cast<size_t>(count), static_cast<size_t>(done));
    done += count;
  }
}

}  // namespace

bool IsZeros(std::span<const std::byte> bytes) {
  return bytes.empty() || (bytes.front() == std::byte{0} &&
                           std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

PagedBytes::PagedBytes(std::span<const std::byte> bytes) { Write(0, bytes); }

void PagedBytes::Resize(uint64_t bytes) {
  if (bytes < bytes_ && bytes % kPageBytes != 0) {
    Zero(bytes, std::min(bytes_, (bytes / kPageBytes + 1) * kPageBytes) - bytes);
  }
  bytes_ = bytes;
  pages_.resize(static_cast<size_t>((bytes + kPageBytes - 1) / kPageBytes));
}

const PagedBytes::Page& PagedBytes::At(size_t page) const {
  static constexpr Page kZeros{};
  return page < pages_.size() && pages_[page] != nullptr ? *pages_[page] : kZeros;
}

PagedBytes::Page* PagedBytes::Own(size_t page) {
  std::shared_ptr<Page>& owned = pages_[page];
  if (owned == nullptr) {
    owned = std::make_shared<Page>();
  } else if (owned.use_count() > 1) {
    owned = std::make_shared<Page>(*owned);
  }
  return owned.get();
}

size_t PagedBytes::Read(uint64_t offset, std::span<std::byte> into) const {
  if (offset >= bytes_) return 0;
  const uint64_t bytes = std::min<uint64_t>(into.size(), bytes_ - offset);
  ForPages(offset, bytes, [&](size_t page, size_t at, size_t count, size_t done) {
    std::memcpy(into.data() + done, At(page).data() + at, count);
  });
  return static_cast<size_t>(bytes);
}

void PagedBytes::Write(uint64_t offset, std::span<const std::byte> bytes) {
  if (offset + bytes.size() > bytes_) Resize(offset + bytes.size());
  ForPages(offset, bytes.size(), [&](size_t page, size_t at, size_t count, size_t done) {
    const std::span<const std::byte> piece = bytes.subspan(done, count);
    if (pages_[page] == nullptr && IsZeros(piece)) return;
    std::memcpy(Own(page)->data() + at, piece.data(), count);
  });
}

void PagedBytes::CopyRange(const PagedBytes& from, uint64_t offset, uint64_t bytes) {
  if (offset >= bytes_) return;
  ForPages(offset, std::min(bytes, bytes_ - offset),
           [&](size_t page, size_t at, size_t count, size_t) {
             const bool whole = count == kPageBytes;
             const bool there = page < from.pages_.size() && from.pages_[page] != nullptr;
             if (whole) {
               pages_[page] = there ? from.pages_[page] : nullptr;
             } else if (there || pages_[page] != nullptr) {
               std::memcpy(Own(page)->data() + at, from.At(page).data() + at, count);
             }
           });
}

void PagedBytes::Zero(uint64_t offset, uint64_t bytes) { CopyRange(PagedBytes(), offset, bytes); }

std::vector<std::byte> PagedBytes::All() const {
  std::vector<std::byte> all(static_cast<size_t>(bytes_));
  Read(0, all);
  return all;
}

bool PagedBytes::RangeEquals(const PagedBytes& other, uint64_t offset, uint64_t bytes) const {
  bool equal = true;
  ForPages(offset, bytes, [&](size_t page, size_t at, size_t count, size_t) {
    const Page& mine = At(page);
    const Page& theirs = other.At(page);
    if (&mine != &theirs && std::memcmp(mine.data() + at, theirs.data() + at, count) != 0) {
      equal = false;
    }
  });
  return equal;
}

bool PagedBytes::IsZero(uint64_t offset, uint64_t bytes) const {
  return RangeEquals(PagedBytes(), offset, bytes);
}

}  // namespace clustor::test
