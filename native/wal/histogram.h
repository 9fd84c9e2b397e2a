// Adding to a histogram of wal/stats.h. The caller synchronizes.
#pragma once

#include <algorithm>

#include "wal/stats.h"

namespace clustor {

inline void AddSample(HistogramSnapshot* histogram, uint64_t nanoseconds) {
  ++histogram->counts[static_cast<size_t>(HistogramBucketOf(nanoseconds))];
  ++histogram->count;
  histogram->total_ns += nanoseconds;
  histogram->max_ns = std::max(histogram->max_ns, nanoseconds);
}

}  // namespace clustor
