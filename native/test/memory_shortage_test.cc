// W27: memory that cannot be had. What is as large as an entry, a block or a file's piece is asked
// for with malloc and its kin, which this program is linked to fail (-Wl,--wrap, CMakeLists.txt).
// The small rest comes from operator new: without it the process ends, as Node.js itself does. To
// the log that is a kill (W01).
#include <cstdlib>
#include <utility>

#include "check.h"
#include "key_fixture.h"
#include "log_fixture.h"

namespace {

constexpr size_t kLargeBytes = 4096;

// Counts down with each large piece asked for; the one that reaches 0 is refused. 0: none is.
uint64_t refuse_in = 0;
bool was_refused = false;

bool Refuse(size_t bytes) {
  if (bytes < kLargeBytes || refuse_in == 0 || --refuse_in > 0) return false;
  was_refused = true;
  return true;
}

}  // namespace

extern "C" {
void* __real_malloc(size_t bytes);
void* __real_realloc(void* from, size_t bytes);
void* __real_aligned_alloc(size_t alignment, size_t bytes);
void* __wrap_malloc(size_t bytes) { return Refuse(bytes) ? nullptr : __real_malloc(bytes); }
void* __wrap_realloc(void* from, size_t bytes) {
  return Refuse(bytes) ? nullptr : __real_realloc(from, bytes);
}
void* __wrap_aligned_alloc(size_t alignment, size_t bytes) {
  return Refuse(bytes) ? nullptr : __real_aligned_alloc(alignment, bytes);
}
}

namespace clustor::test {

namespace {

// Tries something, and once more when memory was short.
template <typename Operation>
void Retried(const Operation& operation) {
  const Status done = operation();
  if (done.ok()) return;
  CHECK_EQ(done.code(), StatusCode::kOutOfMemory);
  CHECK_OK(operation());
}

Status ReadAll(Log* log, uint64_t last_index, std::vector<Entry>* entries) {
  const StatusOr<FrameRead> read = log->Read(1, last_index, 1 << 20);
  if (!read.ok()) return read.status();
  *entries = EntriesOf(*read);
  return Status::Ok();
}

// Appends, reads, closes, opens and reads again, with the n-th large piece refused.
void RunWithout(uint64_t n, const LogOptions& options) {
  LogFixture log(options);
  const std::vector<Entry> expected = {{1, 0, std::string(9'000, 'a')},
                                       {1, 0, std::string(70'000, 'b')},
                                       {1, 0, std::string(200, 'c')}};
  refuse_in = n;
  was_refused = false;
  Retried([&] { return log.Open() ? Status::Ok() : log.open_status; });
  for (const Entry& entry : expected) {
    Retried([&] {
      const uint64_t left = std::exchange(refuse_in, 0);
      Write write = Frames(log.log->Stats().last_index + 1, {entry});
      refuse_in = left;
      return log.Apply(std::move(write));
    });
  }
  std::vector<Entry> entries;
  Retried([&] { return ReadAll(log.log.get(), expected.size(), &entries); });
  CHECK(entries == expected);
  log.Close();
  Retried([&] { return log.Open() ? Status::Ok() : log.open_status; });
  Retried([&] { return ReadAll(log.log.get(), expected.size(), &entries); });
  CHECK(entries == expected);
  refuse_in = 0;
}

// Every large piece is refused in a run of its own. Returns how many there are.
uint64_t RunWithoutEach(const LogOptions& options) {
  for (uint64_t n = 1;; ++n) {
    RunWithout(n, options);
    if (!was_refused) return n - 1;
  }
}

LogOptions RoomyOptions() {
  LogOptions options = SmallOptions();
  options.segment_bytes_max = 256 << 10;
  return options;
}

}  // namespace

// W27
TEST(MemoryShortage, OfAnyLargePieceIsAnErrorAndTheSameCallThenSucceeds) {
  CHECK(RunWithoutEach(RoomyOptions()) >= 6);
}

// W27
TEST(MemoryShortage, OfAnyLargePieceOfAnEncryptedLogWithLeavesIsAnError) {
  LogOptions options = RoomyOptions();
  options.keys = RingOf({1});
  options.merkle_leaves = true;
  options.encoding = LogEncoding::kJson;
  CHECK(RunWithoutEach(options) >= 6);
}

}  // namespace clustor::test
