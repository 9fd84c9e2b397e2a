#include "crash_images_history.h"

#include <algorithm>
#include <cstring>

namespace clustor::test {

namespace {

bool SameFrame(const FoundLog& found, uint64_t index, const LogState& state) {
  return found.frames[static_cast<size_t>(index - found.first_index)] ==
         *state.frames[static_cast<size_t>(index - 1)];
}

}  // namespace

StatusOr<FoundLog> ReadFound(Log* log) {
  const LogStats stats = log->Stats();
  FoundLog found;
  found.hard_state = log->recovery().hard_state;
  found.first_index = stats.first_index;
  found.last_index = stats.last_index;
  for (uint64_t next = stats.first_index; next <= stats.last_index;) {
    StatusOr<FrameRead> read = log->Read(next, stats.last_index, 1 << 20);
    if (!read.ok()) return read.status();
    const char* at = reinterpret_cast<const char*>(read->bytes.data());
    for (const uint32_t bytes : read->range.byte_lengths) {
      found.frames.emplace_back(at, bytes);
      at += bytes;
    }
    next = read->range.last_index + 1;
  }
  return found;
}

bool IsState(const FoundLog& found, const LogState& state) {
  if (!(found.hard_state == state.hard_state)) return false;
  if (found.last_index != state.frames.size()) return false;
  for (uint64_t index = found.first_index; index <= found.last_index; ++index) {
    if (!SameFrame(found, index, state)) return false;
  }
  return true;
}

std::optional<size_t> FindState(const History& history, size_t point, size_t from,
                                const FoundLog& found) {
  for (size_t i = history.points[point].submitted + 1; i-- > from;) {
    const LogState& state = history.states[i];
    if (point < state.refused_at && IsState(found, state)) return i;
  }
  return std::nullopt;
}

bool LacksAcknowledged(const History& history, size_t point, const FoundLog& found) {
  const CrashPoint& at = history.points[point];
  if (found.first_index > at.first_index_max) return true;
  if (FindState(history, point, 0, found)) return true;
  // An older log that is whole up to its end lacks the rest.
  const LogState& acknowledged = history.states[at.completed];
  if (found.last_index >= acknowledged.frames.size()) return false;
  for (uint64_t index = found.first_index; index <= found.last_index; ++index) {
    if (!SameFrame(found, index, acknowledged)) return false;
  }
  return true;
}

}  // namespace clustor::test
