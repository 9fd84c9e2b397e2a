// The index of a segment: what decodes is encoded to the same bytes, whatever the bytes are.
#include "base/coding.h"
#include "base/crc32c.h"
#include "fuzz_target.h"
#include "wal/segment_index.h"

namespace clustor::fuzz {

namespace {

void Decode(const Bytes& bytes) {
  const std::optional<SegmentIndex> index = DecodeSegmentIndex(bytes);
  if (!index) return;
  HOLDS(index->rows.size() * 32 + 44 == bytes.size());
  HOLDS(Equal(EncodeSegmentIndex(*index), bytes));
}

// As it is, and with the checksum made right.
void Run(std::span<const std::byte> input) {
  Bytes bytes(input.begin(), input.end());
  Decode(bytes);
  if (bytes.size() < 4) return;
  const size_t covered = bytes.size() - 4;
  Store32(bytes.data() + covered, Crc32c(std::span(bytes).first(covered)));
  Decode(bytes);
}

std::vector<Bytes> Seeds() {
  std::vector<Bytes> seeds;
  SegmentIndex index = {7, 21, 0x01020304, {}};
  for (uint64_t rows = 0; rows < 3; ++rows) {
    seeds.push_back(EncodeSegmentIndex(index));
    index.rows.push_back({4096 + rows * 512, 1, 1, rows + 1, rows + 1});
  }
  return seeds;
}

FUZZ_TARGET("segment_index", Run, Seeds);

}  // namespace

}  // namespace clustor::fuzz
