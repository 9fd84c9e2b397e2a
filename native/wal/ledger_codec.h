// How a record of the durability ledger is stored: slots of a fixed size, one record each
// (docs/wal-format.md, section 6).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "wal/format.h"
#include "wal/options.h"

namespace clustor {

inline constexpr size_t kLedgerJsonSlotBytes = 192;
inline constexpr size_t kLedgerSlotBytesMax = kLedgerJsonSlotBytes;

constexpr size_t LedgerSlotBytes(LedgerCodec codec) {
  return codec == LedgerCodec::kJson ? kLedgerJsonSlotBytes : kLedgerRecordBytes;
}

// "binary" or "json".
const char* LedgerCodecName(LedgerCodec codec);

// Fills the slot. REQUIRES: LedgerSlotBytes(codec) bytes at `into`.
void EncodeLedgerSlot(LedgerCodec codec, const LedgerRecord& record, std::byte* into);

// False unless the slot is, byte for byte, what EncodeLedgerSlot makes of a record with positions
// up to kPositionMax. Bounded by the slot; a slot that is cut off is no record.
bool DecodeLedgerSlot(LedgerCodec codec, std::span<const std::byte> slot, LedgerRecord* record);

// Records that later writes must not endanger stand on pages of their own.
inline constexpr uint64_t kLedgerPageBytes = 4096;

// The first slot that begins on a page after everything below offset.
uint64_t NextLedgerPageSlot(uint64_t offset, size_t slot_bytes);

}  // namespace clustor
