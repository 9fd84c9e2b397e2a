// The workloads whose crashes are examined, and the settings they run under.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "crash_images_history.h"
#include "fault_env.h"
#include "log_fixture.h"
#include "wal/log.h"

namespace clustor::test {

// One choice from the matrix of settings that decide what is on the disk.
struct CrashSettings {
  Durability durability = Durability::kStrict;
  LedgerSetting ledger = LedgerSetting::kOrdered;
  LedgerCodec ledger_codec = LedgerCodec::kBinary;
  LogEncoding encoding = LogEncoding::kBinary;
  bool merkle_leaves = false;
  bool encrypted = false;
  bool trailers = false;
  uint32_t block_alignment = 4096;

  static CrashSettings Random(std::mt19937_64* random);
  LogOptions Options() const;
  std::string Describe() const;
};

enum class Workload : uint8_t {
  kFirstOpen,
  kAppends,
  kGroups,
  kHardStates,
  kTruncateSuffix,
  kTruncatePrefix,
  kRotation,
  kLedgerSwitch,
  kRestarts,
  kShortage,
  kCrashes,
  kRewrite,
  kWhole,
  kMixed,
};
inline constexpr size_t kWorkloads = 14;
const char* NameOf(Workload workload);

// A log at work over a FaultEnv. Before every call that changes the disk a crash point is taken.
class CrashRun {
 public:
  CrashRun(const CrashSettings& settings, uint64_t seed);

  // Runs the workload; a run has at most kPointsMax points. Call once.
  void Run(Workload workload);
  // After faults: closes the log, whatever state it is in, and takes the last point without them.
  void Finish();
  // For faults, before Run.
  FaultEnv* env() { return env_.get(); }

  const History& history() const { return history_; }
  const LogOptions& options() const { return options_; }

  static constexpr size_t kPointsMax = 1500;

 private:
  bool Open();
  void Close();
  // The machine starts again with this; nothing is open.
  void Use(std::unique_ptr<FaultEnv> env);
  // Opens after a crash and goes on from what recovery settled on.
  bool Recover();
  void TakePoint();
  void NoteCompletions();
  // Submits a write and takes the state after it down.
  void Submit(Write write, LogState next);
  void Append(size_t count, size_t payload_bytes_max);
  void Vote();
  void TruncateSuffix(bool replace);
  void CutPrefix();
  void Commit();
  // Lets the log idle, as long as it waits before it confirms its newest block.
  void Idle();
  void Step();
  void Fill(size_t appends, size_t payload_bytes);
  void RunShortage();
  void RunCrashes();
  void CrashInRecovery();
  void RunLedgerSwitch();
  void RunRewrite();
  void RunWhole();
  // What the next write stands on: everything before it that was not refused.
  const LogState& last_state() const;

  const LogOptions options_;
  const std::shared_ptr<const KeyRing> rewrite_keys_;
  std::mt19937_64 random_;
  std::unique_ptr<FaultEnv> env_;
  Recorder recorder_;
  std::unique_ptr<Log> log_;
  History history_;
  bool recording_ = true;
  uint64_t term_ = 1;
  // Every second run writes entries of one size: blocks of the same shape at the same places.
  bool uniform_ = false;
  size_t opened_at_ = 0;  // The state that the log was opened with.
  size_t completed_ = 0;
  size_t noted_ = 0;  // The state of the newest completion.
  uint64_t durable_block_ = 0;
  size_t completions_seen_ = 0;
  uint64_t first_index_min_ = 1;
  uint64_t first_index_max_ = 1;
};

}  // namespace clustor::test
