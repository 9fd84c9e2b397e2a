#include "wal/step_reader.h"

#include <string>
#include <utility>

namespace clustor {

Status StepReader::Read(const ReadStep& step, BlockView* block) {
  RETURN_IF_ERROR(OpenSegment(step.segment_seq));
  block_bytes_.resize(step.bytes);
  const StatusOr<size_t> got = file_->ReadAt(step.offset, block_bytes_);
  if (!got.ok()) return got.status();
  if (*got < step.bytes) return Corrupt(step, "the file ends early");
  const char* why = CheckBlock(block_bytes_, block);
  if (why != nullptr) return Corrupt(step, why);
  if (block->header.segment_seq != step.segment_seq) {
    return Corrupt(step, "the block belongs to another segment");
  }
  const StatusOr<const char*> wrong = decoder_.Decode(step.form, block->plaintext, &block->frames);
  if (!wrong.ok()) return wrong.status();
  return *wrong == nullptr ? Status::Ok() : Corrupt(step, *wrong);
}

Status StepReader::Corrupt(const ReadStep& step, const char* why) const {
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

Status StepReader::OpenSegment(uint64_t segment_seq) {
  if (file_ != nullptr && open_segment_ == segment_seq) return Status::Ok();
  StatusOr<std::unique_ptr<File>> file =
      env_->OpenFile(paths_.Segment(segment_seq), OpenMode::kReadOnly);
  if (!file.ok()) return file.status();
  file_ = std::move(*file);
  open_segment_ = segment_seq;
  return Status::Ok();
}

}  // namespace clustor
