// W24: how much memory it takes to verify a log. How long is measured by bench:recovery.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "key_fixture.h"
#include "log_fixture.h"
#include "temporary_directory.h"

namespace clustor::test {

namespace {

constexpr uint64_t kLogBytes = 256 << 20;
constexpr size_t kPayloadBytes = 4 << 10;
constexpr uint64_t kGrowthBytesMax = 64 << 20;

uint64_t PeakBytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<uint64_t>(usage.ru_maxrss) * 1024;
}

// Batches of a mebibyte.
void Fill(Log* log, Recorder* recorder) {
  const std::vector<Entry> batch(256, {1, 0, std::string(kPayloadBytes, 'x')});
  for (uint64_t bytes = 0; bytes < kLogBytes; bytes += batch.size() * kPayloadBytes) {
    const uint64_t sequence = log->Submit(Frames(log->Stats().last_index + 1, batch));
    while (log->Pump()) {
    }
    CHECK_EQ(recorder->completed(), sequence);
  }
}

// In a process of its own, which ends with 0 when opening took no more than it may.
void OpenWithin(const LogOptions& options) {
  const pid_t child = fork();
  if (child == 0) {
    Recorder recorder;
    const uint64_t before = PeakBytes();
    const auto log = Log::Open(PosixEnv(), options, nullptr, &recorder);
    const bool whole = log.ok() && (*log)->Stats().last_index == kLogBytes / kPayloadBytes;
    const uint64_t growth = PeakBytes() - before;
    std::printf("  %llu KiB more\n", static_cast<unsigned long long>(growth >> 10));
    std::fflush(stdout);
    _exit(!whole ? 2 : growth > kGrowthBytesMax ? 1 : 0);
  }
  int status = 0;
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK_EQ(status, 0);
}

}  // namespace

TEST(Recovery, OfALargeLogTakesLittleMemory) {
  const TemporaryDirectory directory;
  LogOptions options;
  options.directory = directory.path() + "/p";
  options.identity = {"c1", "orders", 1, 0};
  options.keys = RingOf({1});
  options.unsafe_file_system = true;
  {
    Recorder recorder;
    const auto log = Log::Open(PosixEnv(), options, nullptr, &recorder);
    CHECK_OK(log.status());
    Fill(log->get(), &recorder);
  }
  OpenWithin(options);
}

}  // namespace clustor::test
