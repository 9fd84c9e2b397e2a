#include "wal/settle.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "base/coding.h"
#include "base/crc32c.h"
#include "wal/format.h"

namespace clustor {

namespace {

// Header of the file, in front of the bytes (docs/wal-format.md, section 8).
constexpr size_t kHeaderBytes = 4096;
constexpr size_t kHeaderCrcOffset = kHeaderBytes - 4;
constexpr uint64_t kMagic = 0x4c54455354534c43;  // "CLSTSETL"
constexpr uint32_t kVersion = 1;
// Larger than any block: a length beyond it is none.
constexpr uint64_t kBytesMax = 1ull << 31;

using Header = std::array<std::byte, kHeaderBytes>;

Header EncodeHeader(const SettlingCopy& copy) {
  Header header{};
  std::byte* to = header.data();
  Store64(to, kMagic);
  Store32(to + 8, kVersion);
  Store64(to + 16, copy.segment_seq);
  Store64(to + 24, copy.block);
  Store64(to + 32, copy.offset);
  Store64(to + 40, copy.bytes.size());
  Store32(to + 48, Crc32c(copy.bytes));
  Store32(to + kHeaderCrcOffset, Crc32c(std::span(header).first(kHeaderCrcOffset)));
  return header;
}

bool HeaderVerifies(const Header& header) {
  const std::byte* from = header.data();
  return Load64(from) == kMagic && Load32(from + 8) == kVersion &&
         Load32(from + kHeaderCrcOffset) == Crc32c(std::span(header).first(kHeaderCrcOffset));
}

// Nothing when there is no copy, or one that does not verify.
StatusOr<std::optional<SettlingCopy>> Load(Env* env, const LogPaths& paths) {
  using Loaded = std::optional<SettlingCopy>;
  const StatusOr<bool> exists = env->FileExists(paths.Settling());
  if (!exists.ok()) return exists.status();
  if (!*exists) return Loaded();
  StatusOr<std::unique_ptr<File>> file = env->OpenFile(paths.Settling(), OpenMode::kReadOnly);
  if (!file.ok()) return file.status();
  Header header{};
  StatusOr<size_t> got = (*file)->ReadAt(0, header);
  if (!got.ok()) return got.status();
  const uint64_t bytes = Load64(header.data() + 40);
  const StatusOr<uint64_t> file_bytes = (*file)->Bytes();
  if (!file_bytes.ok()) return file_bytes.status();
  if (!HeaderVerifies(header) || bytes > kBytesMax || *file_bytes < kHeaderBytes + bytes) {
    return Loaded();
  }
  SettlingCopy copy = {Load64(header.data() + 16), Load64(header.data() + 24),
                       Load64(header.data() + 32), std::vector<std::byte>(bytes)};
  got = (*file)->ReadAt(kHeaderBytes, copy.bytes);
  if (!got.ok()) return got.status();
  if (Crc32c(copy.bytes) != Load32(header.data() + 48)) return Loaded();
  return Loaded(std::move(copy));
}

// Whether the copy is of the block that would come next, and of the place where it would stand.
bool Continues(const SettlingCopy& copy, const DirectoryScan& scan) {
  const uint64_t header_bytes = copy.offset == 0 ? kSegmentHeaderBytes : 0;
  const bool in_tail = !scan.segments.empty() && copy.segment_seq == scan.tail_header.segment_seq &&
                       copy.offset + header_bytes == scan.tail_offset;
  const bool in_half_made =
      scan.half_made && copy.segment_seq == *scan.half_made && copy.offset == 0;
  if (!in_tail && !in_half_made) return false;
  BlockHeader block;
  if (copy.bytes.size() < header_bytes + kBlockHeaderBytes) return false;
  return DecodeBlockHeader(std::span(copy.bytes).subspan(header_bytes), &block) == nullptr &&
         block.number == scan.end.block + 1 && block.previous_checksum == scan.end.checksum;
}

}  // namespace

Status SaveSettlingCopy(Env* env, const LogPaths& paths, const SettlingCopy& copy) {
  {
    StatusOr<std::unique_ptr<File>> file = env->OpenFile(paths.SettlingNext(), OpenMode::kTruncate);
    if (!file.ok()) return file.status();
    RETURN_IF_ERROR((*file)->WriteAt(0, EncodeHeader(copy)));
    RETURN_IF_ERROR((*file)->WriteAt(kHeaderBytes, copy.bytes));
    RETURN_IF_ERROR((*file)->SyncData());
  }
  RETURN_IF_ERROR(env->RenameFile(paths.SettlingNext(), paths.Settling()));
  return env->SyncDirectory(paths.wal);
}

StatusOr<bool> RestoreFromCopy(Env* env, const LogPaths& paths, const DirectoryScan& scan) {
  const StatusOr<std::optional<SettlingCopy>> copy = Load(env, paths);
  if (!copy.ok()) return copy.status();
  if (!*copy || !Continues(**copy, scan)) return false;
  StatusOr<std::unique_ptr<File>> file =
      env->OpenFile(paths.Segment((*copy)->segment_seq), OpenMode::kReadWrite);
  if (!file.ok()) return file.status();
  RETURN_IF_ERROR((*file)->WriteAt((*copy)->offset, (*copy)->bytes));
  RETURN_IF_ERROR((*file)->SyncData());
  return true;
}

Status RemoveSettlingCopy(Env* env, const LogPaths& paths) {
  for (const std::string& path : {paths.SettlingNext(), paths.Settling()}) {
    const StatusOr<bool> exists = env->FileExists(path);
    if (!exists.ok()) return exists.status();
    if (*exists) RETURN_IF_ERROR(env->RemoveFile(path));
  }
  return Status::Ok();
}

}  // namespace clustor
