// The header page of a segment.
#include <algorithm>

#include "base/coding.h"
#include "fuzz_target.h"
#include "repair.h"
#include "wal/format.h"

namespace clustor::fuzz {

namespace {

void Decode(const Bytes& page) {
  const StatusOr<SegmentHeader> header = DecodeSegmentHeader(page);
  if (!header.ok()) {
    HOLDS(header.status().code() == StatusCode::kLogCorrupt ||
          header.status().code() == StatusCode::kFormatNewer);
    return;
  }
  HOLDS(header->partition.size() <= kPartitionBytesMax);
  HOLDS(header->base_index > 0 && header->base_index <= kPositionMax);
  HOLDS(header->first_block > 0 && header->first_block <= kPositionMax);
  HOLDS(header->segment_seq <= kPositionMax && header->segment_bytes <= kPositionMax);
  Bytes rebuilt(kSegmentHeaderBytes);
  EncodeSegmentHeader(*header, rebuilt);
  HOLDS(Equal(rebuilt, page));
}

// Short inputs are followed by zeros, as most of a header page is.
void Run(std::span<const std::byte> input) {
  Bytes page(kSegmentHeaderBytes);
  std::copy_n(input.begin(), std::min(input.size(), page.size()), page.begin());
  Decode(page);
  RepairSegmentHeader(page);
  Decode(page);
}

std::vector<Bytes> Seeds() {
  SegmentHeader header;
  header.segment_seq = 3;
  header.base_index = 100;
  header.segment_bytes = 64 << 10;
  header.first_block = 17;
  header.previous_checksum = 0x12345678;
  header.replica = 2;
  header.incarnation = 1'784'000'000'000;
  header.created_ms = 1'784'000'000'001;
  header.partition = "orders";
  SegmentHeader small = header;
  small.block_alignment = 512;
  small.partition = std::string(kPartitionBytesMax, 'p');
  std::vector<Bytes> seeds;
  for (const SegmentHeader& seed : {header, small}) {
    Bytes page(kSegmentHeaderBytes);
    EncodeSegmentHeader(seed, page);
    page.resize(114 + seed.partition.size());
    seeds.push_back(page);
  }
  return seeds;
}

FUZZ_TARGET("segment_header", Run, Seeds);

}  // namespace

}  // namespace clustor::fuzz
