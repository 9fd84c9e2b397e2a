#include "wal/zero_file.h"

#include <algorithm>

namespace clustor {

namespace {

constexpr uint64_t kZeroBytes = 256 << 10;
// Syncing piece by piece keeps the device queue short for the syncs of commit groups.
constexpr uint64_t kSyncEveryBytes = 4 << 20;

// Not const: as .bss it takes no room in the binary. Nothing writes to it.
std::byte kZeros[kZeroBytes];

Status Fill(File* file, uint64_t bytes, const std::atomic<bool>* cancelled) {
  RETURN_IF_ERROR(file->Allocate(bytes));
  for (uint64_t from = 0; from < bytes; from += kSyncEveryBytes) {
    if (cancelled != nullptr && cancelled->load(std::memory_order_relaxed)) {
      return Status(StatusCode::kClosed, "the log closes");
    }
    RETURN_IF_ERROR(WriteZeros(file, from, std::min(from + kSyncEveryBytes, bytes)));
    RETURN_IF_ERROR(file->SyncData());
  }
  return Status::Ok();
}

// The file, empty but for what `make` does; removed again when that fails.
template <typename Making>
StatusOr<std::unique_ptr<File>> CreateFile(Env* env, const std::string& path, Making make) {
  StatusOr<std::unique_ptr<File>> file = env->OpenFile(path, OpenMode::kTruncate);
  if (!file.ok()) return file;
  Status made = make(file->get());
  if (made.ok()) return file;
  file->reset();
  // The space goes back; that the file may stay behind is no further failure, open removes it.
  if (!env->RemoveFile(path).ok()) return made;
  return made;
}

}  // namespace

Status WriteZeros(File* file, uint64_t from, uint64_t to) {
  while (from < to) {
    const uint64_t piece = std::min(kZeroBytes, to - from);
    RETURN_IF_ERROR(file->WriteAt(from, {kZeros, static_cast<size_t>(piece)}));
    from += piece;
  }
  return Status::Ok();
}

StatusOr<std::unique_ptr<File>> CreateZeroFile(Env* env, const std::string& path, uint64_t bytes,
                                               const std::atomic<bool>* cancelled) {
  return CreateFile(env, path, [&](File* file) { return Fill(file, bytes, cancelled); });
}

StatusOr<std::unique_ptr<File>> AllocateZeroFile(Env* env, const std::string& path,
                                                 uint64_t bytes) {
  return CreateFile(env, path, [&](File* file) { return file->Allocate(bytes); });
}

}  // namespace clustor
