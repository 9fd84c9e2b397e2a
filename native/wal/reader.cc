#include "wal/reader.h"

#include <cerrno>
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

  StepReader blocks_;
  const uint64_t bytes_max_;
  std::vector<std::byte> frames_;
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
    full_ = !first && frames_.size() + frame.bytes.size() > bytes_max_;
    if (full_) return Status::Ok();
    if (first) range_.first_index = frame.index();
    if (!first && frame.index() != range_.last_index + 1)
      return blocks_.Corrupt(step, "an entry is missing");
    range_.last_index = frame.index();
    range_.byte_lengths.push_back(static_cast<uint32_t>(frame.bytes.size()));
    AppendRun(&range_.runs, frame.term(), frame.kind(), 1);
    frames_.insert(frames_.end(), frame.bytes.begin(), frame.bytes.end());
  }
  if (range_.last_index != step.last_index) return blocks_.Corrupt(step, "an entry is missing");
  return Status::Ok();
}

FrameRead EntryReader::Take() {
  FrameRead read{std::move(range_), Slab(frames_.size())};
  if (!frames_.empty()) std::memcpy(read.bytes.data(), frames_.data(), frames_.size());
  return read;
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
