#pragma once

#include <cstdint>

namespace clustor {

// The part of Raft's state that must be durable before a message rests on it.
struct HardState {
  uint64_t term = 0;
  uint64_t vote = 0;  // Replica id, 0: none.
  uint64_t commit_index = 0;
  friend bool operator==(const HardState&, const HardState&) = default;
};

}  // namespace clustor
