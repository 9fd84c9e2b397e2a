#include "wal/ledger_codec.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <string_view>

#include "base/coding.h"

namespace clustor {

namespace {

constexpr size_t kCrcOffset = kLedgerRecordBytes - 4;

// The object of a json slot: these, with the values between them.
constexpr std::string_view kTerm = "{\"term\":\"";
constexpr std::string_view kIndex = "\",\"index\":\"";
constexpr std::string_view kSegment = "\",\"segment_seq\":\"";
constexpr std::string_view kIoMode = "\",\"io_mode\":";
constexpr std::string_view kTimestamp = ",\"timestamp_ms\":\"";
constexpr std::string_view kCrc = "\",\"record_crc32c\":\"";
constexpr std::string_view kEnd = "\"}";
constexpr size_t kDigitsMax = 20;
constexpr size_t kCrcDigits = 8;
static_assert(kTerm.size() + kIndex.size() + kSegment.size() + kIoMode.size() + kTimestamp.size() +
                  kCrc.size() + kEnd.size() + 4 * kDigitsMax + 3 + kCrcDigits <
              kLedgerJsonSlotBytes);

class SlotWriter {
 public:
  explicit SlotWriter(char* to) : to_(to) {}

  SlotWriter& Text(std::string_view text) {
    to_ = std::copy(text.begin(), text.end(), to_);
    return *this;
  }
  SlotWriter& Decimal(uint64_t value) {
    to_ = std::to_chars(to_, to_ + kDigitsMax, value).ptr;
    return *this;
  }
  SlotWriter& Hex(uint32_t value) {
    for (int shift = 28; shift >= 0; shift -= 4) *to_++ = "0123456789abcdef"[value >> shift & 15];
    return *this;
  }

 private:
  char* to_;
};

// Takes values from where they stand in a slot that EncodeLedgerSlot made. Does not need to be
// strict: what was read is written again and compared.
class SlotReader {
 public:
  explicit SlotReader(std::string_view text) : text_(text) {}

  bool Text(std::string_view expected) {
    if (!text_.starts_with(expected)) return false;
    text_.remove_prefix(expected.size());
    return true;
  }
  bool Decimal(uint64_t* value) {
    const std::string_view digits = text_.substr(0, kDigitsMax);
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), *value);
    if (parsed.ec != std::errc()) return false;
    text_.remove_prefix(static_cast<size_t>(parsed.ptr - digits.data()));
    return true;
  }

 private:
  std::string_view text_;
};

void EncodeJson(const LedgerRecord& record, std::byte* into) {
  // The checksum of both codecs is that of the binary record.
  std::array<std::byte, kLedgerRecordBytes> binary;
  EncodeLedgerRecord(record, binary.data());
  char* const text = reinterpret_cast<char*>(into);
  std::memset(text, ' ', kLedgerJsonSlotBytes - 1);
  text[kLedgerJsonSlotBytes - 1] = '\n';
  SlotWriter(text)
      .Text(kTerm)
      .Decimal(record.term)
      .Text(kIndex)
      .Decimal(record.index)
      .Text(kSegment)
      .Decimal(record.segment_seq)
      .Text(kIoMode)
      .Decimal(record.io_mode)
      .Text(kTimestamp)
      .Decimal(record.timestamp_ms)
      .Text(kCrc)
      .Hex(Load32(binary.data() + kCrcOffset))
      .Text(kEnd);
}

bool DecodeJson(std::span<const std::byte> slot, LedgerRecord* record) {
  SlotReader reader({reinterpret_cast<const char*>(slot.data()), slot.size()});
  uint64_t io_mode = 0;
  if (!reader.Text(kTerm) || !reader.Decimal(&record->term) || !reader.Text(kIndex) ||
      !reader.Decimal(&record->index) || !reader.Text(kSegment) ||
      !reader.Decimal(&record->segment_seq) || !reader.Text(kIoMode) || !reader.Decimal(&io_mode) ||
      io_mode > UINT8_MAX || !reader.Text(kTimestamp) || !reader.Decimal(&record->timestamp_ms)) {
    return false;
  }
  record->io_mode = static_cast<uint8_t>(io_mode);
  std::array<std::byte, kLedgerJsonSlotBytes> canonical;
  EncodeJson(*record, canonical.data());
  return std::equal(slot.begin(), slot.end(), canonical.begin(), canonical.end());
}

}  // namespace

const char* LedgerCodecName(LedgerCodec codec) {
  return codec == LedgerCodec::kJson ? "json" : "binary";
}

void EncodeLedgerSlot(LedgerCodec codec, const LedgerRecord& record, std::byte* into) {
  if (codec == LedgerCodec::kJson) {
    EncodeJson(record, into);
  } else {
    EncodeLedgerRecord(record, into);
  }
}

bool DecodeLedgerSlot(LedgerCodec codec, std::span<const std::byte> slot, LedgerRecord* record) {
  if (slot.size() != LedgerSlotBytes(codec)) return false;
  const bool verifies = codec == LedgerCodec::kJson ? DecodeJson(slot, record)
                                                    : DecodeLedgerRecord(slot.data(), record);
  return verifies && record->term <= kPositionMax && record->index <= kPositionMax &&
         record->segment_seq <= kPositionMax;
}

uint64_t NextLedgerPageSlot(uint64_t offset, size_t slot_bytes) {
  const uint64_t page = AlignUp(offset, kLedgerPageBytes);
  return (page + slot_bytes - 1) / slot_bytes * slot_bytes;
}

}  // namespace clustor
