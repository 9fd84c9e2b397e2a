#include "wal/copy_env.h"

#include <optional>
#include <string_view>
#include <utility>

namespace clustor {

namespace {

class CopyFile final : public File {
 public:
  CopyFile(std::unique_ptr<File> file, CopyEnv* env) : file_(std::move(file)), env_(env) {}
  ~CopyFile() override {
    if (!written_) return;
    const Status synced = file_->SyncData();
    if (!synced.ok()) env_->NoteFailure(synced);
  }

  Status WriteAt(uint64_t offset, std::span<const std::byte> bytes) override {
    written_ = true;
    return file_->WriteAt(offset, bytes);
  }
  StatusOr<size_t> ReadAt(uint64_t offset, std::span<std::byte> into) override {
    return file_->ReadAt(offset, into);
  }
  Status SyncData() override { return Status::Ok(); }
  Status Allocate(uint64_t bytes) override {
    written_ = true;
    return file_->Allocate(bytes);
  }
  StatusOr<uint64_t> Bytes() override { return file_->Bytes(); }

 private:
  const std::unique_ptr<File> file_;
  CopyEnv* const env_;
  bool written_ = false;
};

class NoLock final : public FileLock {};

// What log and copy share, or what leaves nothing behind.
bool IsShared(std::string_view name) {
  return name == "identity.json" || name == "LOCK" || name == ".write_probe";
}

}  // namespace

Status CopyEnv::failure() const {
  const MutexLock lock(&mutex_);
  return failure_;
}

void CopyEnv::NoteFailure(const Status& why) {
  const MutexLock lock(&mutex_);
  if (failure_.ok()) failure_ = why;
}

std::string CopyEnv::Map(const std::string& path) const {
  const size_t slash = path.rfind('/');
  if (names_ == Names::kTheirOwn || slash == std::string::npos) return path;
  const std::string directory = path.substr(0, slash);
  const std::string name = path.substr(slash + 1);
  if ((directory != paths_.wal && directory != paths_.directory) || IsShared(name)) return path;
  const std::optional<uint64_t> segment_seq = SegmentSeqOfName(name);
  return segment_seq ? paths_.Rewrite(*segment_seq)
                     : directory + "/" + std::string(kRewritePrefix) + name;
}

StatusOr<std::unique_ptr<File>> CopyEnv::OpenFile(const std::string& path, OpenMode mode) {
  StatusOr<std::unique_ptr<File>> file = base()->OpenFile(Map(path), mode);
  if (!file.ok() || mode == OpenMode::kReadOnly) return file;
  return std::unique_ptr<File>(std::make_unique<CopyFile>(std::move(*file), this));
}

Status CopyEnv::RemoveFile(const std::string& path) { return base()->RemoveFile(Map(path)); }

Status CopyEnv::RenameFile(const std::string& from, const std::string& to) {
  return base()->RenameFile(Map(from), Map(to));
}

StatusOr<bool> CopyEnv::FileExists(const std::string& path) {
  return base()->FileExists(Map(path));
}

StatusOr<std::vector<std::string>> CopyEnv::ListDirectory(const std::string& path) {
  StatusOr<std::vector<std::string>> names = base()->ListDirectory(path);
  if (!names.ok() || names_ == Names::kTheirOwn || path != paths_.wal) return names;
  std::vector<std::string> own;
  for (const std::string& name : *names) {
    const std::optional<uint64_t> segment_seq = RewriteSeqOfName(name);
    if (segment_seq) {
      own.push_back(paths_.Segment(*segment_seq).substr(paths_.wal.size() + 1));
    } else if (IsRewriteName(name)) {
      own.push_back(name.substr(kRewritePrefix.size()));
    }
  }
  return own;
}

StatusOr<std::unique_ptr<FileLock>> CopyEnv::LockFile(const std::string& path) {
  if (names_ == Names::kTheirOwn) return base()->LockFile(path);
  return std::unique_ptr<FileLock>(std::make_unique<NoLock>());
}

}  // namespace clustor
