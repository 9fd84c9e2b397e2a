#include "wal/reader.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "wal/frame_reader.h"
#include "wal/step_reader.h"

namespace clustor {

namespace {

class EntryReader {
 public:
  EntryReader(Env* env, const LogPaths& paths, const KeyHolder* keys, uint64_t bytes_max)
      : blocks_(env, paths, keys), bytes_max_(bytes_max) {}

  Status Run(const std::vector<ReadStep>& steps);
  FrameRead Take();

 private:
  Status AddFrames(const BlockView& block, const ReadStep& step);
  Status Add(std::span<const std::byte> frame);

  StepReader blocks_;
  const uint64_t bytes_max_;
  Slab frames_;  // Of which bytes_ are taken.
  size_t bytes_ = 0;
  FrameRange range_;
  bool full_ = false;
};

Status EntryReader::Run(const std::vector<ReadStep>& steps) {
  for (const ReadStep& step : steps) {
    if (full_) break;
    BlockView block;
    RETURN_IF_ERROR(blocks_.Read(step, &block));
    RETURN_IF_ERROR(AddFrames(block, step));
  }
  return Status::Ok();
}

Status EntryReader::AddFrames(const BlockView& block, const ReadStep& step) {
  FrameReader reader(block.frames);
  while (!reader.AtEnd()) {
    FrameView frame;
    const char* why = reader.Next(&frame);
    if (why != nullptr) return blocks_.Corrupt(step, why);
    if (frame.is_state() || frame.index() < step.first_index) continue;
    if (frame.index() > step.last_index) break;
    const bool first = range_.byte_lengths.empty();
    full_ = !first && bytes_ + frame.bytes.size() > bytes_max_;
    if (full_) return Status::Ok();
    if (first) range_.first_index = frame.index();
    if (!first && frame.index() != range_.last_index + 1)
      return blocks_.Corrupt(step, "an entry is missing");
    range_.last_index = frame.index();
    range_.byte_lengths.push_back(static_cast<uint32_t>(frame.bytes.size()));
    AppendRun(&range_.runs, frame.term(), frame.kind(), 1);
    RETURN_IF_ERROR(Add(frame.bytes));
  }
  if (range_.last_index != step.last_index) return blocks_.Corrupt(step, "an entry is missing");
  return Status::Ok();
}

Status EntryReader::Add(std::span<const std::byte> frame) {
  const size_t end = bytes_ + frame.size();
  // By doubling, so that reading many small entries copies each byte about twice.
  if (end > frames_.bytes() && !frames_.Grow(std::max(end, 2 * frames_.bytes()))) {
    return OutOfMemory(end);
  }
  std::memcpy(frames_.data() + bytes_, frame.data(), frame.size());
  bytes_ = end;
  return Status::Ok();
}

FrameRead EntryReader::Take() {
  frames_.Shrink(bytes_);
  return {std::move(range_), std::move(frames_)};
}

}  // namespace

StatusOr<FrameRead> ReadEntries(Env* env, const LogPaths& paths, const Catalog& catalog,
                                const KeyHolder* keys, uint64_t first_index, uint64_t last_index,
                                uint64_t bytes_max) {
  StatusOr<std::vector<ReadStep>> steps = catalog.Plan(first_index, last_index, bytes_max);
  if (!steps.ok()) return steps.status();
  EntryReader reader(env, paths, keys, bytes_max);
  const Status read = reader.Run(*steps);
  if (read.ok()) return reader.Take();
  // The segment was removed after planning; its file is gone, or another segment by now.
  if (catalog.first_index() > first_index) {
    return catalog.Plan(first_index, last_index, bytes_max).status();
  }
  return read;
}

}  // namespace clustor
