#include "wal/step_reader.h"

#include <array>
#include <string>
#include <utility>

namespace clustor {

Status StepReader::Read(const ReadStep& step, BlockView* block) {
  RETURN_IF_ERROR(OpenSegment(step));
  if (!block_bytes_.Grow(step.bytes)) return OutOfMemory(step.bytes);
  const std::span<std::byte> bytes = block_bytes_.mutable_span().first(step.bytes);
  const StatusOr<size_t> got = file_->ReadAt(step.offset, bytes);
  if (!got.ok()) return got.status();
  if (*got < step.bytes) return Corrupt(step, "the file ends early");
  const char* why = CheckBlock(bytes, block);
  if (why != nullptr) return Corrupt(step, why);
  if (block->header.segment_seq != step.segment_seq) {
    return Corrupt(step, "the block belongs to another segment");
  }
  const StatusOr<const char*> content = opener_->Open(block);
  if (!content.ok()) return content.status();
  return *content == nullptr ? Status::Ok() : Corrupt(step, *content);
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

Status StepReader::OpenSegment(const ReadStep& step) {
  const uint64_t segment_seq = step.segment_seq;
  if (file_ != nullptr && open_segment_ == segment_seq) return Status::Ok();
  file_.reset();
  StatusOr<std::unique_ptr<File>> file =
      env_->OpenFile(paths_.Segment(segment_seq), OpenMode::kReadOnly);
  if (!file.ok()) return file.status();
  file_ = std::move(*file);
  open_segment_ = segment_seq;
  const Status made = MakeOpener(step);
  if (!made.ok()) file_.reset();
  return made;
}

// Only an encrypted segment makes it necessary to read the header again.
Status StepReader::MakeOpener(const ReadStep& step) {
  SegmentHeader header;
  header.encoding = step.form.json ? kEncodingJson : kEncodingBinary;
  header.merkle_leaves = step.form.merkle_leaves;
  std::unique_ptr<SegmentCipher> cipher;
  if (step.dek_epoch != 0) {
    std::array<std::byte, kSegmentHeaderBytes> bytes{};
    const StatusOr<size_t> got = file_->ReadAt(0, bytes);
    if (!got.ok()) return got.status();
    StatusOr<SegmentHeader> decoded = DecodeSegmentHeader(bytes);
    if (!decoded.ok() || decoded->dek_epoch != step.dek_epoch ||
        decoded->segment_seq != step.segment_seq) {
      return Corrupt(step, "the header of the segment is not the one it was opened with");
    }
    header = std::move(*decoded);
    StatusOr<std::unique_ptr<SegmentCipher>> made =
        SegmentCipher::Create(header, keys_ == nullptr ? nullptr : keys_->Get());
    if (!made.ok()) return made.status();
    cipher = std::move(*made);
  }
  opener_.emplace(header, std::move(cipher));
  return Status::Ok();
}

}  // namespace clustor
