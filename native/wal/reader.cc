#include "wal/reader.h"

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "wal/block_reader.h"
#include "wal/frame_reader.h"
#include "wal/stored_frames.h"

namespace clustor {

namespace {

class EntryReader {
 public:
  EntryReader(Env* env, const LogPaths& paths, uint64_t bytes_max)
      : env_(env), paths_(paths), bytes_max_(bytes_max) {}

  Status Run(const std::vector<ReadStep>& steps);
  FrameRead Take();

 private:
  Status OpenSegment(uint64_t segment_seq);
  Status ReadBlock(const ReadStep& step);
  Status AddFrames(const BlockView& block, const ReadStep& step);
  Status Corrupt(const ReadStep& step, const char* why) const;

  Env* const env_;
  const LogPaths& paths_;
  const uint64_t bytes_max_;
  std::unique_ptr<File> file_;
  uint64_t open_segment_ = 0;
  std::vector<std::byte> block_bytes_;
  StoredFrameDecoder decoder_;
  std::vector<std::byte> frames_;
  FrameRange range_;
  bool full_ = false;
};

Status EntryReader::Corrupt(const ReadStep& step, const char* why) const {
  StatusDetails details;
  details.path = paths_.Segment(step.segment_seq);
  details.segment = static_cast<int64_t>(step.segment_seq);
  details.offset = static_cast<int64_t>(step.offset);
  details.first_index = static_cast<int64_t>(step.first_index);
  details.last_index = static_cast<int64_t>(step.last_index);
  details.message = "entries " + std::to_string(step.first_index) + " to " +
                    std::to_string(step.last_index) + " no longer verify in " + details.path +
                    " at offset " + std::to_string(step.offset) + ": " + why;
  return Status(StatusCode::kLogCorrupt, std::move(details));
}

Status EntryReader::OpenSegment(uint64_t segment_seq) {
  if (file_ != nullptr && open_segment_ == segment_seq) return Status::Ok();
  StatusOr<std::unique_ptr<File>> file =
      env_->OpenFile(paths_.Segment(segment_seq), OpenMode::kReadOnly);
  if (!file.ok()) return file.status();
  file_ = std::move(*file);
  open_segment_ = segment_seq;
  return Status::Ok();
}

Status EntryReader::Run(const std::vector<ReadStep>& steps) {
  for (const ReadStep& step : steps) {
    if (full_) break;
    RETURN_IF_ERROR(OpenSegment(step.segment_seq));
    RETURN_IF_ERROR(ReadBlock(step));
  }
  return Status::Ok();
}

Status EntryReader::ReadBlock(const ReadStep& step) {
  block_bytes_.resize(step.bytes);
  const StatusOr<size_t> got = file_->ReadAt(step.offset, block_bytes_);
  if (!got.ok()) return got.status();
  if (*got < step.bytes) return Corrupt(step, "the file ends early");
  BlockView block;
  const char* why = CheckBlock(block_bytes_, &block);
  if (why != nullptr) return Corrupt(step, why);
  if (block.header.segment_seq != step.segment_seq) {
    return Corrupt(step, "the block belongs to another segment");
  }
  why = decoder_.Decode(step.form, block.plaintext, &block.frames);
  if (why != nullptr) return Corrupt(step, why);
  return AddFrames(block, step);
}

Status EntryReader::AddFrames(const BlockView& block, const ReadStep& step) {
  FrameReader reader(block.frames);
  while (!reader.AtEnd()) {
    FrameView frame;
    const char* why = reader.Next(&frame);
    if (why != nullptr) return Corrupt(step, why);
    if (frame.is_state() || frame.index() < step.first_index) continue;
    if (frame.index() > step.last_index) break;
    const bool first = range_.byte_lengths.empty();
    full_ = !first && frames_.size() + frame.bytes.size() > bytes_max_;
    if (full_) return Status::Ok();
    if (first) range_.first_index = frame.index();
    if (!first && frame.index() != range_.last_index + 1)
      return Corrupt(step, "an entry is missing");
    range_.last_index = frame.index();
    range_.byte_lengths.push_back(static_cast<uint32_t>(frame.bytes.size()));
    AppendRun(&range_.runs, frame.term(), frame.kind(), 1);
    frames_.insert(frames_.end(), frame.bytes.begin(), frame.bytes.end());
  }
  if (range_.last_index != step.last_index) return Corrupt(step, "an entry is missing");
  return Status::Ok();
}

FrameRead EntryReader::Take() {
  FrameRead read{std::move(range_), Slab(frames_.size())};
  if (!frames_.empty()) std::memcpy(read.bytes.data(), frames_.data(), frames_.size());
  return read;
}

}  // namespace

StatusOr<FrameRead> ReadEntries(Env* env, const LogPaths& paths, const Catalog& catalog,
                                uint64_t first_index, uint64_t last_index, uint64_t bytes_max) {
  StatusOr<std::vector<ReadStep>> steps = catalog.Plan(first_index, last_index, bytes_max);
  if (!steps.ok()) return steps.status();
  EntryReader reader(env, paths, bytes_max);
  const Status read = reader.Run(*steps);
  if (read.ok()) return reader.Take();
  // The segment went between planning and opening.
  if (read.details().os_errno == ENOENT && catalog.first_index() > first_index) {
    return catalog.Plan(first_index, last_index, bytes_max).status();
  }
  return read;
}

}  // namespace clustor
