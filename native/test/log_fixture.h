// LogFixture: a log over a FaultEnv, driven by pump, with the words that tests speak.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "fault_env.h"
#include "wal/log.h"
#include "wal/paths.h"

namespace clustor::test {

inline constexpr char kDirectory[] = "/data/p";

// Options small enough that a few entries rotate segments and fill the ledger.
LogOptions SmallOptions();

// An entry as tests compare it.
struct Entry {
  uint64_t term = 0;
  uint8_t kind = 0;
  std::string payload;
  friend bool operator==(const Entry&, const Entry&) = default;
};

// The frames of entries that begin at first_index.
FrameBatch BatchOf(uint64_t first_index, const std::vector<Entry>& entries);
Write Frames(uint64_t first_index, const std::vector<Entry>& entries);
std::vector<Entry> EntriesOf(const FrameRead& read);

class Recorder final : public CompletionSink {
 public:
  void OnComplete(Completion completion) override { completions.push_back(std::move(completion)); }
  // The status of a write, nothing while it is pending.
  std::optional<Status> StatusOf(uint64_t sequence) const;
  // The last write of the successful completions.
  uint64_t completed() const;

  std::vector<Completion> completions;
};

class LogFixture {
 public:
  explicit LogFixture(LogOptions options = SmallOptions()) : options(std::move(options)) {}

  // Opens the log; the result is also in open_status.
  bool Open();
  // Closes and opens again, on the same machine.
  bool Reopen();
  // The machine loses power and starts again with what `image` holds.
  bool Restart(std::unique_ptr<FaultEnv> image);
  void Close();

  // Each submits one write and pumps until nothing is left; returns how it completed.
  Status Append(const std::string& payload);
  Status Append(const std::vector<Entry>& entries);
  Status SaveHardState(const HardState& state);
  // Replaces everything from index on by entries.
  Status Replace(uint64_t from, const std::vector<Entry>& entries);
  Status Apply(Write write);

  void PumpAll();
  // Commits what is queued, and leaves background work undone.
  void PumpWrites();
  // All entries of the log, read back; fails the test when that does not work.
  std::vector<Entry> ReadAll();
  std::string ReadPayload(uint64_t index);
  std::string SegmentPath(uint64_t segment_seq) const;
  std::string LedgerPath() const;
  // Flips a bit of a durable byte.
  void FlipBit(const std::string& path, uint64_t offset);

  LogOptions options;
  std::unique_ptr<FaultEnv> env = std::make_unique<FaultEnv>();
  Recorder recorder;
  std::unique_ptr<Log> log;
  Status open_status;
  uint64_t term = 1;
};

}  // namespace clustor::test
