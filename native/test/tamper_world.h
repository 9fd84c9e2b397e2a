// The directory that is tampered with, what it truly holds, and the other directories that an
// attacker or an accident could take pieces from.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "crash_images_history.h"
#include "paged_bytes.h"
#include "wal/options.h"

namespace clustor::test {

using Files = std::map<std::string, PagedBytes>;

struct TamperWorld {
  LogOptions options;  // Those that the log was written with, without an anchor.
  LogAnchor anchor;    // Its end, as somebody wrote it down elsewhere.
  FoundLog truth;
  Files files;
  Files older;            // The same directory, some writes earlier.
  Files other_node;       // Of another replica of the same partition.
  Files other_partition;  // Of another partition of the same replica.
  Files older_life;       // The same replica and partition, another incarnation.
};

enum class Protection : uint8_t {
  kPlain,   // Checksums only.
  kSealed,  // Blocks encrypted, segments closed with a trailer.
};

TamperWorld MakeTamperWorld(Protection protection);

}  // namespace clustor::test
