#include "wal/replace_file.h"

#include <memory>
#include <span>

namespace clustor {

Status ReplaceFile(Env* env, const std::string& directory, const std::string& next,
                   const std::string& path, std::string_view text) {
  StatusOr<std::unique_ptr<File>> file = env->OpenFile(next, OpenMode::kTruncate);
  if (!file.ok()) return file.status();
  RETURN_IF_ERROR((*file)->WriteAt(0, std::as_bytes(std::span(text))));
  RETURN_IF_ERROR((*file)->SyncData());
  RETURN_IF_ERROR(env->RenameFile(next, path));
  return env->SyncDirectory(directory);
}

}  // namespace clustor
