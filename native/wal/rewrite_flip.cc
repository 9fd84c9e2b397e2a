#include "wal/rewrite_flip.h"

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "wal/ledger_scan.h"

namespace clustor {

namespace {

// The numbers of rewritten segments that still have their names of before the flip, ascending.
StatusOr<std::vector<uint64_t>> ListRewritten(Env* env, const LogPaths& paths) {
  std::vector<uint64_t> numbers;
  const StatusOr<std::vector<std::string>> names = env->ListDirectory(paths.wal);
  if (!names.ok()) {
    if (names.status().details().os_errno == ENOENT) return numbers;
    return names.status();
  }
  for (const std::string& name : *names) {
    const std::optional<uint64_t> segment_seq = RewriteSeqOfName(name);
    if (segment_seq) numbers.push_back(*segment_seq);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

// The first segment of the log, 0 when the ledger does not say: then the scan finds out why.
StatusOr<uint64_t> FirstSegment(Env* env, const LogPaths& paths) {
  const StatusOr<bool> exists = env->FileExists(paths.Ledger());
  if (!exists.ok()) return exists.status();
  if (!*exists) return uint64_t{0};
  StatusOr<std::unique_ptr<File>> file = env->OpenFile(paths.Ledger(), OpenMode::kReadOnly);
  if (!file.ok()) return file.status();
  const StatusOr<LedgerScan> ledger = ScanLedger(file->get(), paths.Ledger());
  if (ledger.ok()) return ledger->prefix_segment;
  if (ledger.status().code() == StatusCode::kLogCorrupt) return uint64_t{0};
  return ledger.status();
}

}  // namespace

Status FinishRewrite(Env* env, const LogPaths& paths) {
  const StatusOr<std::vector<uint64_t>> rewritten = ListRewritten(env, paths);
  if (!rewritten.ok()) return rewritten.status();
  if (rewritten->empty()) return Status::Ok();
  const StatusOr<uint64_t> first = FirstSegment(env, paths);
  if (!first.ok()) return first.status();
  const bool is_rewritten = std::binary_search(rewritten->begin(), rewritten->end(), *first);
  const StatusOr<bool> has_name = env->FileExists(paths.Segment(*first));
  if (!has_name.ok()) return has_name.status();
  // Of an attempt that did not get to its flip: open removes them as it does spares.
  if (!is_rewritten || *has_name) return Status::Ok();
  // The ledger that names them is what makes them the log: durable before the first new name.
  RETURN_IF_ERROR(env->SyncDirectory(paths.wal));
  for (size_t i = rewritten->size(); i-- > 0 && (*rewritten)[i] > *first;) {
    const uint64_t segment_seq = (*rewritten)[i];
    RETURN_IF_ERROR(env->RenameFile(paths.Rewrite(segment_seq), paths.Segment(segment_seq)));
  }
  // As long as the first one has no name, an interrupted flip is recognized and finished.
  RETURN_IF_ERROR(env->SyncDirectory(paths.wal));
  RETURN_IF_ERROR(env->RenameFile(paths.Rewrite(*first), paths.Segment(*first)));
  return env->SyncDirectory(paths.wal);
}

}  // namespace clustor
