#include "wal/scrub.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include "wal/frame_reader.h"

namespace clustor {

namespace {

class Scrubber {
 public:
  Scrubber(const ScrubTarget& target, uint64_t bytes_max, ScrubCursor* cursor)
      : target_(target), bytes_max_(bytes_max), cursor_(cursor) {}

  StatusOr<ScrubStep> Run();

 private:
  Status ScrubSegment();
  Status ReadHeader(File* file, SegmentHeader* header);
  Status CheckHeader(const SegmentHeader& header);
  Status ScrubBlocks(File* file, const SegmentHeader& header);
  Status CheckTrailer(File* file, const SegmentHeader& header);
  void EnterSegment(uint64_t segment_seq);
  Status Damage(uint64_t segment_seq, uint64_t offset, const std::string& why);
  bool IsThere(uint64_t segment_seq) const {
    return target_.catalog->SegmentFrom(segment_seq) == segment_seq;
  }

  const ScrubTarget& target_;
  const uint64_t bytes_max_;
  ScrubCursor* const cursor_;
  ScrubStep step_;
  uint64_t damaged_segment_ = 0;
};

StatusOr<ScrubStep> Scrubber::Run() {
  const uint64_t segment_seq =
      target_.catalog->SegmentFrom(std::max<uint64_t>(cursor_->segment_seq, 1));
  if (segment_seq == 0 || segment_seq > target_.tail_segment) {
    *cursor_ = ScrubCursor();
    step_.pass_done = true;
    return step_;
  }
  // At the beginning, or segments were removed.
  if (segment_seq != cursor_->segment_seq) {
    *cursor_ = ScrubCursor();
    cursor_->segment_seq = segment_seq;
  }
  const Status done = ScrubSegment();
  if (done.ok()) return step_;
  const bool is_damage = done.code() == StatusCode::kLogCorrupt;
  const uint64_t concerned = is_damage ? damaged_segment_ : segment_seq;
  if (IsThere(concerned) && !is_damage) return done;
  *cursor_ = ScrubCursor();
  cursor_->segment_seq = concerned + 1;
  // Of a segment that was removed the file may be gone, or be somebody else's by now: what was read
  // of it says nothing.
  if (!IsThere(concerned)) return step_;
  return done;
}

// Goes on with the next segment, whose header must continue the chain.
void Scrubber::EnterSegment(uint64_t segment_seq) {
  cursor_->segment_seq = segment_seq;
  cursor_->end_offset = cursor_->offset;
  cursor_->offset = 0;
}

Status Scrubber::ScrubSegment() {
  StatusOr<std::unique_ptr<File>> file =
      target_.env->OpenFile(target_.paths->Segment(cursor_->segment_seq), OpenMode::kReadOnly);
  if (!file.ok()) {
    const bool missing = file.status().details().os_errno == ENOENT;
    return missing ? Damage(cursor_->segment_seq, 0, "the segment is missing") : file.status();
  }
  // Else the memory of the machine would be verified, not the disk.
  (*file)->DropCache(cursor_->offset, bytes_max_);
  SegmentHeader header;
  RETURN_IF_ERROR(ReadHeader(file->get(), &header));
  if (cursor_->offset == 0) {
    RETURN_IF_ERROR(CheckHeader(header));
    cursor_->chain = ChainEnd{header.first_block - 1, header.previous_checksum};
    StatusOr<std::unique_ptr<SegmentMac>> mac =
        SegmentMac::Create(header, target_.keys->Get().get());
    if (!mac.ok()) return mac.status();
    cursor_->mac = std::move(*mac);
    cursor_->offset = kSegmentHeaderBytes;
    step_.bytes += kSegmentHeaderBytes;
  }
  return ScrubBlocks(file->get(), header);
}

Status Scrubber::ReadHeader(File* file, SegmentHeader* header) {
  std::array<std::byte, kSegmentHeaderBytes> bytes{};
  const StatusOr<size_t> got = file->ReadAt(0, bytes);
  if (!got.ok()) return got.status();
  StatusOr<SegmentHeader> decoded = DecodeSegmentHeader(bytes);
  if (!decoded.ok()) return Damage(cursor_->segment_seq, 0, decoded.status().message());
  if (decoded->segment_seq != cursor_->segment_seq) {
    return Damage(cursor_->segment_seq, 0, "the file holds another segment");
  }
  *header = std::move(*decoded);
  return Status::Ok();
}

// That the segment continues the one before it, when the cursor comes from there.
Status Scrubber::CheckHeader(const SegmentHeader& header) {
  if (!cursor_->chain || (header.first_block == cursor_->chain->block + 1 &&
                          header.previous_checksum == cursor_->chain->checksum)) {
    return Status::Ok();
  }
  return Damage(cursor_->segment_seq - 1, cursor_->end_offset,
                "its blocks end with " + std::to_string(cursor_->chain->block) +
                    ", the next segment continues after " + std::to_string(header.first_block - 1) +
                    (cursor_->end_why.empty() ? std::string() : ": " + cursor_->end_why));
}

Status Scrubber::ScrubBlocks(File* file, const SegmentHeader& header) {
  const bool is_tail = cursor_->segment_seq == target_.tail_segment;
  StatusOr<std::unique_ptr<SegmentCipher>> cipher =
      SegmentCipher::Create(header, target_.keys->Get());
  if (!cipher.ok()) return cipher.status();
  BlockReader reader(file, header, std::move(*cipher));
  reader.Seek(cursor_->offset);
  while (step_.bytes < bytes_max_) {
    if (is_tail && reader.offset() >= target_.tail_offset) {
      *cursor_ = ScrubCursor();
      step_.pass_done = true;
      return Status::Ok();
    }
    const uint64_t offset = reader.offset();
    BlockView block;
    std::string why;
    const StatusOr<BlockOutcome> outcome = reader.Next(*cursor_->chain, &block, &why);
    if (!outcome.ok()) return outcome.status();
    const bool ends = *outcome == BlockOutcome::kEnd || *outcome == BlockOutcome::kInvalid;
    // Bytes of an older life of the file may stand behind the last block.
    if (ends && !is_tail) {
      RETURN_IF_ERROR(CheckTrailer(file, header));
      cursor_->end_why = std::move(why);
      EnterSegment(cursor_->segment_seq + 1);
      return Status::Ok();
    }
    if (*outcome == BlockOutcome::kEnd) why = "a durable block is gone";
    if (*outcome != BlockOutcome::kBlock) return Damage(cursor_->segment_seq, offset, why);
    FrameReader frames(block.frames);
    while (!frames.AtEnd()) {
      FrameView frame;
      const char* bad = frames.Next(&frame);
      if (bad != nullptr) return Damage(cursor_->segment_seq, offset, bad);
    }
    if (cursor_->mac != nullptr) {
      cursor_->mac->Stage(Pieces(block.plaintext), block.offset);
      cursor_->mac->Add(block.header, Pieces(block.stored));
    }
    cursor_->chain = ChainEnd{block.header.number, block.checksum};
    cursor_->offset = reader.offset();
    step_.bytes += block.bytes;
  }
  return Status::Ok();
}

// Of a sealed segment whose last block was read.
Status Scrubber::CheckTrailer(File* file, const SegmentHeader& header) {
  if (cursor_->mac == nullptr) return Status::Ok();
  std::array<std::byte, kTrailerPageBytes> page{};
  const StatusOr<size_t> got = file->ReadAt(header.blocks_end(), page);
  if (!got.ok()) return got.status();
  const StatusOr<TrailerState> state = cursor_->mac->Check(page);
  if (!state.ok()) return state.status();
  step_.bytes += *got;
  if (*state == TrailerState::kValid) return Status::Ok();
  return Damage(cursor_->segment_seq, cursor_->offset,
                "the trailer is not that of the blocks before it");
}

Status Scrubber::Damage(uint64_t segment_seq, uint64_t offset, const std::string& why) {
  damaged_segment_ = segment_seq;
  StatusDetails details;
  details.path = target_.paths->Segment(segment_seq);
  details.segment = static_cast<int64_t>(segment_seq);
  details.offset = static_cast<int64_t>(offset);
  details.message = "segment " + std::to_string(segment_seq) + " no longer verifies at offset " +
                    std::to_string(offset) + ": " + why;
  const std::optional<IndexRange> lost = target_.catalog->EntriesFrom(segment_seq, offset);
  if (lost) {
    details.first_index = static_cast<int64_t>(lost->first);
    details.last_index = static_cast<int64_t>(lost->last);
    details.message +=
        "; it held entries " + std::to_string(lost->first) + " to " + std::to_string(lost->last);
  }
  return Status(StatusCode::kLogCorrupt, std::move(details));
}

}  // namespace

StatusOr<ScrubStep> ScrubNext(const ScrubTarget& target, uint64_t bytes_max, ScrubCursor* cursor) {
  return Scrubber(target, bytes_max, cursor).Run();
}

}  // namespace clustor
