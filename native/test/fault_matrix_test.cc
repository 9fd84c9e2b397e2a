// The n-th call of every kind fails with every errno, over a whole life of a log: whatever was
// acknowledged is there afterwards, what was refused is not, and the log opens again.
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "check.h"
#include "crash_images_history.h"
#include "crash_images_judge.h"
#include "crash_images_workload.h"

namespace clustor::test {

namespace {

struct Kind {
  Call call;
  const char* name;
  std::vector<int> errnos;
  std::vector<size_t> partial_bytes;  // What a failing write leaves behind.
};

const Kind kKinds[] = {
    {Call::kOpen, "open", {EIO, ENOSPC, EDQUOT, EROFS, EMFILE, ENFILE, EACCES}, {0}},
    {Call::kWrite, "pwrite", {EIO, ENOSPC, EDQUOT, EROFS}, {0, 700, 1 << 20}},
    {Call::kSync, "fdatasync", {EIO, ENOSPC, EDQUOT}, {0}},
    {Call::kAllocate, "fallocate", {EIO, ENOSPC, EDQUOT}, {0}},
    {Call::kRename, "rename", {EIO, ENOSPC, EROFS, EACCES}, {0}},
    {Call::kRemove, "unlink", {EIO, EROFS, EACCES}, {0}},
    {Call::kSyncDirectory, "fsync of a directory", {EIO, ENOSPC}, {0}},
    {Call::kRead, "pread", {EIO}, {0}},
};

struct Fault {
  const Kind* kind;
  int nth;
  int os_errno;
  bool sticky;
  size_t partial_bytes;

  std::string Describe(const CrashSettings& settings) const {
    return "call " + std::to_string(nth) + " of " + kind->name + " fails with " +
           std::strerror(os_errno) + (sticky ? ", and all after it" : "") + ", " +
           std::to_string(partial_bytes) + " bytes written (" + settings.Describe() + ")";
  }
};

// The log on the machine as it goes on, and after a crash that loses everything unsynced.
bool IsGoodAfter(const CrashSettings& settings, const Fault& fault) {
  CrashRun run(settings, 5);
  run.env()->FailCall(fault.kind->call, fault.nth, fault.os_errno, fault.sticky,
                      fault.partial_bytes);
  run.Run(Workload::kWhole);
  run.Finish();
  const size_t last = run.history().points.size() - 1;
  const ImageJudge judge(run.history(), last, run.options());
  for (const bool crash : {false, true}) {
    const Judgement found = judge.JudgeOnce(crash ? run.env()->DropUnsynced() : run.env()->Copy());
    if (found.finding == Finding::kNone) continue;
    Fail(__FILE__, __LINE__,
         fault.Describe(settings) + (crash ? ", after a crash: " : ": ") + found.why);
    return false;
  }
  return true;
}

uint64_t CallsOf(const CrashSettings& settings, Call call) {
  CrashRun run(settings, 5);
  run.Run(Workload::kWhole);
  return run.env()->calls(call);
}

void CheckKind(const CrashSettings& settings, const Kind& kind) {
  const auto calls = static_cast<int>(CallsOf(settings, kind.call));
  CHECK(calls > 0);
  for (int nth = 1; nth <= calls; nth += kStride) {
    for (const int os_errno : kind.errnos) {
      for (const size_t partial_bytes : kind.partial_bytes) {
        for (const bool sticky : {false, true}) {
          if (!IsGoodAfter(settings, {&kind, nth, os_errno, sticky, partial_bytes})) return;
        }
      }
    }
  }
}

CrashSettings SettingsFor(LedgerSetting ledger) {
  CrashSettings settings;
  settings.ledger = ledger;
  return settings;
}

}  // namespace

// W11, W12, W13, W14
TEST(FaultMatrix, LosesNothingAcknowledgedUnderTheOrderedLedger) {
  for (const Kind& kind : kKinds) CheckKind(SettingsFor(LedgerSetting::kOrdered), kind);
}

TEST(FaultMatrix, LosesNothingAcknowledgedUnderTheOverlappedLedger) {
  for (const Kind& kind : kKinds) CheckKind(SettingsFor(LedgerSetting::kOverlapped), kind);
}

TEST(FaultMatrix, LosesNothingAcknowledgedUnderTheInlineLedger) {
  for (const Kind& kind : kKinds) CheckKind(SettingsFor(LedgerSetting::kInline), kind);
}

}  // namespace clustor::test
