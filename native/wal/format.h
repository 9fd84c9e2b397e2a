// The bytes of the log: docs/wal-format.md, sections 3, 4 and 6, as constants and codecs.
//
// Layout of a segment: header block of 4096 bytes, then blocks at multiples of the block alignment,
// then zeros. Validity: a block counts when its header CRC, its place in the chain (segment_seq,
// number, previous checksum) and its checksum over header and frames all hold. Torn writes: any
// subset of the 512-byte sectors of an unsynced block may be new, old, zero or garbage, so a block
// is valid whole or not at all. Versions: a magic with a higher version is refused before anything
// is changed; every change of a byte here raises kFormatVersion.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/crc_lanes.h"
#include "base/status.h"
#include "wal/hard_state.h"

namespace clustor {

inline constexpr uint32_t kFormatVersion = 1;

// Segment header.
inline constexpr size_t kSegmentHeaderBytes = 4096;
inline constexpr uint64_t kSegmentMagic = 0x4745535254534c43;  // "CLSTRSEG"
inline constexpr uint32_t kCryptoBlockBytes = 4096;
inline constexpr size_t kPartitionBytesMax = 255;
// The last page of a segment with a mac_epoch.
inline constexpr size_t kTrailerPageBytes = 4096;
// All fields of the header; what follows is zero and the CRC.
inline constexpr size_t kSegmentFieldBytes = 114 + kPartitionBytesMax;

// How the frames of a segment are stored.
struct StoredForm {
  bool json = false;           // Bodies are canonical JSON.
  bool merkle_leaves = false;  // Trailers carry a leaf.
  // As in memory.
  constexpr bool IsPlain() const { return !json && !merkle_leaves; }
  friend bool operator==(const StoredForm&, const StoredForm&) = default;
};

inline constexpr uint8_t kCipherNone = 0;
inline constexpr uint8_t kCipherAes256Gcm = 1;

inline constexpr uint8_t kEncodingBinary = 0;
inline constexpr uint8_t kEncodingJson = 1;
// Random bytes of a block. Encrypted: with the dek they make its key, and every process that opens
// the log draws them anew, so that a copy of a directory never seals under the keys of the
// original. Else: those of its segment.
inline constexpr size_t kKeySaltBytes = 16;
using KeySalt = std::array<std::byte, kKeySaltBytes>;

struct SegmentHeader {
  uint8_t encoding = kEncodingBinary;
  uint8_t cipher = kCipherNone;
  bool merkle_leaves = false;  // Frames have a trailer of 36 bytes.
  bool recycled = false;       // The file was another segment before; its blocks are still there.
  bool headroom = false;       // Made of the headroom: takes no entries.
  uint32_t block_alignment = 4096;
  uint64_t segment_seq = 0;
  uint64_t base_index = 1;
  uint64_t segment_bytes = 0;
  uint64_t first_block = 1;
  uint32_t previous_checksum = 0;
  uint32_t dek_epoch = 0;
  uint32_t mac_epoch = 0;
  uint64_t replica = 0;
  uint64_t incarnation = 0;
  uint64_t created_ms = 0;
  // Say whether a key ring holds the keys of this segment, without saying anything of the keys:
  // the first bytes of an HMAC. 0 with epoch 0.
  uint64_t dek_check = 0;
  uint64_t mac_check = 0;
  std::string partition;

  bool IsEncrypted() const { return cipher != kCipherNone; }
  // Behind the last byte that blocks may take: the trailer of a sealed segment stands there.
  uint64_t blocks_end() const {
    return segment_bytes - (mac_epoch != 0 ? kTrailerPageBytes : uint64_t{0});
  }
  StoredForm form() const { return {encoding == kEncodingJson, merkle_leaves}; }
  // Drawn when the segment is made. Blocks that are not encrypted carry it, so nothing that was
  // written before, on purpose or by chance, passes for a block of this segment.
  KeySalt salt{};
};

// REQUIRES: into.size() == kSegmentHeaderBytes.
void EncodeSegmentHeader(const SegmentHeader& header, std::span<std::byte> into);
// Errors: kFormatNewer; kLogCorrupt when it does not verify or holds impossible values.
// REQUIRES: bytes.size() == kSegmentHeaderBytes.
StatusOr<SegmentHeader> DecodeSegmentHeader(std::span<const std::byte> bytes);

// The salt in a header, whether or not the rest of it verifies. REQUIRES: as above.
KeySalt SegmentSalt(std::span<const std::byte> bytes);

// Block header.
inline constexpr size_t kBlockHeaderBytes = 96;
inline constexpr size_t kBlockChecksumBytes = 4;
inline constexpr uint32_t kBlockMagic = 0x4b4c4243;  // "CBLK"
inline constexpr uint16_t kBlockFlagHardState = 1;
inline constexpr uint16_t kBlockFlagTruncate = 2;
inline constexpr uint16_t kBlockFlagEncrypted = 4;
inline constexpr size_t kBlockTagBytes = 16;  // Behind the ciphertext of an encrypted block.

struct BlockHeader {
  uint16_t flags = 0;
  uint64_t segment_seq = 0;
  uint64_t number = 0;
  uint64_t first_crypto_counter = 0;
  uint32_t plaintext_bytes = 0;
  uint32_t entry_count = 0;
  uint64_t first_index = 0;
  uint64_t last_index = 0;
  uint64_t last_term = 0;
  uint32_t stored_bytes = 0;
  uint32_t previous_checksum = 0;
  KeySalt key_salt{};

