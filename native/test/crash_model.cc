#include "crash_model.h"

namespace clustor::test {

namespace {

bool Matches(const State& state, const RecoveryReport& found, const std::vector<Entry>& entries) {
  if (!(found.hard_state == state.hard_state)) return false;
  if (found.entries.last_index != state.entries.size()) return false;
  const uint64_t first = found.entries.first_index;
  for (size_t i = 0; i < entries.size(); ++i) {
    if (!(entries[i] == state.entries[first - 1 + i])) return false;
  }
  return true;
}

}  // namespace

std::optional<size_t> Judge(const std::vector<State>& states, uint64_t completed,
                            uint64_t first_index_max, LogFixture* log) {
  const RecoveryReport& found = log->log->recovery();
  if (found.entries.first_index > first_index_max) return std::nullopt;
  const std::vector<Entry> entries = log->ReadAll();
  for (size_t i = completed; i < states.size(); ++i) {
    if (Matches(states[i], found, entries)) return i;
  }
  return std::nullopt;
}

}  // namespace clustor::test
