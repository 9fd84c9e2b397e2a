// What a log must hold after each write, and the judgement of what a restart found.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "log_fixture.h"

namespace clustor::test {

// The log after a write.
struct State {
  HardState hard_state;
  std::vector<Entry> entries;  // From index 1.
};

// W3: what was found is the state after a write at or past the last completed one. states[i] is the
// log after write i. first_index_max: how far the prefix may be gone. Returns which state it is, or
// nothing when it is none.
std::optional<size_t> Judge(const std::vector<State>& states, uint64_t completed,
                            uint64_t first_index_max, LogFixture* log);

}  // namespace clustor::test