  bool IsEncrypted() const { return (flags & kBlockFlagEncrypted) != 0; }
};

// REQUIRES: into.size() >= kBlockHeaderBytes.
void EncodeBlockHeader(const BlockHeader& header, std::span<std::byte> into);
// Nullptr when the header verifies; else what is wrong with it. REQUIRES: bytes.size() >=
// kBlockHeaderBytes.
const char* DecodeBlockHeader(std::span<const std::byte> bytes, BlockHeader* header);

// Whether a header that verifies belongs to this life of the segment's file.
bool IsBlockOf(const SegmentHeader& segment, const BlockHeader& header);

// The checksum of a block, over its header and its stored bytes: CRC32C of four CRC32Cs, each over
// every fourth 32-bit word. Header and frames end with CRC32Cs of their own, and the CRC32C of
// bytes with their CRC32C behind them is a constant: a plain one over the whole block would tell
// its lengths and nothing else (docs/wal-format.md, section 4).
class BlockChecksummer {
 public:
  void Add(std::span<const std::byte> bytes);
  uint32_t Value() const;

 private:
  CrcLanes lanes_;
  uint64_t bytes_ = 0;
  uint32_t plain_ = 0;  // For a planted bug.
};

uint32_t BlockChecksum(std::span<const std::byte> covered);

// Bytes of a block on disk, padding included.
constexpr uint64_t BlockBytes(uint64_t stored_bytes, uint32_t alignment) {
  return (kBlockHeaderBytes + stored_bytes + kBlockChecksumBytes + alignment - 1) &
         ~static_cast<uint64_t>(alignment - 1);
}

// Frames.
inline constexpr size_t kFrameHeaderBytes = 12;
inline constexpr uint8_t kFrameVersion = 1;
inline constexpr uint8_t kFrameCodecBinary = 0;
inline constexpr uint8_t kFrameCodecJson = 1;
inline constexpr uint16_t kFrameFlagState = 1;
inline constexpr uint32_t kFrameTrailerBytes = 4;
inline constexpr uint32_t kFrameTrailerMerkleBytes = 36;
inline constexpr size_t kEntryHeadBytes = 17;  // term, index, kind

enum class StateRecordType : uint8_t { kHardState = 1, kTruncate = 2, kSnapshotMark = 3 };

inline constexpr size_t kHardStateFrameBytes = 12 + 25 + 4;
inline constexpr size_t kTruncateFrameBytes = 12 + 9 + 4;
// More than a block needs besides the frames of its entries.
inline constexpr uint64_t kBlockOverheadBytesMax = 256;
static_assert(kBlockHeaderBytes + kBlockTagBytes + kBlockChecksumBytes + kHardStateFrameBytes +
                  kTruncateFrameBytes <=
              kBlockOverheadBytesMax);

// Each writes its frame at `to` and returns the frame's bytes.
size_t EncodeHardStateFrame(std::byte* to, const HardState& state);
size_t EncodeTruncateFrame(std::byte* to, uint64_t from_index);

// Ledger records.
inline constexpr size_t kLedgerRecordBytes = 37;

enum class LedgerTag : uint8_t {
  kEntryOrdered = 0,
  kEntryOverlapped = 1,
  kEntryInline = 2,
  kNonceReservation = 0x10,
  kNonceAbandon = 0x11,
  kTransition = 0x12,
  kBlock = 0x13,
  kPrefix = 0x14,
  kClaim = 0x15,  // A block is about to be written: every block before it is durable.
};

struct LedgerRecord {
  uint64_t term = 0;
  uint64_t index = 0;
  uint64_t segment_seq = 0;
  uint8_t io_mode = 0;
  uint64_t timestamp_ms = 0;
};

void EncodeLedgerRecord(const LedgerRecord& record, std::byte* into);
// False when the CRC does not hold. REQUIRES: 37 bytes at `from`.
bool DecodeLedgerRecord(const std::byte* from, LedgerRecord* record);

}  // namespace clustor
