#include "wal/rewrite_flip.h"

#include <algorithm>
#include <cerrno>
#include <map>
#include <string>
#include <vector>

#include "os/env_wrapper.h"
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

// After a flip: the rewritten segments that wait for their names, ascending, the first one of the
// log among them. Else nothing.
StatusOr<std::vector<uint64_t>> FindNameless(Env* env, const LogPaths& paths) {
  StatusOr<std::vector<uint64_t>> rewritten = ListRewritten(env, paths);
  if (!rewritten.ok() || rewritten->empty()) return rewritten;
  const StatusOr<uint64_t> first = FirstSegment(env, paths);
  if (!first.ok()) return first.status();
  const StatusOr<bool> has_name = env->FileExists(paths.Segment(*first));
  if (!has_name.ok()) return has_name.status();
  const auto live = std::lower_bound(rewritten->begin(), rewritten->end(), *first);
  const bool is_rewritten = live != rewritten->end() && *live == *first;
  // Of an attempt that did not get to its flip: open removes them as it does spares.
  if (!is_rewritten || *has_name) return std::vector<uint64_t>();
  return std::vector<uint64_t>(live, rewritten->end());
}

class FinishedView final : public EnvWrapper {
 public:
  FinishedView(Env* base, const LogPaths& paths, const std::vector<uint64_t>& nameless)
      : EnvWrapper(base), paths_(paths) {
    for (const uint64_t segment_seq : nameless) {
      names_[paths.Segment(segment_seq)] = paths.Rewrite(segment_seq);
    }
  }

  StatusOr<std::unique_ptr<File>> OpenFile(const std::string& path, OpenMode mode) override {
    return base()->OpenFile(Map(path), mode);
  }
  StatusOr<bool> FileExists(const std::string& path) override {
    return base()->FileExists(Map(path));
  }
  StatusOr<std::vector<std::string>> ListDirectory(const std::string& path) override {
    StatusOr<std::vector<std::string>> names = base()->ListDirectory(path);
    if (!names.ok() || path != paths_.wal) return names;
    for (const auto& [shown, there] : names_) {
      std::replace(names->begin(), names->end(), there.substr(path.size() + 1),
                   shown.substr(path.size() + 1));
    }
    std::sort(names->begin(), names->end());
    return names;
  }

 private:
  const std::string& Map(const std::string& path) const {
    const auto name = names_.find(path);
    return name == names_.end() ? path : name->second;
  }

  const LogPaths& paths_;
  std::map<std::string, std::string> names_;
};

}  // namespace

Status FinishRewrite(Env* env, const LogPaths& paths) {
  const StatusOr<std::vector<uint64_t>> nameless = FindNameless(env, paths);
  if (!nameless.ok()) return nameless.status();
  if (nameless->empty()) return Status::Ok();
  const auto give_name = [&](uint64_t segment_seq) {
    return env->RenameFile(paths.Rewrite(segment_seq), paths.Segment(segment_seq));
  };
  // The ledger that names them is what makes them the log: durable before the first new name.
  RETURN_IF_ERROR(env->SyncDirectory(paths.wal));
  for (size_t i = nameless->size() - 1; i > 0; --i) RETURN_IF_ERROR(give_name((*nameless)[i]));
  // As long as the first one has no name, an interrupted flip is recognized and finished.
  RETURN_IF_ERROR(env->SyncDirectory(paths.wal));
  RETURN_IF_ERROR(give_name(nameless->front()));
  return env->SyncDirectory(paths.wal);
}

StatusOr<Env*> ViewFinished(Env* env, const LogPaths& paths, std::unique_ptr<Env>* view) {
  const StatusOr<std::vector<uint64_t>> nameless = FindNameless(env, paths);
  if (!nameless.ok()) return nameless.status();
  if (nameless->empty()) return env;
  *view = std::make_unique<FinishedView>(env, paths, *nameless);
  return view->get();
}

}  // namespace clustor
