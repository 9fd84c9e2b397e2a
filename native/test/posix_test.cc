// The log on the real file system, with threads.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <string>

#include "base/mutex.h"
#include "check.h"
#include "log_fixture.h"
#include "os/prompt_wakeups.h"
#include "os/raw_bench.h"
#include "os/thread.h"
#include "temporary_directory.h"
#include "wal/inspect.h"

namespace clustor::test {

namespace {

// Lets a test wait for a write.
class WaitingSink final : public CompletionSink {
 public:
  void OnComplete(Completion completion) override {
    const MutexLock lock(&mutex_);
    if (completion.status.ok()) completed_ = completion.through_sequence;
    through_ = completion.through_sequence;
    changed_.Broadcast();
  }
  uint64_t WaitFor(uint64_t sequence) {
    const MutexLock lock(&mutex_);
    while (through_ < sequence) changed_.Wait(&mutex_);
    return completed_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  uint64_t through_ GUARDED_BY(mutex_) = 0;
  uint64_t completed_ GUARDED_BY(mutex_) = 0;
};

LogOptions OptionsIn(const TemporaryDirectory& directory) {
  LogOptions options;
  options.directory = directory.path() + "/p";
  options.identity = {"c1", "orders", 1, 0};
  options.durability = Durability::kGroup;
  options.segment_bytes_max = 256 << 10;
  options.ledger_bytes_max = 16 << 10;
  return options;
}

}  // namespace

// W12
TEST(PosixEnv, ContinuesShortWritesAndReportsTheErrorBehindThem) {
  TemporaryDirectory directory;
  auto file = PosixEnv()->OpenFile(directory.path() + "/f", OpenMode::kCreate);
  CHECK_OK(file.status());
  signal(SIGXFSZ, SIG_IGN);
  rlimit before;
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{4'096, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  const std::vector<std::byte> bytes(10'000, std::byte{1});

  const Status status = (*file)->WriteAt(0, bytes);
  setrlimit(RLIMIT_FSIZE, &before);

  CHECK_EQ(status.code(), StatusCode::kIo);
  CHECK_EQ(status.details().os_errno, EFBIG);
  CHECK_EQ(status.details().syscall, std::string("pwrite"));
  CHECK_EQ((*file)->Bytes().value(), 4'096u);
}

TEST(PosixEnv, WritesPiecesOneBehindTheOther) {
  TemporaryDirectory directory;
  auto file = PosixEnv()->OpenFile(directory.path() + "/f", OpenMode::kCreate);
  CHECK_OK(file.status());
  std::vector<std::byte> bytes(30'000);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 7 >> 3);
  // Backwards in memory, so that none continues the one before; more than one call takes.
  Pieces pieces;
  std::vector<std::byte> expected;
  for (size_t at = bytes.size(); at >= 200; at -= 200) {
    pieces.Add(std::span(bytes).subspan(at - 200, 200));
    expected.insert(expected.end(), bytes.begin() + static_cast<ptrdiff_t>(at - 200),
                    bytes.begin() + static_cast<ptrdiff_t>(at));
  }
  CHECK_EQ(pieces.spans().size(), 150u);

  CHECK_OK((*file)->WritePiecesAt(100, pieces));
  CHECK_OK((*file)->StartWriteback(0, 100 + pieces.bytes()));

  std::vector<std::byte> found(expected.size());
  CHECK_EQ((*file)->ReadAt(100, found).value(), expected.size());
  CHECK(found == expected);
  CHECK_EQ((*file)->Bytes().value(), 100 + expected.size());
}

// W12
TEST(PosixEnv, ContinuesPiecesBehindAShortWriteAndReportsTheErrorBehindThem) {
  TemporaryDirectory directory;
  auto file = PosixEnv()->OpenFile(directory.path() + "/f", OpenMode::kCreate);
  CHECK_OK(file.status());
  const std::vector<std::byte> first(3'000, std::byte{1});
  const std::vector<std::byte> second(7'000, std::byte{2});
  Pieces pieces(first);
  pieces.Add(second);
  signal(SIGXFSZ, SIG_IGN);
  rlimit before;
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{4'096, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);

  const Status status = (*file)->WritePiecesAt(0, pieces);
  setrlimit(RLIMIT_FSIZE, &before);

  CHECK_EQ(status.code(), StatusCode::kIo);
  CHECK_EQ(status.details().os_errno, EFBIG);
  CHECK_EQ((*file)->Bytes().value(), 4'096u);
}

// W19
TEST(PosixEnv, LocksOncePerOpenAndNamesThePid) {
  TemporaryDirectory directory;
  const std::string path = directory.path() + "/LOCK";
  auto lock = PosixEnv()->LockFile(path);
  CHECK_OK(lock.status());

  const auto second = PosixEnv()->LockFile(path);

  CHECK_EQ(second.status().code(), StatusCode::kLocked);
  CHECK_EQ(second.status().details().owner_pid, static_cast<int64_t>(getpid()));
  CHECK(PosixEnv()->IsLocked(path).value());
  lock->reset();
  CHECK(!PosixEnv()->IsLocked(path).value());
  CHECK_OK(PosixEnv()->LockFile(path).status());
}

// A thread that commits by itself and the threads of the pool take turns at the same log.
TEST(PosixLog, CommitsHereAndFromThePool) {
  TemporaryDirectory directory;
  AwakeProcessor awake;
  CommitterPool pool({.threads = 2, .spin_us_max = 50, .awake = &awake});
  WaitingSink sink;
  auto opened = Log::Open(PosixEnv(), OptionsIn(directory), &pool, &sink);
  CHECK_OK(opened.status());
  Log* log = opened->get();

  for (uint64_t i = 1; i <= 900; i += 3) {
    CHECK_EQ(log->Submit(Frames(i, {{1, 0, "pool"}})), i);
    CHECK_EQ(log->SubmitQuietly(Frames(i + 1, {{1, 0, "here"}})), i + 1);
    log->CommitThrough(i + 1);
    CHECK(log->Stats().last_index >= i + 1);
    CHECK_EQ(log->Submit(Frames(i + 2, {{1, 0, "pool"}})), i + 2);
  }

  CHECK_EQ(sink.WaitFor(900), 900u);
  CHECK_OK(log->Close());
}

// Rotations, ledger switches, spares, readers and cuts at once.
TEST(PosixLog, CommitsFromAPoolWhileOthersReadAndCut) {
  TemporaryDirectory directory;
  CommitterPool pool({.threads = 2, .spin_us_max = 50});
  WaitingSink sink;
  auto opened = Log::Open(PosixEnv(), OptionsIn(directory), &pool, &sink);
  CHECK_OK(opened.status());
  Log* log = opened->get();
  struct Reading {
    Log* log;
    std::atomic<bool> stop{false};
    std::atomic<uint64_t> read{0};
    std::atomic<bool> failed{false};
  } reading{.log = log};
  Thread reader;
  CHECK(reader.Start(
      [](void* argument) -> void* {
        auto* r = static_cast<Reading*>(argument);
        while (!r->stop.load()) {
          const LogStats stats = r->log->Stats();
          if (stats.last_index < stats.first_index) continue;
          const auto got = r->log->Read(stats.first_index, stats.last_index, 50'000);
          if (got.ok()) {
            r->read.fetch_add(got->range.byte_lengths.size());
          } else if (got.status().code() != StatusCode::kIndexCompacted) {
            Fail(__FILE__, __LINE__, Describe(got.status()));
            r->failed.store(true);
          }
        }
        return nullptr;
      },
      &reading));

  uint64_t sequence = 0;
  for (uint64_t i = 1; i <= 2'000; ++i) {
    sequence = log->Submit(Frames(i, {{1, 0, std::string(500, 'x')}}));
    if (i % 16 == 0) CHECK_EQ(sink.WaitFor(sequence), sequence);
    if (i % 500 == 0) CHECK_OK(log->TruncatePrefix(i - 200));
  }
  CHECK_EQ(sink.WaitFor(sequence), sequence);
  reading.stop.store(true);
  reader.Join();

  CHECK(!reading.failed.load());
  CHECK(reading.read.load() > 0);
  const LogStats stats = log->Stats();
  CHECK_EQ(stats.last_index, 2'000u);
  CHECK(stats.rotations > 2);
  CHECK(stats.first_index > 1);
  CHECK_EQ(stats.stages.sync.count, stats.blocks);
  CHECK_OK(log->Close());
  const auto verified = VerifyDirectory(PosixEnv(), directory.path() + "/p", "");
  CHECK_OK(verified.status());
  CHECK_OK(verified->verdict);
  CHECK_EQ(verified->recovery.entries.last_index, 2'000u);
}

TEST(PosixLog, SharesAPoolWithOtherLogs) {
  TemporaryDirectory directories[6];
  WaitingSink sinks[6];
  CommitterPool pool({.threads = 3, .spin_us_max = 50});
  std::vector<std::unique_ptr<Log>> logs;
  for (size_t i = 0; i < 6; ++i) {
    auto log = Log::Open(PosixEnv(), OptionsIn(directories[i]), &pool, &sinks[i]);
    CHECK_OK(log.status());
    logs.push_back(std::move(*log));
  }

  for (uint64_t n = 1; n <= 100; ++n) {
    for (auto& log : logs) CHECK_EQ(log->Submit(Frames(n, {{1, 0, "entry"}})), n);
  }

  for (size_t i = 0; i < 6; ++i) CHECK_EQ(sinks[i].WaitFor(100), 100u);
  // Closing with writes on their way commits them.
  for (size_t i = 0; i < 6; ++i) {
    logs[i]->Submit(Frames(101, {{1, 0, "last"}}));
    CHECK_OK(logs[i]->Close());
    CHECK_EQ(sinks[i].WaitFor(101), 101u);
  }
}

// The companion syncs beside the committer, and the maintenance thread confirms what idles.
TEST(PosixLog, FastLedgerSettingsCompleteConfirmAndReopen) {
  for (const LedgerSetting ledger : {LedgerSetting::kOverlapped, LedgerSetting::kInline}) {
    TemporaryDirectory directory;
    LogOptions options = OptionsIn(directory);
    options.ledger = ledger;
    options.ledger_confirm_ms = 1;
    CommitterPool pool({});
    WaitingSink sink;
    auto log = Log::Open(PosixEnv(), options, &pool, &sink);
    CHECK_OK(log.status());
    for (uint64_t i = 1; i <= 50; ++i) {
      const uint64_t sequence = (*log)->Submit(Frames(i, {{1, 0, "entry"}}));
      CHECK_EQ(sink.WaitFor(sequence), sequence);
    }
    const uint64_t until = PosixEnv()->MonotonicNs() + 10'000'000'000;
    while ((*log)->Stats().unconfirmed_ns > 0 && PosixEnv()->MonotonicNs() < until) sched_yield();

    CHECK((*log)->Stats().confirms >= 1);
    CHECK_OK((*log)->Close());
    log->reset();
    WaitingSink second;
    auto again = Log::Open(PosixEnv(), options, &pool, &second);
    CHECK_OK(again.status());
    CHECK_EQ((*again)->recovery().entries.last_index, 50u);
    CHECK_EQ((*again)->recovery().proven_block, 50u);
  }
}

TEST(PromptWakeups, ShortenTheSliceOfAThreadAndGiveItBack) {
  const uint64_t before = SliceNs();
  {
    const PromptWakeups prompt;
    // Older kernels have no slices to choose.
    CHECK_EQ(SliceNs(), std::min<uint64_t>(before, 100'000));
  }
  CHECK_EQ(SliceNs(), before);
}

TEST(RawBench, MeasuresEveryMethod) {
  TemporaryDirectory directory;
  for (const RawBenchMethod method :
       {RawBenchMethod::kSinglePreallocated, RawBenchMethod::kSingleExtending,
        RawBenchMethod::kTwoOrdered, RawBenchMethod::kTwoParallel, RawBenchMethod::kSingleDirect}) {
    RawBenchOptions options;
    options.directory = directory.path();
    options.method = method;
    options.operations = 20;

    const auto latencies = RunRawBench(options);

    CHECK_OK(latencies.status());
    CHECK_EQ(latencies->size(), 20u);
    for (const uint64_t latency : *latencies) CHECK(latency > 0);
  }
  CHECK(PosixEnv()->ListDirectory(directory.path())->empty());
  CHECK_EQ(RunRawBench({.directory = directory.path(), .operations = 0}).status().code(),
           StatusCode::kInvalidArgument);
}

}  // namespace clustor::test
