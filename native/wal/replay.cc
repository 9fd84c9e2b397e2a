#include "wal/replay.h"

#include "base/coding.h"
#include "wal/frame_reader.h"

namespace clustor {

namespace {

// What a block holds, in the order it must have.
struct Seen {
  bool hard_state = false;
  bool truncation = false;
  uint64_t entries = 0;
};

const char* ApplyState(const FrameView& frame, Seen* seen, ReplayedLog* log) {
  const std::span<const std::byte> body = frame.body;
  if (body.empty()) return "a state record is empty";
  if (seen->entries > 0) return "a state record stands behind entries";
  switch (static_cast<StateRecordType>(body[0])) {
    case StateRecordType::kHardState:
      if (body.size() != 25) return "a hard state has a wrong length";
      if (seen->hard_state || seen->truncation) return "a hard state is not the first record";
      seen->hard_state = true;
      log->hard_state =
          HardState{Load64(body.data() + 1), Load64(body.data() + 9), Load64(body.data() + 17)};
      return nullptr;
    case StateRecordType::kTruncate: {
      if (body.size() != 9) return "a truncation has a wrong length";
      if (seen->truncation) return "a block truncates twice";
      seen->truncation = true;
      const uint64_t from = Load64(body.data() + 1);
      if (from == 0 || from > log->last_index + 1) return "a truncation lies behind the log";
      log->Truncate(from);
      return nullptr;
    }
    case StateRecordType::kSnapshotMark:
      return body.size() == 17 ? nullptr : "a snapshot mark has a wrong length";
  }
  return "a state record has an unknown type";
}

const char* ApplyEntry(const FrameView& frame, const BlockView& block, ReplayedLog* log) {
  if (frame.index() != log->last_index + 1) return "an entry does not follow the one before it";
  if (frame.term() > kPositionMax || frame.term() < log->last_term()) return "the terms fall";
  if (log->runs.empty()) {
    log->junctions.push_back({frame.index(), frame.term(), block.offset, block.header.number});
  }
  log->last_index = frame.index();
  if (log->keep_lengths) log->byte_lengths.push_back(static_cast<uint32_t>(frame.bytes.size()));
  AppendRun(&log->runs, frame.term(), frame.kind(), 1);
  return nullptr;
}

}  // namespace

uint64_t ReplayedLog::TermAt(uint64_t index) const {
  if (index < first_index || index > last_index) return 0;
  uint64_t run_first = last_index + 1;
  for (auto run = runs.rbegin(); run != runs.rend(); ++run) {
    run_first -= run->count;
    if (run_first <= index) return run->term;
  }
  return 0;
}

void ReplayedLog::Truncate(uint64_t from) {
  if (from <= first_index) {
    first_index = from;
    last_index = from - 1;
    runs.clear();
    byte_lengths.clear();
    return;
  }
  uint64_t gone = last_index + 1 - from;
  last_index = from - 1;
  if (keep_lengths) byte_lengths.resize(static_cast<size_t>(from - first_index));
  while (gone > 0) {
    const uint64_t of_run = runs.back().count < gone ? runs.back().count : gone;
    runs.back().count -= of_run;
    gone -= of_run;
    if (runs.back().count == 0) runs.pop_back();
  }
}

void StartReplay(uint64_t base_index, ReplayedLog* log) {
  log->first_index = base_index;
  log->last_index = base_index - 1;
}

const char* ReplayBlock(const BlockView& block, ReplayedLog* log) {
  const BlockHeader& header = block.header;
  FrameReader reader(block.frames);
  Seen seen;
  uint64_t first_index = 0;
  while (!reader.AtEnd()) {
    FrameView frame;
    const char* why = reader.Next(&frame);
    if (why == nullptr) {
      why = frame.is_state() ? ApplyState(frame, &seen, log) : ApplyEntry(frame, block, log);
    }
    if (why != nullptr) return why;
    if (!frame.is_state() && seen.entries++ == 0) first_index = frame.index();
  }
  const bool flags_hold = seen.hard_state == ((header.flags & kBlockFlagHardState) != 0) &&
                          seen.truncation == ((header.flags & kBlockFlagTruncate) != 0);
  // The header may not know the term; the log does not when its last entry went with a prefix.
  const bool term_holds =
      header.last_term == 0 || log->runs.empty() || header.last_term == log->last_term();
  if (!flags_hold || !term_holds || seen.entries != header.entry_count ||
      first_index != header.first_index || log->last_index != header.last_index) {
    return "the header of a block contradicts its records";
  }
  return nullptr;
}

const Junction* ReplaySegment(const ReplayedLog& segment, ReplayedLog* log) {
  if (segment.hard_state) log->hard_state = segment.hard_state;
  for (const Junction& junction : segment.junctions) {
    log->Truncate(junction.index);
    if (junction.term < log->last_term()) return &junction;
  }
  log->Truncate(segment.first_index);
  for (const EntryRun& run : segment.runs) AppendRun(&log->runs, run.term, run.kind, run.count);
  log->byte_lengths.insert(log->byte_lengths.end(), segment.byte_lengths.begin(),
                           segment.byte_lengths.end());
  log->last_index = segment.last_index;
  return nullptr;
}

}  // namespace clustor
