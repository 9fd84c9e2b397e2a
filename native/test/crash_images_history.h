// What a log was asked to write, and at which moments it was looked at: the truth that crash images
// are judged by.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "fault_env.h"
#include "wal/hard_state.h"
#include "wal/log.h"

namespace clustor::test {

// The log after a write.
struct LogState {
  HardState hard_state;
  std::vector<const std::string*> frames;  // frames[i] is entry i + 1, as EncodeFrame made it.
  uint64_t block = 0;                      // The block that made it durable; 0 until then.
  // The number of points taken before the write was refused: at later ones it must be gone.
  size_t refused_at = SIZE_MAX;
};

// A moment just before a call that changes the disk.
struct CrashPoint {
  DiskState disk;
  size_t completed = 0;  // The newest state that was acknowledged.
  size_t submitted = 0;  // The newest state that the log had been asked for.
  uint64_t durable_block = 0;
  uint64_t first_index_min = 1;  // A prefix cut that completed stays cut.
  uint64_t first_index_max = 1;  // What was never cut is there.
};

struct History {
  std::vector<LogState> states = {LogState()};
  std::deque<CrashPoint> points;
  std::deque<std::string> frames;  // Owns what states name.
};

// A log as it was found: everything it can read.
struct FoundLog {
  HardState hard_state;
  uint64_t first_index = 1;
  uint64_t last_index = 0;
  std::vector<std::string> frames;
};

// Reads the whole log. Errors: those of Log::Read.
StatusOr<FoundLog> ReadFound(Log* log);

// Whether the found log is this state, as far as its prefix goes.
bool IsState(const FoundLog& found, const LogState& state);

// The newest state from `from` on that the log may show at the point and does show.
std::optional<size_t> FindState(const History& history, size_t point, size_t from,
                                const FoundLog& found);

// Whether the found log lacks something acknowledged, rather than holding what nobody wrote.
bool LacksAcknowledged(const History& history, size_t point, const FoundLog& found);

}  // namespace clustor::test
