// Every call of first open, rotation, ledger switch and prefix cut fails once with every shortage:
// what was acknowledged stays, what was refused is gone, and the log goes on by itself.
#include <cerrno>
#include <string>
#include <vector>

#include "check.h"
#include "log_fixture.h"

namespace clustor::test {

namespace {

struct Outcome {
  std::vector<std::string> acknowledged;
  bool poisoned = false;
  std::vector<StatusCode> codes;  // Of what failed.
};

// Rotations, a ledger switch, a vote and a cut. Failures are met and the script goes on.
Outcome Follow(LogFixture* log) {
  Outcome outcome;
  const auto note = [&](const Status& status) {
    if (!status.ok()) outcome.codes.push_back(status.code());
    return status.ok();
  };
  for (int tries = 0; !note(log->Open() ? Status::Ok() : log->open_status); ++tries) {
    if (tries == 2) return outcome;
  }
  for (int i = 0; i < 130; ++i) {
    const std::string payload = std::to_string(i) + std::string(i % 4 == 0 ? 6'000 : 10, 'p');
    if (note(log->Append(payload))) outcome.acknowledged.push_back(payload);
    if (i == 60) note(log->SaveHardState({2, 1, 0}));
    if (i == 90) note(log->log->TruncatePrefix(40));
  }
  outcome.poisoned = log->log->Stats().poisoned;
  return outcome;
}

// What is left is the end of what was acknowledged, without gaps.
void CheckLog(LogFixture* log, const Outcome& outcome) {
  const uint64_t first_index = log->log->Stats().first_index;
  const std::vector<Entry> entries = log->ReadAll();
  CHECK_EQ(log->log->Stats().last_index, outcome.acknowledged.size());
  CHECK(first_index <= 40);
  for (size_t i = 0; i < entries.size(); ++i) {
    CHECK_EQ(entries[i].payload, outcome.acknowledged[first_index - 1 + i]);
  }
}

void FailEveryCall(Call call, int os_errno, StatusCode expected) {
  for (int nth = 1; !CurrentTestFailed(); ++nth) {
    LogFixture log;
    log.env->FailCall(call, nth, os_errno);
    const uint64_t calls_before = log.env->calls(call);
    const Outcome outcome = Follow(&log);
    const bool met = log.env->calls(call) - calls_before >= static_cast<uint64_t>(nth);
    if (!met) break;
    // A failed sync is final, whatever its errno.
    const bool is_sync = call == Call::kSync || call == Call::kSyncDirectory;
    for (const StatusCode code : outcome.codes) {
      CHECK(code == expected || (is_sync && code == StatusCode::kLogPoisoned));
    }
    CHECK(is_sync || !outcome.poisoned);
    if (log.log == nullptr) CHECK(log.Open());
    if (!outcome.poisoned) CheckLog(&log, outcome);
    CHECK(log.Restart(log.env->DropUnsynced()));
    if (!outcome.poisoned) CheckLog(&log, outcome);
    CHECK(log.log->Stats().last_index >= outcome.acknowledged.size());
    CHECK_OK(log.Append("goes on"));
  }
}

}  // namespace

// W13
TEST(ShortageAtEveryCall, OfAFullDisk) {
  for (const Call call : {Call::kOpen, Call::kAllocate, Call::kWrite, Call::kRename, Call::kRemove,
                          Call::kSync, Call::kSyncDirectory}) {
    FailEveryCall(call, ENOSPC, StatusCode::kDiskFull);
  }
}

// W14
TEST(ShortageAtEveryCall, OfAQuotaOrOfDescriptors) {
  FailEveryCall(Call::kAllocate, EDQUOT, StatusCode::kQuotaExceeded);
  FailEveryCall(Call::kWrite, EDQUOT, StatusCode::kQuotaExceeded);
  FailEveryCall(Call::kOpen, EMFILE, StatusCode::kTooManyFiles);
  FailEveryCall(Call::kSyncDirectory, EMFILE, StatusCode::kTooManyFiles);
}

// W14: a file system that turns read-only is a failure of its own, and final.
TEST(ShortageAtEveryCall, OfAReadOnlyFileSystemIsNoneButFinal) {
  LogFixture log;
  CHECK(log.Open());
  CHECK_OK(log.Append("before"));
  log.env->FailCall(Call::kWrite, 1, EROFS, true);

  CHECK_EQ(log.Append("x").code(), StatusCode::kReadOnlyFilesystem);

  log.env->ClearFaults();
  CHECK_EQ(log.Append("y").code(), StatusCode::kReadOnlyFilesystem);
  CHECK(log.log->Stats().poisoned);
  CHECK_EQ(log.ReadPayload(1), std::string("before"));
  CHECK(log.Reopen());
  CHECK_OK(log.Append("after"));
}

}  // namespace clustor::test
