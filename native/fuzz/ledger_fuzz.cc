// The durability ledger as a file: ScanLedger, and the codec of a record.
#include "base/coding.h"
#include "fuzz_target.h"
#include "repair.h"
#include "wal/ledger_codec.h"
#include "wal/ledger_scan.h"

namespace clustor::fuzz {

namespace {

StatusOr<LedgerScan> ScanBytes(const Bytes& bytes) {
  test::FaultEnv env;
  const std::unique_ptr<File> file = OpenBytes(&env, bytes);
  return ScanLedger(file.get(), "/file");
}

void CheckSlots(LedgerCodec codec, const Bytes& bytes) {
  const size_t slot_bytes = LedgerSlotBytes(codec);
  for (size_t at = 0; at + slot_bytes <= bytes.size(); at += slot_bytes) {
    const auto slot = std::span(bytes).subspan(at, slot_bytes);
    LedgerRecord record;
    if (!DecodeLedgerSlot(codec, slot, &record)) continue;
    Bytes rebuilt(slot_bytes);
    EncodeLedgerSlot(codec, record, rebuilt.data());
    HOLDS(Equal(rebuilt, slot));
  }
}

void CheckScan(const LedgerScan& scan, const Bytes& bytes) {
  HOLDS(scan.records > 0);
  HOLDS(scan.file_bytes == bytes.size());
  HOLDS(scan.end_offset <= bytes.size() && scan.end_offset <= scan.nonzero_end);
  HOLDS(scan.nonzero_end <= bytes.size());
  HOLDS(scan.records + scan.records_bad <= bytes.size() / LedgerSlotBytes(scan.codec) + 1);
  HOLDS(scan.proven_block <= kPositionMax + scan.records);
  HOLDS(scan.prefix_segment > 0 && scan.prefix_segment <= kPositionMax);
  HOLDS(scan.prefix_index > 0 && scan.prefix_index <= kPositionMax);
}

void Scan(const Bytes& bytes) {
  CheckSlots(LedgerCodec::kBinary, bytes);
  CheckSlots(LedgerCodec::kJson, bytes);
  const StatusOr<LedgerScan> scan = ScanBytes(bytes);
  if (!scan.ok()) {
    HOLDS(scan.status().code() == StatusCode::kLogCorrupt);
    return;
  }
  CheckScan(*scan, bytes);
  // Unused slots behind the records say nothing.
  const size_t slot_bytes = LedgerSlotBytes(scan->codec);
  if (bytes.size() % slot_bytes != 0) return;
  Bytes longer = bytes;
  longer.resize(bytes.size() + 10 * slot_bytes);
  const StatusOr<LedgerScan> same = ScanBytes(longer);
  HOLDS(same.ok());
  HOLDS(same->end_offset == scan->end_offset && same->records == scan->records);
  HOLDS(same->proven_block == scan->proven_block);
}

void Run(std::span<const std::byte> input) {
  Bytes bytes(input.begin(), input.end());
  Scan(bytes);
  RepairLedger(bytes);
  Scan(bytes);
}

class LedgerMaker {
 public:
  explicit LedgerMaker(LedgerCodec codec) : codec_(codec) {}

  void Add(LedgerTag tag, uint64_t term, uint64_t index, uint64_t segment_seq) {
    const size_t at = bytes_.size();
    bytes_.resize(at + LedgerSlotBytes(codec_));
    EncodeLedgerSlot(codec_,
                     {term, index, segment_seq, static_cast<uint8_t>(tag), 1'784'000'000'000},
                     bytes_.data() + at);
  }
  const Bytes& bytes() const { return bytes_; }

 private:
  const LedgerCodec codec_;
  Bytes bytes_;
};

std::vector<Bytes> Seeds() {
  std::vector<Bytes> seeds;
  for (const LedgerCodec codec : {LedgerCodec::kBinary, LedgerCodec::kJson}) {
    LedgerMaker ledger(codec);
    ledger.Add(LedgerTag::kTransition, 0, 1, 0);
    ledger.Add(LedgerTag::kPrefix, 0, 1, 1);
    ledger.Add(LedgerTag::kEntryOrdered, 1, 3, 1);
    ledger.Add(LedgerTag::kBlock, 1, 3, 1);
    seeds.push_back(ledger.bytes());
    ledger.Add(LedgerTag::kNonceReservation, 0, 8192, 1);
    ledger.Add(LedgerTag::kEntryOverlapped, 1, 5, 1);
    ledger.Add(LedgerTag::kClaim, 2, 5, 1);
    ledger.Add(LedgerTag::kEntryInline, 1, 6, 1);
    ledger.Add(LedgerTag::kNonceAbandon, 3, 8189, 1);
    ledger.Add(LedgerTag::kBlock, 3, 6, 1);
    seeds.push_back(ledger.bytes());
    seeds.back().resize(seeds.back().size() - 20);
  }
  return seeds;
}

FUZZ_TARGET("ledger", Run, Seeds);

}  // namespace

}  // namespace clustor::fuzz
