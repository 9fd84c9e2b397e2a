#include "crash_images_workload.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "crash_images_disk.h"
#include "crypto/key_ring.h"
#include "wal/rewrite.h"

namespace clustor::test {

namespace {

constexpr const char* kNames[kWorkloads] = {"first open",
                                            "appends, one at a time",
                                            "appends, grouped",
                                            "hard states",
                                            "truncateSuffix",
                                            "truncatePrefix",
                                            "rotation",
                                            "ledger switch",
                                            "restarts",
                                            "shortage",
                                            "crashes in recovery",
                                            "rewrite",
                                            "a bit of all",
                                            "mixed"};

// So much of the ledger is left when the workload that switches it is looked at.
constexpr uint64_t kLedgerBytesLeft = 8 * 2 * 192;
constexpr size_t kAppendsToSwitchMax = 600;

// Errors that promise that nothing of the write is left (wal/log.h).
bool IsRefusal(StatusCode code) {
  return code == StatusCode::kDiskFull || code == StatusCode::kQuotaExceeded ||
         code == StatusCode::kTooManyFiles || code == StatusCode::kTooLarge ||
         code == StatusCode::kInvalidArgument || code == StatusCode::kClosed ||
         code == StatusCode::kOutOfMemory;
}

std::shared_ptr<const KeyRing> KeysOf(const CrashSettings& settings, uint32_t epoch) {
  if (!settings.encrypted && !settings.trailers) return nullptr;
  auto ring = std::make_shared<KeyRing>();
  for (uint8_t e = 1; e <= 2; ++e) {
    std::array<std::byte, kKeyBytes> key;
    key.fill(std::byte{e});
    ring->AddDek(e, key);
    key.fill(static_cast<std::byte>(e + 100));
    ring->AddMac(e, key);
  }
  ring->SetActive(settings.encrypted ? epoch : 0, settings.trailers ? epoch : 0);
  return ring;
}

}  // namespace

const char* NameOf(Workload workload) { return kNames[static_cast<size_t>(workload)]; }

CrashSettings CrashSettings::Random(std::mt19937_64* random) {
  CrashSettings settings;
  settings.durability = static_cast<Durability>((*random)() % 2);
  settings.ledger = static_cast<LedgerSetting>((*random)() % 3);
  settings.ledger_codec = (*random)() % 4 == 0 ? LedgerCodec::kJson : LedgerCodec::kBinary;
  settings.encoding = (*random)() % 4 == 0 ? LogEncoding::kJson : LogEncoding::kBinary;
  settings.merkle_leaves = (*random)() % 4 == 0;
  settings.encrypted = (*random)() % 3 == 0;
  settings.trailers = (*random)() % 3 == 0;
  settings.block_alignment = (*random)() % 2 == 0 ? 4096 : 512;
  return settings;
}

LogOptions CrashSettings::Options() const {
  LogOptions options = SmallOptions();
  options.verify_threads = 1;
  options.durability = durability;
  options.ledger = ledger;
  options.ledger_codec = ledger_codec;
  options.encoding = encoding;
  options.merkle_leaves = merkle_leaves;
  options.keys = KeysOf(*this, 1);
  options.headroom_bytes = 64 << 10;
  options.block_alignment = block_alignment;
  options.group_bytes_max = 20'000;
  return options;
}

std::string CrashSettings::Describe() const {
  constexpr const char* kLedgers[] = {"ordered", "overlapped", "inline"};
  std::string text = durability == Durability::kStrict ? "strict" : "group";
  text += std::string(", ") + kLedgers[static_cast<size_t>(ledger)];
  if (ledger_codec == LedgerCodec::kJson) text += ", json ledger";
  if (encoding == LogEncoding::kJson) text += ", json";
  if (merkle_leaves) text += ", leaves";
  if (encrypted) text += ", encrypted";
  if (trailers) text += ", trailers";
  return text + ", alignment " + std::to_string(block_alignment);
}

CrashRun::CrashRun(const CrashSettings& settings, uint64_t seed)
    : options_(settings.Options()), rewrite_keys_(KeysOf(settings, 2)), random_(seed) {
  uniform_ = random_() % 2 == 0;
  Use(std::make_unique<FaultEnv>());
}

void CrashRun::Use(std::unique_ptr<FaultEnv> env) {
  log_.reset();
  env_ = std::move(env);
  env_->OnChange([this] { TakePoint(); });
}

void CrashRun::TakePoint() {
  NoteCompletions();
  if (!recording_ || history_.points.size() == kPointsMax) return;
  CrashPoint point;
  point.disk = env_->Freeze();
  point.completed = completed_;
  point.submitted = history_.states.size() - 1;
  if (log_ != nullptr) durable_block_ = log_->Stats().durable_block;
  point.durable_block = durable_block_;
  point.first_index_min = first_index_min_;
  point.first_index_max = first_index_max_;
  history_.points.push_back(std::move(point));
}

void CrashRun::NoteCompletions() {
  if (log_ == nullptr) return;
  for (; completions_seen_ < recorder_.completions.size(); ++completions_seen_) {
    const Completion& completion = recorder_.completions[completions_seen_];
    const size_t state = opened_at_ + static_cast<size_t>(completion.through_sequence);
    if (completion.status.ok()) {
      const uint64_t block = log_->Stats().durable_block;
      for (size_t i = noted_ + 1; i <= state; ++i) history_.states[i].block = block;
      completed_ = state;
    } else {
      // A refused write is gone for good; with any other failure nobody knows.
      const bool refused = IsRefusal(completion.status.code());
      for (size_t i = noted_ + 1; refused && i <= state; ++i) {
        history_.states[i].refused_at = history_.points.size();
      }
    }
    noted_ = state;
  }
}

bool CrashRun::Open() {
  StatusOr<std::unique_ptr<Log>> opened = Log::Open(env_.get(), options_, nullptr, &recorder_);
  if (!opened.ok()) return false;
  recorder_.completions.clear();
  completions_seen_ = 0;
  opened_at_ = noted_ = history_.states.size() - 1;
  log_ = std::move(*opened);
  return true;
}

void CrashRun::Close() {
  Commit();
  log_.reset();
}

const LogState& CrashRun::last_state() const {
  size_t state = history_.states.size() - 1;
  while (state > 0 && history_.states[state].refused_at != SIZE_MAX) --state;
  return history_.states[state];
}

void CrashRun::Submit(Write write, LogState next) {
  next.block = 0;
  next.refused_at = SIZE_MAX;
  history_.states.push_back(std::move(next));
  log_->Submit(std::move(write));
}

void CrashRun::Append(size_t count, size_t payload_bytes_max) {
  std::vector<Entry> entries;
  for (size_t i = 0; i < count; ++i) {
    const size_t any_bytes = static_cast<size_t>(random_() % (payload_bytes_max + 1));
    std::string payload(uniform_ ? payload_bytes_max : any_bytes, 'p');
    for (char& c : payload) c = static_cast<char>('a' + random_() % 26);
    // W05: payloads that end in zeros are no sign of a torn write.
    if (!uniform_ && random_() % 8 == 0) payload.append(700, '\0');
    entries.push_back({term_, static_cast<uint8_t>(random_() % 2), std::move(payload)});
  }
  LogState next = last_state();
  Write write;
  write.frames = BatchOf(next.frames.size() + 1, entries);
  const char* at = reinterpret_cast<const char*>(write.frames->bytes.data());
  for (const uint32_t bytes : write.frames->byte_lengths) {
    next.frames.push_back(&history_.frames.emplace_back(at, bytes));
    at += bytes;
  }
  Submit(std::move(write), std::move(next));
}

void CrashRun::Vote() {
  LogState next = last_state();
  next.hard_state = {++term_, random_() % 4, next.hard_state.commit_index};
  Write write;
  write.hard_state = next.hard_state;
  Submit(std::move(write), std::move(next));
}

void CrashRun::TruncateSuffix(bool replace) {
  LogState next = last_state();
  const uint64_t last = next.frames.size();
  const uint64_t from =
      std::max(first_index_max_ + 1, last + 1 - std::min<uint64_t>(last, random_() % 10));
  if (from > last + 1) return;
  next.frames.resize(static_cast<size_t>(from - 1));
  Write write;
  write.truncate_from = from;
  if (random_() % 4 != 0) ++term_;
  Submit(std::move(write), std::move(next));
  if (replace) Append(1 + random_() % 3, 300);
}

void CrashRun::CutPrefix() {
  Commit();
  const uint64_t last = log_->Stats().last_index;
  if (last < 6) return;
  const uint64_t before = last - random_() % 4;
  first_index_max_ = std::max(first_index_max_, before);
  if (!log_->TruncatePrefix(before).ok()) return;
  first_index_min_ = first_index_max_ = log_->Stats().first_index;
}

// Not so far that the newest block is confirmed: Idle does that.
void CrashRun::Commit() {
  while (log_->Stats().queued_writes > 0) log_->Pump();
  NoteCompletions();
}

void CrashRun::Idle() {
  env_->AdvanceClock(uint64_t{options_.ledger_confirm_ms + 1} * 1'000'000);
  while (log_->Pump()) {
  }
  NoteCompletions();
}

void CrashRun::Step() {
  const uint64_t dice = random_() % 16;
  if (dice == 0) return Vote();
  if (dice == 1) return TruncateSuffix(random_() % 2 == 0);
  if (dice == 2) return CutPrefix();
  if (dice == 3) return Idle();
  Append(1 + random_() % 3, random_() % 4 == 0 ? 9'000 : 200);
  if (random_() % 3 != 0) Commit();
}

void CrashRun::Fill(size_t appends, size_t payload_bytes) {
  for (size_t i = 0; i < appends; ++i) {
    Append(1, payload_bytes);
    Commit();
  }
}

void CrashRun::RunLedgerSwitch() {
  recording_ = false;
  const uint64_t full = options_.ledger_bytes_max - kLedgerBytesLeft;
  for (size_t i = 0; i < kAppendsToSwitchMax; ++i) {
    if (log_->Stats().ledger_bytes > full + random_() % 1024) break;
    Fill(1, 20);
    // Without proofs of its own the ledger fills with confirmations.
    if (options_.ledger == LedgerSetting::kInline) Idle();
  }
  recording_ = true;
  for (int i = 0; i < 24; ++i) {
    Fill(1, 20);
    if (random_() % 3 == 0) Idle();
  }
}

// W5: a refused write leaves no trace, whenever the machine fails after that.
void CrashRun::RunShortage() {
  Fill(3, 200);
  // So that the files are open under the names they have.
  Close();
  if (!Open()) return;
  for (int i = 0; i < 4; ++i) {
    env_->OnlyOn(random_() % 2 == 0 ? "segment-" : "durability");
    env_->FailCall(Call::kWrite, 1, ENOSPC, false, static_cast<size_t>(random_() % 900));
    const size_t before = history_.states.size() - 1;
    Append(1 + random_() % 2, 600);
    Commit();
    env_->ClearFaults();
    // What comes next stands on the log without the refused write.
    LogState without = history_.states[before];
    if (completed_ <= before) {
      without.hard_state.term = ++term_;
      Write write;
      write.hard_state = without.hard_state;
      Submit(std::move(write), std::move(without));
    }
    Fill(2, 200);
  }
}

// A crash that takes the newest page of the ledger along, then crashes in the recoveries after it:
// they must not endanger blocks that were acknowledged and are no longer proven.
void CrashRun::RunCrashes() {
  Fill(4 + random_() % 3, 300);
  for (int i = 0; i < 3; ++i) {
    env_->OnlyOn("durability");
    env_->FailCall(Call::kWrite, 1, EIO, false, kLedgerRecordBytes);
    Append(1, 300);
    Commit();
    env_->ClearFaults();
    log_.reset();
    const DiskState state = env_->Freeze();
    const CrashDisk disk(state, UnitBytes::k4096, {});
    CrashPlan plan(disk.units().size(), Fate::kNew);
    for (size_t u = 0; u < plan.size(); ++u) {
      if (disk.units()[u].is_ledger) plan[u] = random_() % 2 == 0 ? Fate::kGarbage : Fate::kZero;
    }
    Use(disk.Boot(plan, &random_));
    for (uint64_t crashes = random_() % 4; crashes > 0; --crashes) CrashInRecovery();
    if (!Recover()) return;
    Fill(1 + random_() % 3, 300);
  }
}

void CrashRun::CrashInRecovery() {
  // Mostly where recovery writes to the log, which is not what it begins with.
  uint64_t changes = 0;
  {
    const std::unique_ptr<FaultEnv> whole = env_->Copy();
    const auto opened = Log::Open(whole.get(), options_, nullptr, &recorder_);
    changes = opened.ok() ? whole->changes() : 1;
  }
  env_->PowerOffAfter(changes - random_() % std::min<uint64_t>(changes, 18));
  { const auto opened = Log::Open(env_.get(), options_, nullptr, &recorder_); }
  const DiskState state = env_->Freeze();
  const CrashDisk disk(state, random_() % 2 == 0 ? UnitBytes::k512 : UnitBytes::k4096, {});
  Use(disk.Boot(disk.RandomPlan(&random_), &random_));
}

bool CrashRun::Recover() {
  if (!Open()) return false;
  const StatusOr<FoundLog> found = ReadFound(log_.get());
  if (!found.ok()) return false;
  size_t state = history_.states.size() - 1;
  while (state > completed_ && !IsState(*found, history_.states[state])) --state;
  if (!IsState(*found, history_.states[state])) return false;
  for (size_t gone = state + 1; gone < history_.states.size(); ++gone) {
    history_.states[gone].refused_at = history_.points.size();
  }
  LogState settled = history_.states[state];
  settled.refused_at = SIZE_MAX;
  history_.states.push_back(std::move(settled));
  completed_ = opened_at_ = noted_ = history_.states.size() - 1;
  return true;
}

// A rewrite under other keys, in another encoding: before the flip the old log, after it the new.
void CrashRun::RunRewrite() {
  Fill(6 + random_() % 4, 9'000);
  Vote();
  TruncateSuffix(true);
  Commit();
  Close();
  LogOptions options = options_;
  options.keys = rewrite_keys_;
  options.merkle_leaves = random_() % 2 == 0;
  options.encoding = random_() % 2 == 0 ? LogEncoding::kJson : LogEncoding::kBinary;
  if (!RewriteDirectory(env_.get(), options).ok()) return;
  if (Open()) Fill(2, 300);
}

void CrashRun::RunWhole() {
  Fill(2, 300);
  Vote();
  Commit();
  TruncateSuffix(true);
  Fill(6, 20'000);
  CutPrefix();
  Idle();
  Close();
  if (!Open()) return;
  Fill(2, 200);
}

void CrashRun::Run(Workload workload) {
  if (!Open()) return;
  switch (workload) {
    case Workload::kFirstOpen:
      Fill(2, 100);
      break;
    case Workload::kAppends:
      Fill(10, 1'500);
      break;
    case Workload::kGroups:
      for (int i = 0; i < 6; ++i) {
        for (int j = 0; j < 4; ++j) Append(1 + random_() % 3, 900);
        Commit();
      }
      break;
    case Workload::kHardStates:
      for (int i = 0; i < 8; ++i) {
        Vote();
        if (i % 3 == 0) Append(1, 100);
        Commit();
      }
      break;
    case Workload::kTruncateSuffix:
      for (int i = 0; i < 8; ++i) {
        Fill(2, 300);
        TruncateSuffix(i % 2 == 0);
        Commit();
      }
      break;
    case Workload::kTruncatePrefix:
      for (int i = 0; i < 4; ++i) {
        Fill(7, 20'000);
        CutPrefix();
      }
      break;
    case Workload::kRotation:
      Fill(12, 20'000);
      break;
    case Workload::kLedgerSwitch:
      RunLedgerSwitch();
      break;
    case Workload::kRestarts:
      for (int i = 0; i < 5; ++i) {
        Fill(2, 400);
        Close();
        if (!Open()) return;
      }
      break;
    case Workload::kShortage:
      RunShortage();
      break;
    case Workload::kCrashes:
      RunCrashes();
      break;
    case Workload::kRewrite:
      RunRewrite();
      break;
    case Workload::kWhole:
      RunWhole();
      break;
    case Workload::kMixed:
      for (int i = 0; i < 60; ++i) Step();
      break;
  }
  if (log_ == nullptr) return;
  Idle();
  Close();
  TakePoint();
}

void CrashRun::Finish() {
  if (log_ != nullptr) Close();
  env_->ClearFaults();
  // Whatever the history holds so far, this point is the last.
  if (history_.points.size() == kPointsMax) history_.points.pop_back();
  TakePoint();
}

}  // namespace clustor::test
