#include "wal/spare.h"

#include <algorithm>
#include <array>
#include <utility>

#include "wal/format.h"
#include "wal/zero_file.h"

namespace clustor {

namespace {

constexpr uint64_t kHeadroomRetryNs = 1'000'000'000;
// Where a sealed segment has its trailer.

// What a segment leaves behind, and the file it stands in: nothing unless it is whole.
struct Remains {
  std::unique_ptr<File> file;
  SegmentHeader header;
};

StatusOr<Remains> OpenRemains(Env* env, const std::string& path) {
  StatusOr<std::unique_ptr<File>> file = env->OpenFile(path, OpenMode::kReadWrite);
  if (!file.ok()) return file.status();
  std::array<std::byte, kSegmentHeaderBytes> bytes{};
  const StatusOr<size_t> got = (*file)->ReadAt(0, bytes);
  if (!got.ok()) return got.status();
  StatusOr<SegmentHeader> header = DecodeSegmentHeader(bytes);
  if (!header.ok()) return header.status();
  const StatusOr<uint64_t> file_bytes = (*file)->Bytes();
  if (!file_bytes.ok()) return file_bytes.status();
  if (*file_bytes != header->segment_bytes) {
    return Status(StatusCode::kLogCorrupt, "the file of the segment has another length");
  }
  return Remains{std::move(*file), std::move(*header)};
}

// After this the file is no segment any more, and no trailer in it can be taken for a new one.
Status EraseHeader(File* file, const SpareMarker& marker, bool has_trailer) {
  RETURN_IF_ERROR(WriteSpareMarker(file, marker));
  if (has_trailer) {
    RETURN_IF_ERROR(WriteZeros(file, marker.file_bytes - kTrailerPageBytes, marker.file_bytes));
  }
  return file->SyncData();
}

}  // namespace

bool SpareStore::Adopt(const std::string& path) {
  const MutexLock lock(&mutex_);
  const bool is_headroom = path == paths_.Headroom();
  const std::optional<uint64_t> number = SpareNumberOfPath(path);
  if (number) next_number_ = std::max(next_number_, *number + 1);
  if (!number && !is_headroom) return false;
  StatusOr<std::unique_ptr<File>> file = env_->OpenFile(path, OpenMode::kReadWrite);
  if (!file.ok()) return false;
  const StatusOr<std::optional<SpareMarker>> marker = ReadSpareMarker(file->get());
  if (!marker.ok() || !*marker || !Fits(**marker)) return false;
  const uint64_t file_bytes = (*marker)->file_bytes;
  if (is_headroom ? file_bytes != limits_.headroom_bytes
                  : file_bytes != limits_.segment_bytes || !HasPlace()) {
    return false;
  }
  Keep({std::move(*file), path, **marker}, is_headroom ? Role::kHeadroom : Role::kSpare);
  return true;
}

void SpareStore::SetContent(SpareContent content) {
  const MutexLock lock(&mutex_);
  content_ = content;
  for (Spare& spare : spares_) {
    // What cannot be removed now is removed when the log is opened again.
    if (!Fits(spare.marker) && env_->RemoveFile(spare.path).ok()) spare.file.reset();
    if (!Fits(spare.marker)) spare.file.reset();
  }
  std::erase_if(spares_, [](const Spare& spare) { return spare.file == nullptr; });
  NoteState();
}

bool SpareStore::Fits(const SpareMarker& marker) const {
  return !marker.recycled || SpareContent{marker.cipher, marker.dek_epoch} == content_;
}

bool SpareStore::HasPlace() const {
  const size_t coming = recycling_ + (preparing_ ? 1u : 0u);
  return spares_.size() + coming < std::max(1u, limits_.spares_max);
}

// What a removed segment of this length can become.
SpareStore::Role SpareStore::RoleFor(uint64_t file_bytes) const {
  if (limits_.spares_max == 0) return Role::kNone;
  if (file_bytes == limits_.segment_bytes && HasPlace()) return Role::kSpare;
  if (file_bytes == limits_.headroom_bytes && headroom_state_ == Headroom::kMissing) {
    return Role::kHeadroom;
  }
  return Role::kNone;
}

void SpareStore::Keep(Spare spare, Role role) {
  if (role == Role::kHeadroom) {
    headroom_ = std::move(spare);
    headroom_state_ = Headroom::kReady;
  } else {
    spares_.push_back(std::move(spare));
  }
  NoteState();
}

void SpareStore::NoteState() {
  const bool waiting = !spares_.empty();
  const bool coming = recycling_ > 0 || preparing_;
  wanted_.store(!waiting && !coming && !taken_ && !failed_, std::memory_order_relaxed);
  successor_.store(waiting || headroom_state_ == Headroom::kReady, std::memory_order_relaxed);
  headroom_missing_.store(headroom_state_ == Headroom::kMissing, std::memory_order_relaxed);
}

StatusOr<Spare> SpareStore::Make(const std::string& path, uint64_t bytes,
                                 const std::atomic<bool>* cancelled) {
  return Mark(CreateZeroFile(env_, path, bytes, cancelled), path, bytes);
}

StatusOr<Spare> SpareStore::Mark(StatusOr<std::unique_ptr<File>> file, const std::string& path,
                                 uint64_t bytes) {
  if (!file.ok()) return file.status();
  const SpareMarker marker{.file_bytes = bytes};
  Status marked = WriteSpareMarker(file->get(), marker);
  if (marked.ok()) marked = (*file)->SyncData();
  if (marked.ok()) return Spare{std::move(*file), path, marker};
  // As far as it can be removed: what stays behind has no marker, and open removes it.
  if (!env_->RemoveFile(path).ok()) return marked;
  return marked;
}

void SpareStore::Prepare(const std::atomic<bool>* cancelled) {
  std::string path;
  {
    const MutexLock lock(&mutex_);
    if (!Wanted()) return;
    preparing_ = true;
    path = NextPath();
    NoteState();
  }
  StatusOr<Spare> spare = Make(path, limits_.segment_bytes, cancelled);
  const MutexLock lock(&mutex_);
  preparing_ = false;
  prepared_.Broadcast();
  failed_ = !spare.ok();
  if (spare.ok()) spares_.push_back(std::move(*spare));
  NoteState();
}

StatusOr<Spare> SpareStore::Take(bool* late) {
  const MutexLock lock(&mutex_);
  *late = spares_.empty();
  StatusOr<Spare> spare = *late ? MakeNow() : StatusOr<Spare>(TakeWaiting());
  taken_ = spare.ok();
  failed_ = !spare.ok();
  NoteState();
  return spare;
}

Spare SpareStore::TakeWaiting() {
  Spare spare = std::move(spares_.back());
  spares_.pop_back();
  return spare;
}

StatusOr<Spare> SpareStore::MakeNow() {
  const std::string path = NextPath();
  const uint64_t bytes = limits_.segment_bytes;
  StatusOr<Spare> made = Mark(AllocateZeroFile(env_, path, bytes), path, bytes);
  if (!made.status().IsShortage()) return made;
  while (preparing_) prepared_.Wait(&mutex_);
  return spares_.empty() ? std::move(made) : StatusOr<Spare>(TakeWaiting());
}

void SpareStore::Used() {
  const MutexLock lock(&mutex_);
  taken_ = false;
  if (headroom_state_ == Headroom::kTaken) headroom_state_ = Headroom::kMissing;
  NoteState();
}

void SpareStore::Return(Spare spare) {
  const MutexLock lock(&mutex_);
  taken_ = false;
  const Role role = spare.path == paths_.Headroom() ? Role::kHeadroom : Role::kSpare;
  Keep(std::move(spare), role);
}

bool SpareStore::Recycle(uint64_t segment_seq) {
  const std::string from = paths_.Segment(segment_seq);
  StatusOr<Remains> remains = OpenRemains(env_, from);
  if (!remains.ok()) return false;
  const SegmentHeader& header = remains->header;
  Spare spare{std::move(remains->file),
              {},
              {header.segment_bytes, /*recycled=*/true, header.cipher, header.dek_epoch}};
  Role role;
  {
    const MutexLock lock(&mutex_);
    role = Fits(spare.marker) ? RoleFor(spare.marker.file_bytes) : Role::kNone;
    if (role == Role::kNone) return false;
    spare.path = role == Role::kHeadroom ? paths_.Headroom() : NextPath();
    if (role == Role::kHeadroom) headroom_state_ = Headroom::kComing;
    ++recycling_;
  }
  const bool done = EraseHeader(spare.file.get(), spare.marker, header.mac_epoch != 0).ok() &&
                    env_->RenameFile(from, spare.path).ok();
  const MutexLock lock(&mutex_);
  --recycling_;
  if (role == Role::kHeadroom) headroom_state_ = Headroom::kMissing;
  // The keys can have changed meanwhile; then open removes the file.
  const bool kept = done && Fits(spare.marker);
  if (kept) Keep(std::move(spare), role);
  NoteState();
  return done;
}

bool SpareStore::WantsHeadroom() const {
  return headroom_missing_.load(std::memory_order_relaxed) &&
         env_->MonotonicNs() >= headroom_retry_ns_.load(std::memory_order_relaxed);
}

void SpareStore::MakeHeadroom() {
  const MutexLock lock(&mutex_);
  if (headroom_state_ != Headroom::kMissing) return;
  StatusOr<Spare> made = Make(paths_.Headroom(), limits_.headroom_bytes, nullptr);
  if (made.ok()) return Keep(std::move(*made), Role::kHeadroom);
  headroom_retry_ns_.store(env_->MonotonicNs() + kHeadroomRetryNs, std::memory_order_relaxed);
}

Spare SpareStore::TakeHeadroom() {
  const MutexLock lock(&mutex_);
  if (headroom_state_ != Headroom::kReady) return {};
  headroom_state_ = Headroom::kTaken;
  taken_ = true;
  NoteState();
  return std::move(headroom_);
}

}  // namespace clustor
