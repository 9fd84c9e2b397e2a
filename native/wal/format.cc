#include "wal/format.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/coding.h"
#include "base/crc32c.h"
#include "base/planted_bug.h"

namespace clustor {

namespace {

// Offsets of docs/wal-format.md, section 3.
constexpr size_t kPartitionOffset = 114;
constexpr size_t kSegmentSaltOffset = 372;
constexpr uint8_t kFileRecycled = 1;
constexpr uint8_t kFileHeadroom = 2;
constexpr size_t kSegmentCrcOffset = kSegmentHeaderBytes - 4;
// Section 4.
constexpr size_t kKeySaltOffset = 72;
constexpr size_t kBlockCrcOffset = 92;
static_assert(kBlockCrcOffset + 4 == kBlockHeaderBytes);
static_assert(kPartitionOffset + kPartitionBytesMax <= kSegmentSaltOffset);

Status Corrupt(const char* why) { return Status(StatusCode::kLogCorrupt, why); }

Status CheckSegmentHeader(const SegmentHeader& header, uint32_t crypto_block_bytes) {
  if (header.encoding > kEncodingJson || header.cipher > kCipherAes256Gcm ||
      crypto_block_bytes != kCryptoBlockBytes) {
    return Status(StatusCode::kFormatNewer,
                  "the segment is encoded or encrypted in a way that this version cannot read");
  }
  if (header.IsEncrypted() != (header.dek_epoch != 0)) {
    return Corrupt("the segment header has a cipher without a key, or a key without a cipher");
  }
  if (!std::has_single_bit(header.block_alignment) || header.block_alignment < 512 ||
      header.block_alignment > 4096) {
    return Corrupt("the segment header has an impossible block alignment");
  }
  if (header.segment_bytes < kSegmentHeaderBytes + kTrailerPageBytes ||
      header.segment_bytes > kPositionMax || header.base_index == 0 ||
      header.base_index > kPositionMax || header.first_block == 0 ||
      header.first_block > kPositionMax || header.segment_seq > kPositionMax) {
    return Corrupt("the segment header has an impossible position");
  }
  return Status::Ok();
}

// Header and CRC around a body of body_bytes that is in its place already.
size_t FinishFrame(std::byte* to, uint16_t flags, uint32_t body_bytes) {
  to[0] = std::byte{kFrameVersion};
  to[1] = std::byte{kFrameCodecBinary};
  Store16(to + 2, flags);
  Store32(to + 4, body_bytes);
  Store32(to + 8, kFrameTrailerBytes);
  const size_t covered = kFrameHeaderBytes + body_bytes;
  Store32(to + covered, Crc32c({to, covered}));
  return covered + kFrameTrailerBytes;
}

}  // namespace

void EncodeSegmentHeader(const SegmentHeader& header, std::span<std::byte> into) {
  std::memset(into.data(), 0, kSegmentHeaderBytes);
  std::byte* to = into.data();
  Store64(to, kSegmentMagic);
  Store32(to + 8, kFormatVersion);
  to[12] = std::byte{header.encoding};
  to[13] = std::byte{header.cipher};
  to[14] = std::byte{header.merkle_leaves};
  to[15] = static_cast<std::byte>((header.recycled ? kFileRecycled : 0) |
                                  (header.headroom ? kFileHeadroom : 0));
  Store32(to + 16, kCryptoBlockBytes);
  Store32(to + 20, header.block_alignment);
  Store64(to + 24, header.segment_seq);
  Store64(to + 32, header.base_index);
  Store64(to + 40, header.segment_bytes);
  Store64(to + 48, header.first_block);
  Store32(to + 56, header.previous_checksum);
  Store32(to + 60, header.dek_epoch);
  Store32(to + 64, header.mac_epoch);
  Store64(to + 72, header.replica);
  Store64(to + 80, header.incarnation);
  Store64(to + 88, header.created_ms);
  Store64(to + 96, header.dek_check);
  Store64(to + 104, header.mac_check);
  const size_t partition_bytes = std::min(header.partition.size(), kPartitionBytesMax);
  Store16(to + 112, static_cast<uint16_t>(partition_bytes));
  std::memcpy(to + kPartitionOffset, header.partition.data(), partition_bytes);
  std::memcpy(to + kSegmentSaltOffset, header.salt.data(), kKeySaltBytes);
  Store32(to + kSegmentCrcOffset, Crc32c(into.first(kSegmentCrcOffset)));
}

KeySalt SegmentSalt(std::span<const std::byte> bytes) {
  KeySalt salt;
  std::memcpy(salt.data(), bytes.data() + kSegmentSaltOffset, kKeySaltBytes);
  return salt;
}

StatusOr<SegmentHeader> DecodeSegmentHeader(std::span<const std::byte> bytes) {
  const std::byte* from = bytes.data();
  if (Load64(from) != kSegmentMagic) return Corrupt("the segment header has no magic");
  if (Load32(from + 8) > kFormatVersion) {
    return Status(StatusCode::kFormatNewer, "the segment has format version " +
                                                std::to_string(Load32(from + 8)) +
                                                ", this version reads up to 1");
  }
  if (Load32(from + kSegmentCrcOffset) != Crc32c(bytes.first(kSegmentCrcOffset))) {
    return Corrupt("the checksum of the segment header does not hold");
  }
  SegmentHeader header;
  header.encoding = static_cast<uint8_t>(from[12]);
  header.cipher = static_cast<uint8_t>(from[13]);
  header.merkle_leaves = from[14] != std::byte{0};
  header.recycled = (static_cast<uint8_t>(from[15]) & kFileRecycled) != 0;
  header.headroom = (static_cast<uint8_t>(from[15]) & kFileHeadroom) != 0;
  header.block_alignment = Load32(from + 20);
  header.segment_seq = Load64(from + 24);
  header.base_index = Load64(from + 32);
  header.segment_bytes = Load64(from + 40);
  header.first_block = Load64(from + 48);
  header.previous_checksum = Load32(from + 56);
  header.dek_epoch = Load32(from + 60);
  header.mac_epoch = Load32(from + 64);
  header.replica = Load64(from + 72);
  header.incarnation = Load64(from + 80);
  header.created_ms = Load64(from + 88);
  header.dek_check = Load64(from + 96);
  header.mac_check = Load64(from + 104);
  const size_t partition_bytes = Load16(from + 112);
  if (partition_bytes > kPartitionBytesMax) return Corrupt("the partition id is too long");
  header.partition.assign(reinterpret_cast<const char*>(from + kPartitionOffset), partition_bytes);
  header.salt = SegmentSalt(bytes);
  RETURN_IF_ERROR(CheckSegmentHeader(header, Load32(from + 16)));
  // Whatever is accepted can be written again as it was: no byte is left without a meaning.
  std::array<std::byte, kSegmentHeaderBytes> again;
  EncodeSegmentHeader(header, again);
  if (std::memcmp(again.data(), from, kSegmentHeaderBytes) != 0) {
    return Corrupt("the segment header has bytes set that mean nothing");
  }
  return header;
}

void EncodeBlockHeader(const BlockHeader& header, std::span<std::byte> into) {
  std::memset(into.data(), 0, kBlockHeaderBytes);
  std::byte* to = into.data();
  Store32(to, kBlockMagic);
  Store16(to + 4, header.flags);
  Store16(to + 6, kBlockHeaderBytes);
  Store64(to + 8, header.segment_seq);
  Store64(to + 16, header.number);
  Store64(to + 24, header.first_crypto_counter);
  Store32(to + 32, header.plaintext_bytes);
  Store32(to + 36, header.entry_count);
  Store64(to + 40, header.first_index);
  Store64(to + 48, header.last_index);
  Store64(to + 56, header.last_term);
  Store32(to + 64, header.stored_bytes);
  Store32(to + 68, header.previous_checksum);
  std::memcpy(to + kKeySaltOffset, header.key_salt.data(), kKeySaltBytes);
  Store32(to + kBlockCrcOffset, Crc32c(into.first(kBlockCrcOffset)));
}

const char* DecodeBlockHeader(std::span<const std::byte> bytes, BlockHeader* header) {
  const std::byte* from = bytes.data();
  if (Load32(from) != kBlockMagic) return "there is no block header";
  if (Load32(from + kBlockCrcOffset) != Crc32c(bytes.first(kBlockCrcOffset))) {
    return "the checksum of the block header does not hold";
  }
  header->flags = Load16(from + 4);
  header->segment_seq = Load64(from + 8);
  header->number = Load64(from + 16);
  header->first_crypto_counter = Load64(from + 24);
  header->plaintext_bytes = Load32(from + 32);
  header->entry_count = Load32(from + 36);
  header->first_index = Load64(from + 40);
  header->last_index = Load64(from + 48);
  header->last_term = Load64(from + 56);
  header->stored_bytes = Load32(from + 64);
  header->previous_checksum = Load32(from + 68);
  std::memcpy(header->key_salt.data(), from + kKeySaltOffset, kKeySaltBytes);
  if (Load16(from + 6) != kBlockHeaderBytes) return "the block header has another length";
  if ((header->flags & ~(kBlockFlagHardState | kBlockFlagTruncate | kBlockFlagEncrypted)) != 0) {
    return "the block header has unknown flags";
  }
  const bool counts = header->IsEncrypted() || header->first_crypto_counter == 0;
  if (!counts || header->first_crypto_counter > kPositionMax ||
      Load32(from + kKeySaltOffset + kKeySaltBytes) != 0) {
    return "the block header has bytes set that mean nothing";
  }
  const uint64_t tag_bytes = header->IsEncrypted() ? kBlockTagBytes : 0;
  if (header->stored_bytes != header->plaintext_bytes + tag_bytes) {
    return "the block's lengths disagree";
  }
  return nullptr;
}

void BlockChecksummer::Add(std::span<const std::byte> bytes) {
  lanes_.Add(bytes);
  bytes_ += bytes.size();
  if (IsPlanted(PlantedBug::kLengthChecksum)) plain_ = Crc32cExtend(plain_, bytes);
}

uint32_t BlockChecksummer::Value() const {
  if (IsPlanted(PlantedBug::kLengthChecksum)) return plain_;
  // Zeros complete the last row of words.
  CrcLanes lanes = lanes_;
  constexpr CrcLanes::Bytes kZeros{};
  lanes.Add(std::span(kZeros).first(static_cast<size_t>(-bytes_ % CrcLanes::kBytes)));
  return Crc32c(lanes.Value());
}

uint32_t BlockChecksum(std::span<const std::byte> covered) {
  BlockChecksummer checksum;
  checksum.Add(covered);
  return checksum.Value();
}

bool IsBlockOf(const SegmentHeader& segment, const BlockHeader& header) {
  const bool encrypted = (header.flags & kBlockFlagEncrypted) != 0;
  return header.segment_seq == segment.segment_seq && encrypted == (segment.cipher != 0) &&
         (encrypted || header.key_salt == segment.salt);
}

size_t EncodeHardStateFrame(std::byte* to, const HardState& state) {
  std::byte* body = to + kFrameHeaderBytes;
  body[0] = static_cast<std::byte>(StateRecordType::kHardState);
  Store64(body + 1, state.term);
  Store64(body + 9, state.vote);
  Store64(body + 17, state.commit_index);
  return FinishFrame(to, kFrameFlagState, 25);
}

size_t EncodeTruncateFrame(std::byte* to, uint64_t from_index) {
  std::byte* body = to + kFrameHeaderBytes;
  body[0] = static_cast<std::byte>(StateRecordType::kTruncate);
  Store64(body + 1, from_index);
  return FinishFrame(to, kFrameFlagState, 9);
}

void EncodeLedgerRecord(const LedgerRecord& record, std::byte* into) {
  Store64(into, record.term);
  Store64(into + 8, record.index);
  Store64(into + 16, record.segment_seq);
  into[24] = std::byte{record.io_mode};
  Store64(into + 25, record.timestamp_ms);
  Store32(into + 33, Crc32c({into, 33}));
}

bool DecodeLedgerRecord(const std::byte* from, LedgerRecord* record) {
  // The CRC of 33 zero bytes is not zero, so an unused slot never verifies.
  if (Load32(from + 33) != Crc32c({from, 33})) return false;
  record->term = Load64(from);
  record->index = Load64(from + 8);
  record->segment_seq = Load64(from + 16);
  record->io_mode = static_cast<uint8_t>(from[24]);
  record->timestamp_ms = Load64(from + 25);
  return true;
}

}  // namespace clustor
