// Copies of a directory that is being written to, on the real file system.
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "check.h"
#include "crash_images_history.h"
#include "fault_env.h"
#include "log_fixture.h"

namespace clustor::test {

namespace {

constexpr char kCopy[] = "/copy";

class CountingSink final : public CompletionSink {
 public:
  void OnComplete(Completion completion) override {
    const MutexLock lock(&mutex_);
    durable_index_ = completion.durable_index;
    changed_.Broadcast();
  }
  uint64_t durable_index() {
    const MutexLock lock(&mutex_);
    return durable_index_;
  }
  void WaitFor(uint64_t index) {
    const MutexLock lock(&mutex_);
    while (durable_index_ < index) changed_.Wait(&mutex_);
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  uint64_t durable_index_ GUARDED_BY(mutex_) = 0;
};

std::string PayloadOf(uint64_t index) {
  return std::to_string(index) + std::string(static_cast<size_t>(index * 37 % 3'000), 'x');
}

std::vector<std::string> NamesIn(const std::string& directory) {
  StatusOr<std::vector<std::string>> names = PosixEnv()->ListDirectory(directory);
  return names.ok() ? std::move(*names) : std::vector<std::string>();
}

void CopyFile(const std::string& from, const std::string& to,
              std::map<std::string, PagedBytes>* files) {
  StatusOr<std::unique_ptr<File>> file = PosixEnv()->OpenFile(from, OpenMode::kReadOnly);
  // Gone since the directory was listed: a file that became a segment, or was no part of the log.
  if (!file.ok()) return;
  std::vector<std::byte> bytes(static_cast<size_t>((*file)->Bytes().value()));
  // In pieces, so that much is written while one file is read.
  for (size_t at = 0; at < bytes.size(); at += 4'096) {
    const size_t count = std::min<size_t>(4'096, bytes.size() - at);
    if (!(*file)->ReadAt(at, std::span(bytes).subspan(at, count)).ok()) return;
  }
  files->emplace(to, PagedBytes(bytes));
}

// The ledger first: what it proves is in the segments by then (docs/wal-format.md, section 8).
std::map<std::string, PagedBytes> CopyOf(const std::string& directory) {
  std::map<std::string, PagedBytes> files;
  const std::string copy = kCopy;
  CopyFile(directory + "/identity.json", copy + "/identity.json", &files);
  CopyFile(directory + "/wal/durability.log", copy + "/wal/durability.log", &files);
  for (const std::string& name : NamesIn(directory + "/wal")) {
    CopyFile(directory + "/wal/" + name, copy + "/wal/" + name, &files);
  }
  return files;
}

void CheckCopy(LogOptions options, const std::map<std::string, PagedBytes>& files,
               uint64_t durable_before, uint64_t submitted) {
  options.directory = kCopy;
  const std::unique_ptr<FaultEnv> env = FaultEnv::Boot(files, 0);
  CountingSink sink;
  StatusOr<std::unique_ptr<Log>> log = Log::Open(env.get(), options, nullptr, &sink);
  CHECK_OK(log.status());
  const StatusOr<FoundLog> found = ReadFound(log->get());
  CHECK_OK(found.status());
  CHECK(found->last_index >= durable_before && found->last_index <= submitted);
  for (uint64_t index = 1; index <= found->last_index; ++index) {
    StatusOr<FrameRead> read = (*log)->Read(index, index, 1);
    CHECK_OK(read.status());
    CHECK_EQ(EntriesOf(*read)[0].payload, PayloadOf(index));
  }
}

void CheckSetting(LedgerSetting ledger) {
  std::string directory = "/var/tmp/clustor-copy-" + std::string(6, 'X');
  CHECK(mkdtemp(directory.data()) != nullptr);
  LogOptions options = SmallOptions();
  options.directory = directory;
  options.ledger = ledger;
  options.durability = Durability::kGroup;
  options.unsafe_file_system = true;
  CommitterPool pool({.threads = 1});
  CountingSink sink;
  StatusOr<std::unique_ptr<Log>> log = Log::Open(PosixEnv(), options, &pool, &sink);
  CHECK_OK(log.status());
  uint64_t submitted = 0;

  for (int round = 0; round < 12 && !CurrentTestFailed(); ++round) {
    for (int i = 0; i < 12; ++i) {
      ++submitted;
      (*log)->Submit(Frames(submitted, {{1, 0, PayloadOf(submitted)}}));
    }
    const uint64_t durable_before = sink.durable_index();
    const std::map<std::string, PagedBytes> files = CopyOf(directory);
    CheckCopy(options, files, durable_before, submitted);
    sink.WaitFor(submitted);
  }

  log->reset();
  for (const std::string part : {"/wal", ""}) {
    for (const std::string& name : NamesIn(directory + part)) {
      unlink((directory + part + "/" + name).c_str());
    }
    rmdir((directory + part).c_str());
  }
}

}  // namespace

// W26: a copy that is made file by file, the ledger first, opens at a block boundary, with all that
// was durable when the copying began.
TEST(CopyWhileOpen, RecoversToABlockBoundary) {
  CheckSetting(LedgerSetting::kOrdered);
  CheckSetting(LedgerSetting::kOverlapped);
  CheckSetting(LedgerSetting::kInline);
}

}  // namespace clustor::test
