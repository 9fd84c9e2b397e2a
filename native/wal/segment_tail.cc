#include "wal/segment_tail.h"

#include <array>
#include <utility>

#include "base/planted_bug.h"
#include "wal/block_writer.h"
#include "wal/poison.h"
#include "wal/zero_file.h"

namespace clustor {

SegmentTail::SegmentTail(Env* env, LogPaths paths, SegmentHeader pattern, SpareStore* spares)
    : env_(env), paths_(std::move(paths)), spares_(spares), pattern_(std::move(pattern)) {}

void SegmentTail::Adopt(std::unique_ptr<File> file, const SegmentHeader& header, uint64_t offset) {
  file_ = std::move(file);
  header_ = header;
  offset_ = offset;
  mac_.reset();
  sealed_ = false;
}

bool SegmentTail::HasRoom(uint64_t block_bytes) const {
  return file_ != nullptr && !sealed_ && offset_ + block_bytes <= header_.blocks_end();
}

void SegmentTail::ChangeKeys(const SegmentHeader& pattern) {
  pattern_.cipher = pattern.cipher;
  pattern_.dek_epoch = pattern.dek_epoch;
  pattern_.dek_check = pattern.dek_check;
  pattern_.mac_epoch = pattern.mac_epoch;
  pattern_.mac_check = pattern.mac_check;
}

Status SegmentTail::Rotate(const ChainEnd& end, uint64_t base_index, bool* late) {
  StatusOr<Spare> spare = spares_->Take(late);
  if (!spare.ok()) return spare.status();
  return Become(std::move(*spare), end, base_index);
}

Status SegmentTail::RotateIntoHeadroom(const ChainEnd& end, uint64_t base_index) {
  Spare headroom = spares_->TakeHeadroom();
  if (headroom.file == nullptr) {
    return Status(StatusCode::kDiskFull, "the headroom of the log is used up as well");
  }
  return Become(std::move(headroom), end, base_index);
}

Status SegmentTail::Become(Spare spare, const ChainEnd& end, uint64_t base_index) {
  SegmentHeader header = pattern_;
  header.segment_seq = header_.segment_seq + 1;
  header.base_index = base_index;
  header.first_block = end.block + 1;
  header.previous_checksum = end.checksum;
  header.created_ms = env_->WallClockMs();
  header.segment_bytes = spare.marker.file_bytes;
  header.recycled = spare.marker.recycled;
  header.headroom = spare.path == paths_.Headroom();
  Status installed = Seal();
  if (installed.ok()) installed = env_->RandomBytes(header.salt);
  if (installed.ok()) installed = Install(&spare, header);
  if (!installed.ok()) {
    if (spare.file != nullptr) spares_->Return(std::move(spare));
    return installed;
  }
  spares_->Used();
  Adopt(std::move(spare.file), header, kSegmentHeaderBytes);
  return Status::Ok();
}

// The trailer is durable before the next segment exists: a segment that has a successor and should
// have a trailer has one.
Status SegmentTail::Seal() {
  if (mac_ == nullptr) return Status::Ok();
  const StatusOr<SegmentTrailer> trailer = mac_->Finish();
  if (!trailer.ok()) return trailer.status();
  std::array<std::byte, kTrailerPageBytes> page;
  EncodeTrailer(*trailer, page);
  sealed_ = true;
  RETURN_IF_ERROR(file_->WriteAt(header_.blocks_end(), page));
  const Status synced = file_->SyncData();
  return synced.ok() ? synced : Poisoned(synced);
}

Status SegmentTail::Install(Spare* spare, const SegmentHeader& header) {
  std::array<std::byte, kSegmentHeaderBytes> bytes;
  EncodeSegmentHeader(header, bytes);
  RETURN_IF_ERROR(spare->file->WriteAt(0, bytes));
  const std::string path = paths_.Segment(header.segment_seq);
  RETURN_IF_ERROR(env_->RenameFile(spare->path, path));
  if (IsPlanted(PlantedBug::kSkipDirectorySync)) return Status::Ok();
  const Status synced = env_->SyncDirectory(paths_.wal);
  if (synced.ok()) return Status::Ok();
  // Whether the name is durable is not known. Under its old name the file is no part of the log, so
  // a later attempt starts over with a rename and a sync of its own.
  const Status undone = env_->RenameFile(path, spare->path);
  if (undone.ok()) return synced;
  spare->file = nullptr;
  return Poisoned(undone);
}

Status SegmentTail::Write(BuiltBlock* block) { return WriteBlock(file_.get(), offset_, block); }

Status SegmentTail::Rollback(uint64_t block_bytes) {
  if (IsPlanted(PlantedBug::kSkipRollback)) return Status::Ok();
  RETURN_IF_ERROR(WriteZeros(file_.get(), offset_, offset_ + block_bytes));
  return file_->SyncData();
}

}  // namespace clustor
