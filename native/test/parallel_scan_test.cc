// Segments are verified in any order, on any number of threads: the verdict and what is found must
// not depend on it.
#include <random>
#include <string>

#include "base/coding.h"
#include "base/crc32c.h"
#include "check.h"
#include "log_fixture.h"
#include "wal/format.h"
#include "wal/identity.h"
#include "wal/scan.h"

namespace clustor::test {

namespace {

// Seven segments or so, with truncations that reach over several of them.
void FillWithTruncations(LogFixture* log) {
  CHECK(log->Open());
  for (int round = 0; round < 4; ++round) {
    for (int i = 0; i < 20; ++i) CHECK_OK(log->Append(std::string(5'000, 'a')));
    CHECK_OK(log->SaveHardState({log->term, 1, 3}));
    ++log->term;
    const uint64_t last = log->log->Stats().last_index;
    if (round % 2 == 0) {
      CHECK_OK(log->Replace(last - 15, {{log->term, 1, "instead"}}));
    } else {
      CHECK_OK(log->Replace(last - 3, {}));
    }
  }
  log->Close();
}

std::string Say(const Status& status) {
  const StatusDetails& details = status.details();
  return std::string(status.code_name()) + " " + details.message + " " + details.path + " " +
         std::to_string(details.segment) + " " + std::to_string(details.offset) + " " +
         std::to_string(details.first_index) + " " + std::to_string(details.last_index);
}

// Everything that a scan finds, as text.
std::string Find(FaultEnv* env, uint32_t threads) {
  const LogPaths paths = PathsOf(kDirectory, "");
  const StatusOr<LogIdentity> identity = ReadIdentity(env, paths);
  if (!identity.ok()) return Say(identity.status());
  ScanOptions options;
  options.threads = threads;
  const StatusOr<DirectoryScan> scan = ScanDirectory(env, paths, *identity, options);
  if (!scan.ok()) return Say(scan.status());
  std::string found = Say(scan->verdict);
  const auto add = [&](uint64_t number) { found += "," + std::to_string(number); };
  for (const SegmentSpans& segment : scan->segments) {
    add(segment.segment_seq);
    for (const BlockSpan& span : segment.blocks) {
      add(span.first_index);
      add(span.offset());
    }
  }
  for (const EntryRun& run : scan->log.runs) add(run.term * 1'000'000 + run.count);
  for (const uint32_t bytes : scan->log.byte_lengths) add(bytes);
  for (const uint64_t number :
       {scan->tail_offset, scan->end.block, uint64_t{scan->end.checksum}, scan->log.first_index,
        scan->log.last_index, scan->end_position.offset, scan->end_proof.block,
        scan->end_proof.last_term, scan->before_end_proof.block, scan->before_end_proof.last_term,
        scan->bytes_scanned, scan->blocks, scan->entry_bytes}) {
    add(number);
  }
  return found;
}

void CheckSameOnAnyThreads(FaultEnv* env, const std::string& what) {
  const std::string alone = Find(env, 1);
  for (const uint32_t threads : {2u, 4u}) {
    const std::string together = Find(env, threads);
    if (together != alone) Fail(__FILE__, __LINE__, what + ": " + together + "\nnot " + alone);
  }
}

}  // namespace

TEST(ParallelScan, FindsTheSameOnAnyNumberOfThreads) {
  LogFixture log;
  FillWithTruncations(&log);

  CHECK(Find(log.env.get(), 1).starts_with("OK"));
  CheckSameOnAnyThreads(log.env.get(), "a whole log");
}

TEST(ParallelScan, JudgesADamagedLogTheSameOnAnyNumberOfThreads) {
  LogFixture log;
  FillWithTruncations(&log);
  const std::unique_ptr<FaultEnv> good = log.env->Copy();
  const uint64_t seed = 11;
  std::mt19937_64 random(seed);
  for (int round = 0; round < 150 && !CurrentTestFailed(); ++round) {
    log.env = good->Copy();
    // Up to three damages, in different segments mostly: which one is named must be the same.
    for (uint64_t i = random() % 3 + 1; i > 0; --i) {
      const uint64_t segment_seq = random() % 5 + 1;
      log.FlipBit(log.SegmentPath(segment_seq), random() % (60 << 10));
    }
    CheckSameOnAnyThreads(log.env.get(),
                          "seed " + std::to_string(seed) + ", round " + std::to_string(round));
  }
}

// A term that falls from one segment to the next is found when the segments are linked.
TEST(ParallelScan, RefusesATermThatFallsBetweenSegments) {
  LogFixture log;
  log.term = 5;
  CHECK(log.Open());
  for (int i = 0; i < 30; ++i) CHECK_OK(log.Append(std::string(5'000, 'a')));
  log.Close();
  const std::string path = log.SegmentPath(2);
  std::vector<std::byte> bytes = log.env->Bytes(path);
  std::byte* block = bytes.data() + kSegmentHeaderBytes;
  // The first entry stands behind the repeated hard state.
  std::byte* frame = block + kBlockHeaderBytes + kHardStateFrameBytes;
  const size_t covered = kFrameHeaderBytes + Load32(frame + 4);
  Store64(frame + 12, 4);
  Store32(frame + covered, Crc32c({frame, covered}));
  const size_t block_covered = kBlockHeaderBytes + Load32(block + 64);
  Store32(block + block_covered, BlockChecksum({block, block_covered}));
  log.env->SetBytes(path, bytes);

  CHECK(!log.Open());
  const StatusDetails& details = log.open_status.details();
  CHECK(details.message.find("the terms fall") != std::string::npos);
  CHECK_EQ(details.segment, 2);
  CHECK_EQ(details.offset, static_cast<int64_t>(kSegmentHeaderBytes));
  CheckSameOnAnyThreads(log.env.get(), "falling terms");
}

TEST(ParallelScan, CountsItsProgressUpToTheBytesOfAllSegments) {
  LogFixture log;
  FillWithTruncations(&log);
  OpenProgress progress;
  log.options.progress = &progress;
  log.options.verify_threads = 4;

  CHECK(log.Open());

  CHECK(progress.bytes_total.load() >= uint64_t{5} * (64 << 10));
  CHECK_EQ(progress.bytes_done.load(), progress.bytes_total.load());
}

TEST(ParallelScan, LeavesTheEntriesOutWhenNobodyWantsThem) {
  LogFixture log;
  FillWithTruncations(&log);
  log.options.recover_entries = false;

  CHECK(log.Open());

  const FrameRange& entries = log.log->recovery().entries;
  CHECK(entries.byte_lengths.empty() && entries.runs.empty());
  CHECK_EQ(entries.last_index, log.log->Stats().last_index);
  CHECK_EQ(log.ReadAll().size(), entries.last_index);
  ++log.term;
  CHECK_OK(log.Append("life goes on"));
}

}  // namespace clustor::test
