// ParseFrames: what replicas send each other and what a block holds.
#include "base/coding.h"
#include "fuzz_target.h"
#include "log_fixture.h"
#include "rebuild.h"
#include "repair.h"
#include "wal/frame.h"

namespace clustor::fuzz {

namespace {

void CheckRefusal(const Status& status, std::span<const std::byte> bytes) {
  HOLDS(status.code() == StatusCode::kFrameCorrupt);
  const int64_t offset = status.details().offset;
  HOLDS(offset >= 0 && static_cast<uint64_t>(offset) <= bytes.size());
  // Everything before the place it names is good.
  if (offset > 0) HOLDS(ParseFrames(bytes.first(static_cast<size_t>(offset))).ok());
}

void CheckColumns(const FrameRange& range, size_t bytes) {
  uint64_t entries = 0;
  for (const EntryRun& run : range.runs) {
    HOLDS(run.count > 0 && run.term <= kPositionMax);
    entries += run.count;
  }
  uint64_t frame_bytes = 0;
  for (const uint32_t length : range.byte_lengths) frame_bytes += length;
  HOLDS(frame_bytes == bytes);
  HOLDS(entries == range.byte_lengths.size());
  HOLDS(range.first_index > 0 && range.last_index <= kPositionMax);
  HOLDS(range.last_index - range.first_index + 1 == entries);
}

void Parse(std::span<const std::byte> bytes) {
  const StatusOr<FrameRange> range = ParseFrames(bytes);
  if (!range.ok()) return CheckRefusal(range.status(), bytes);
  CheckColumns(*range, bytes.size());
  CheckEntriesRebuild(bytes);
}

void Run(std::span<const std::byte> input) {
  Parse(input);
  Bytes repaired(input.begin(), input.end());
  RepairFrames(repaired);
  Parse(repaired);
}

std::vector<Bytes> Seeds() {
  std::vector<Bytes> seeds;
  const std::vector<std::vector<test::Entry>> batches = {
      {{1, 0, ""}},
      {{1, 0, "a"}, {1, 0, "bb"}, {2, 1, std::string(300, 'c')}},
      {{7, 16, std::string(64, '\0')}, {7, 17, "x"}, {9, 0, ""}},
  };
  for (const auto& entries : batches) {
    const FrameBatch batch = test::BatchOf(41, entries);
    seeds.emplace_back(batch.bytes.span().begin(), batch.bytes.span().end());
  }
  return seeds;
}

FUZZ_TARGET("frame", Run, Seeds);

}  // namespace

}  // namespace clustor::fuzz
