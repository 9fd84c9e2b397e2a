// A whole directory: verification, dumps and recovery agree, a refusal changes nothing, and what
// opens can be read, written and opened again.
#include <algorithm>

#include "base/coding.h"
#include "fuzz_target.h"
#include "repair.h"
#include "seed_log.h"
#include "segment_input.h"
#include "wal/identity.h"
#include "wal/inspect.h"
#include "wal/ledger_codec.h"

namespace clustor::fuzz {

namespace {

constexpr size_t kSegmentsMax = 4;
constexpr size_t kLedgerRecordsMax = 64;
constexpr uint8_t kRepairLedgerBit = 1;
constexpr uint8_t kJsonLedger = 4;
constexpr uint8_t kWithKeys = 8;
constexpr uint8_t kRepairOrder = 2;  // Segments are 1, 2, 3, ... and their chain is one.

// A control byte, a count of ledger records, the records, then per segment its bytes (u16) and its
// input.
void Expand(std::span<const std::byte> input, test::LogFixture* log) {
  if (input.size() < 2) return;
  const auto control = static_cast<uint8_t>(input[0]);
  if ((control & kWithKeys) != 0) log->options.keys = SeedKeys();
  const bool json = (control & kJsonLedger) != 0;
  log->options.ledger_codec = json ? LedgerCodec::kJson : LedgerCodec::kBinary;
  const size_t slot_bytes = LedgerSlotBytes(log->options.ledger_codec);
  const size_t ledger_bytes =
      std::min(static_cast<size_t>(input[1]) % kLedgerRecordsMax * slot_bytes, input.size() - 2);
  Bytes ledger(input.begin() + 2, input.begin() + 2 + static_cast<ptrdiff_t>(ledger_bytes));
  if ((control & kRepairLedgerBit) != 0) RepairLedger(ledger);
  ledger.resize(log->options.ledger_bytes_max);
  log->env->SetBytes(log->LedgerPath(), ledger);
  input = input.subspan(2 + ledger_bytes);
  ChainEnd end;
  for (uint64_t seq = 1; seq <= kSegmentsMax && input.size() > 2; ++seq) {
    const size_t bytes = std::min<size_t>(Load16(input.data()), input.size() - 2);
    const bool in_order = (control & kRepairOrder) != 0;
    const Bytes file =
        ExpandSegment(input.subspan(2, bytes), in_order ? seq : 0, in_order ? &end : nullptr);
    log->env->SetBytes(log->SegmentPath(seq), file);
    input = input.subspan(2 + bytes);
  }
}

void CheckDump(test::LogFixture* log) {
  StatusOr<std::unique_ptr<DumpIterator>> dump =
      DumpIterator::Open(log->env.get(), log->options.directory, "", log->options.keys);
  HOLDS(dump.ok());
  for (uint64_t items = 0;; ++items) {
    const StatusOr<std::optional<DumpItem>> item = (*dump)->Next();
    HOLDS(item.ok());
    if (!item->has_value()) return;
    HOLDS(items < 100'000);
  }
}

// A refusal leaves segments and ledger as they were.
void CheckUnchanged(const test::FaultEnv& before, const test::FaultEnv& now) {
  for (const std::string& name : before.Names()) {
    if (name.find("/wal/") == std::string::npos) continue;
    HOLDS(now.Has(name));
    HOLDS(before.Bytes(name) == now.Bytes(name));
  }
}

void CheckGoesOn(test::LogFixture* log) {
  const std::vector<test::Entry> found = log->ReadAll();
  HOLDS(!test::CurrentTestFailed());
  const HardState hard_state = log->log->recovery().hard_state;
  const LogStats stats = log->log->Stats();
  // At the end of what positions can count nothing can be added.
  if (stats.last_index >= kPositionMax - 8 || stats.durable_block >= kPositionMax - 8) return;
  log->term = std::max<uint64_t>(stats.durable_term, 1);
  HOLDS(log->Append("more").ok());
  if (!log->Reopen()) Violated(__FILE__, __LINE__, log->open_status.message().c_str());
  std::vector<test::Entry> expected = found;
  expected.push_back({log->term, 0, "more"});
  HOLDS(log->ReadAll() == expected);
  const HardState again = log->log->recovery().hard_state;
  HOLDS(again.term == hard_state.term && again.vote == hard_state.vote &&
        again.commit_index == hard_state.commit_index);
}

void Run(std::span<const std::byte> input) {
  test::LogFixture log;
  const std::string identity = FormatIdentity({"c1", "orders", 1, 5}, 1);
  log.env->SetBytes(PathsOf(log.options.directory, "").Identity(),
                    {AsBytes(identity).begin(), AsBytes(identity).end()});
  Expand(input, &log);
  const std::unique_ptr<test::FaultEnv> before = log.env->Copy();
  const StatusOr<VerifyReport> report =
      VerifyDirectory(log.env.get(), log.options.directory, "", log.options.keys);
  HOLDS(report.ok());
  HOLDS(log.env->SameAs(*before));
  if (log.env->Has(log.LedgerPath())) CheckDump(&log);
  const bool opened = log.Open();
  // Verification takes the ledger in the codec that it has, Open in the one that is set.
  HOLDS(report->verdict.code() == log.open_status.code() ||
        log.open_status.code() == StatusCode::kCodecMismatch);
  if (!opened) return CheckUnchanged(*before, *log.env);
  CheckGoesOn(&log);
}

Bytes InputOf(const test::LogFixture& log) {
  const bool json = log.options.ledger_codec == LedgerCodec::kJson;
  const Bytes ledger = log.env->Bytes(log.LedgerPath());
  const size_t slot_bytes = LedgerSlotBytes(log.options.ledger_codec);
  Bytes records;
  LedgerRecord record;
  for (size_t at = 0; at + slot_bytes <= ledger.size(); at += slot_bytes) {
    const auto slot = std::span(ledger).subspan(at, slot_bytes);
    if (!DecodeLedgerSlot(log.options.ledger_codec, slot, &record)) continue;
    Append(&records, slot);
  }
  Bytes input(2);
  input[0] =
      static_cast<std::byte>(kRepairLedgerBit | kRepairOrder | (json ? kJsonLedger : uint8_t{0}) |
                             (log.options.keys != nullptr ? kWithKeys : uint8_t{0}));
  input[1] = static_cast<std::byte>(records.size() / slot_bytes);
  Append(&input, records);
  for (uint64_t seq = 1; log.env->Has(log.SegmentPath(seq)); ++seq) {
    const Bytes compact = CompactSegment(log.env->Bytes(log.SegmentPath(seq)));
    input.resize(input.size() + 2);
    Store16(input.data() + input.size() - 2, static_cast<uint16_t>(compact.size()));
    Append(&input, compact);
  }
  return input;
}

std::vector<Bytes> Seeds() {
  std::vector<Bytes> seeds;
  for (const LogOptions& options : SeedOptions()) {
    test::LogFixture log(options);
    WriteSeedLog(&log);
    seeds.push_back(InputOf(log));
  }
  test::LogFixture rotated;
  WriteSeedLog(&rotated);
  HOLDS(rotated.Open());
  rotated.term = 2;
  for (int i = 0; i < 12; ++i) HOLDS(rotated.Append(std::to_string(i)).ok());
  rotated.Close();
  HOLDS(rotated.env->Has(rotated.SegmentPath(2)));
  seeds.push_back(InputOf(rotated));
  return seeds;
}

FUZZ_TARGET("directory", Run, Seeds);

}  // namespace

}  // namespace clustor::fuzz
