#include "wal/open.h"

#include <bit>
#include <cerrno>
#include <string>
#include <vector>

#include "wal/format.h"
#include "wal/identity.h"
#include "wal/merkle.h"
#include "wal/scan.h"

namespace clustor {

namespace {

constexpr uint64_t kSegmentBytesMin = 64 << 10;
constexpr uint64_t kSegmentBytesMax = 1 << 30;
constexpr uint64_t kLedgerBytesMin = 16 << 10;
constexpr uint64_t kLedgerBytesMax = 1 << 30;

Status Invalid(const std::string& what) { return Status(StatusCode::kInvalidArgument, what); }

Status NotWritable(const Status& why, const std::string& directory) {
  StatusDetails details = why.details();
  details.message = "the directory " + directory + " is not writable: " + details.message;
  details.path = directory;
  return Status(StatusCode::kNotWritable, std::move(details));
}

// Writes and removes a file. A full disk is no reason to refuse: the log can be read and cut.
Status Probe(Env* env, const std::string& directory) {
  const std::string path = directory + "/.write_probe";
  Status status;
  {
    StatusOr<std::unique_ptr<File>> file = env->OpenFile(path, OpenMode::kTruncate);
    const std::byte one[1] = {};
    status = file.ok() ? (*file)->WriteAt(0, one) : file.status();
  }
  if (status.ok()) status = env->RemoveFile(path);
  if (status.ok() || status.IsShortage()) return Status::Ok();
  return NotWritable(status, directory);
}

bool IsDenied(const Status& status) {
  const int os_errno = status.details().os_errno;
  return os_errno == EACCES || os_errno == EPERM || os_errno == EROFS || os_errno == ENOTDIR;
}

Status MakeDirectory(Env* env, const std::string& directory) {
  const Status made = env->CreateDirectories(directory);
  return !made.ok() && IsDenied(made) ? NotWritable(made, directory) : made;
}

const char* WhyUnsafe(FileSystem::Kind kind) {
  switch (kind) {
    case FileSystem::Kind::kLocal:
      break;
    case FileSystem::Kind::kMemory:
      return "a file system in memory: nothing survives a restart of the machine";
    case FileSystem::Kind::kNetwork:
      return "a file system of the network: locks and syncs may not hold what they promise";
    case FileSystem::Kind::kUserSpace:
      return "a file system that a process serves (FUSE): what its syncs do cannot be told";
  }
  return nullptr;
}

Status CheckFileSystem(Env* env, const std::string& directory) {
  const StatusOr<FileSystem> there = env->FileSystemKind(directory);
  // Making the directory tells better what is wrong with its parents.
  if (!there.ok()) return IsDenied(there.status()) ? Status::Ok() : there.status();
  const char* why = WhyUnsafe(there->kind);
  if (why == nullptr) return Status::Ok();
  StatusDetails details;
  details.path = directory;
  details.message = directory + " is on " + there->name + ", " + why +
                    ". Use a local disk; for tests and throw-away data set unsafeFileSystem. "
                    "Nothing was changed.";
  return Status(StatusCode::kUnsafeFileSystem, std::move(details));
}

Status MissingIdentity(const LogPaths& paths) {
  StatusDetails details;
  details.path = paths.Identity();
  details.message =
      "the directory holds a log but no identity.json: whose it is cannot be told. "
      "Nothing was changed.";
  return Status(StatusCode::kLogCorrupt, std::move(details));
}

}  // namespace

Status CheckOptions(const LogOptions& options) {
  const LogIdentity& identity = options.identity;
  if (options.directory.empty()) return Invalid("directory is empty");
  if (identity.cluster.size() > kPartitionBytesMax ||
      identity.partition.size() > kPartitionBytesMax) {
    return Invalid("cluster and partition take at most 255 bytes");
  }
  if (options.segment_bytes_max % 4096 != 0 || options.segment_bytes_max < kSegmentBytesMin ||
      options.segment_bytes_max > kSegmentBytesMax) {
    return Invalid("segment_bytes_max must be a multiple of 4096 from 64 KiB to 1 GiB");
  }
  if (!std::has_single_bit(options.block_alignment) || options.block_alignment < 512 ||
      options.block_alignment > 4096) {
    return Invalid("block_alignment must be 512, 1024, 2048 or 4096");
  }
  if (options.ledger_bytes_max < kLedgerBytesMin || options.ledger_bytes_max > kLedgerBytesMax) {
    return Invalid("ledger_bytes_max must be from 16 KiB to 1 GiB");
  }
  // Found out here rather than by the first write.
  if (options.merkle_leaves) RETURN_IF_ERROR(MerkleHasher::Create().status());
  if (options.headroom_bytes % 4096 != 0 || options.headroom_bytes < kSegmentBytesMin ||
      options.headroom_bytes > kSegmentBytesMax) {
    return Invalid("headroom_bytes must be a multiple of 4096 from 64 KiB to 1 GiB");
  }
  if (options.group_bytes_max == 0 || options.group_writes_max == 0) {
    return Invalid("group_bytes_max and group_writes_max must not be 0");
  }
  return Status::Ok();
}

Status CheckFileSystems(Env* env, const LogPaths& paths) {
  RETURN_IF_ERROR(CheckFileSystem(env, paths.directory));
  return CheckFileSystem(env, paths.wal);
}

StatusOr<std::unique_ptr<FileLock>> ClaimDirectories(Env* env, const LogPaths& paths) {
  RETURN_IF_ERROR(MakeDirectory(env, paths.directory));
  StatusOr<std::unique_ptr<FileLock>> lock = env->LockFile(paths.Lock());
  if (!lock.ok()) {
    return IsDenied(lock.status()) ? NotWritable(lock.status(), paths.directory) : lock.status();
  }
  RETURN_IF_ERROR(Probe(env, paths.directory));
  RETURN_IF_ERROR(MakeDirectory(env, paths.wal));
  RETURN_IF_ERROR(Probe(env, paths.wal));
  return lock;
}

StatusOr<LogIdentity> ClaimIdentity(Env* env, const LogPaths& paths, const LogIdentity& expected,
                                    bool* created) {
  const StatusOr<bool> exists = env->FileExists(paths.Identity());
  if (!exists.ok()) return exists.status();
  *created = !*exists;
  if (*exists) {
    StatusOr<LogIdentity> there = ReadIdentity(env, paths);
    if (!there.ok()) return there;
    RETURN_IF_ERROR(CheckIdentity(*there, expected, paths.Identity()));
    return there;
  }
  std::vector<std::string> junk;
  const StatusOr<std::vector<uint64_t>> segments = ListSegments(env, paths, &junk);
  if (!segments.ok()) return segments.status();
  const StatusOr<bool> ledger = env->FileExists(paths.Ledger());
  if (!ledger.ok()) return ledger.status();
  if (!segments->empty() || *ledger) return MissingIdentity(paths);
  LogIdentity identity = expected;
  if (identity.incarnation == 0) identity.incarnation = env->WallClockMs();
  RETURN_IF_ERROR(WriteIdentity(env, paths, identity));
  return identity;
}

}  // namespace clustor
