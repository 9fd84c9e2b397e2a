#include "wal/stats.h"

#include <algorithm>
#include <bit>

namespace clustor {

int HistogramBucketOf(uint64_t nanoseconds) {
  if (nanoseconds < 4) return static_cast<int>(nanoseconds);
  const int octave = std::bit_width(nanoseconds) - 1;
  const int quarter = static_cast<int>(nanoseconds >> (octave - 2) & 3);
  return std::min((octave - 1) * 4 + quarter, kHistogramBuckets - 1);
}

uint64_t HistogramBucketUpperNs(int bucket) {
  if (bucket < 4) return static_cast<uint64_t>(bucket);
  const int octave = bucket / 4 + 1;
  const uint64_t quarter = static_cast<uint64_t>(bucket % 4);
  return ((4 + quarter + 1) << (octave - 2)) - 1;
}

}  // namespace clustor
