// The trailer of a sealed segment: its page, and what its code says to a holder of the key.
#include <algorithm>

#include "base/coding.h"
#include "base/crc32c.h"
#include "fuzz_target.h"
#include "seed_log.h"
#include "wal/segment_mac.h"
#include "wal/segment_trailer.h"

namespace clustor::fuzz {

namespace {

SegmentHeader SealedHeader() {
  SegmentHeader header;
  header.segment_seq = 1;
  header.segment_bytes = 64 << 10;
  header.partition = "orders";
  HOLDS(ChooseKeys(SeedKeys().get(), &header).ok());
  return header;
}

std::unique_ptr<SegmentMac> SeedMac() {
  StatusOr<std::unique_ptr<SegmentMac>> mac = SegmentMac::Create(SealedHeader(), SeedKeys().get());
  HOLDS(mac.ok() && *mac != nullptr);
  return std::move(*mac);
}

void Decode(const Bytes& page) {
  const std::optional<SegmentTrailer> trailer = DecodeTrailer(page);
  const StatusOr<TrailerState> state = SeedMac()->Check(page);
  HOLDS(state.ok());
  // A page that is no trailer is none; one that is cannot be valid unless the key made it.
  HOLDS(trailer.has_value() || *state == TrailerState::kNone);
  if (!trailer) return;
  Bytes rebuilt(kTrailerPageBytes);
  EncodeTrailer(*trailer, rebuilt);
  HOLDS(Equal(rebuilt, page));
  if (*state != TrailerState::kValid) return;
  Bytes right(kTrailerPageBytes);
  EncodeTrailer(*SeedMac()->Finish(), right);
  HOLDS(Equal(right, page));
}

// Short inputs are followed by zeros, as the fields of a trailer are.
void Run(std::span<const std::byte> input) {
  Bytes page(kTrailerPageBytes);
  std::copy_n(input.begin(), std::min(input.size(), page.size()), page.begin());
  Decode(page);
  Store32(page.data() + kTrailerBytes, Crc32c(std::span(page).first(kTrailerBytes)));
  Decode(page);
}

std::vector<Bytes> Seeds() {
  SegmentTrailer trailer = *SeedMac()->Finish();
  std::vector<Bytes> seeds;
  for (const uint64_t entries : {0, 7}) {
    trailer.first_index = entries == 0 ? 0 : 1;
    trailer.last_index = entries;
    trailer.entry_count = static_cast<uint32_t>(entries);
    Bytes page(kTrailerPageBytes);
    EncodeTrailer(trailer, page);
    page.resize(kTrailerBytes + 4);
    seeds.push_back(page);
  }
  return seeds;
}

FUZZ_TARGET("trailer", Run, Seeds);

}  // namespace

}  // namespace clustor::fuzz
