#pragma once

#include <cstdint>

namespace clustor {

// What wants room in the tail and in the ledger. The last room of both is for writes without
// entries: on a full disk a replica can still vote, and cut its log.
enum class RoomFor : uint8_t { kEntries, kState };

}  // namespace clustor
