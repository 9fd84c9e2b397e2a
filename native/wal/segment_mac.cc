#include "wal/segment_mac.h"

#include <array>
#include <utility>

#include "base/coding.h"
#include "crypto/block_iv.h"
#include "wal/segment_cipher.h"
#include "wal/stored_frames.h"

namespace clustor {

namespace {

Status KeyFailure(StatusCode code, const SegmentHeader& header, const char* why) {
  StatusDetails details;
  details.segment = static_cast<int64_t>(header.segment_seq);
  details.message = "segment " + std::to_string(header.segment_seq) +
                    " is sealed under mac epoch " + std::to_string(header.mac_epoch) + ", " + why;
  return Status(code, std::move(details));
}

}  // namespace

SegmentMac::SegmentMac(const SegmentHeader& header, HmacSha256 key, Sha256 content)
    : segment_seq_(header.segment_seq), key_(std::move(key)), content_(std::move(content)) {
  std::array<std::byte, kSegmentHeaderBytes> page;
  EncodeSegmentHeader(header, page);
  content_.Update(page);
}

StatusOr<std::unique_ptr<SegmentMac>> SegmentMac::Create(const SegmentHeader& header,
                                                         const KeyRing* keys) {
  if (header.mac_epoch == 0) {
    if (keys != nullptr && keys->MustBeSealed()) return Unprotected(header.segment_seq, "sealed");
    return std::unique_ptr<SegmentMac>();
  }
  const std::optional<KeyView> key = keys == nullptr ? std::nullopt : keys->Mac(header.mac_epoch);
  if (!key) {
    return KeyFailure(StatusCode::kKeyUnknownEpoch, header, "which the key ring does not hold");
  }
  const StatusOr<uint64_t> check = MacCheck(*key, header.mac_epoch);
  if (!check.ok()) return check.status();
  if (*check != header.mac_check) {
    return KeyFailure(StatusCode::kKeyWrong, header, "and the key ring has another key for it");
  }
  StatusOr<HmacSha256> hmac = HmacSha256::Create(*key);
  if (!hmac.ok()) return hmac.status();
  StatusOr<Sha256> content = Sha256::Create();
  if (!content.ok()) return content.status();
  return std::unique_ptr<SegmentMac>(new SegmentMac(header, std::move(*hmac), std::move(*content)));
}

void SegmentMac::Stage(const Pieces& plaintext, uint64_t offset) {
  staged_ = lanes_;
  offset += kBlockHeaderBytes;
  for (const std::span<const std::byte> frames : plaintext.spans()) {
    StageFrames(frames, offset);
    offset += frames.size();
  }
}

void SegmentMac::StageFrames(std::span<const std::byte> frames, uint64_t offset) {
  uint64_t at = 0;
  while (at < frames.size()) {
    const std::span<const std::byte> rest = frames.subspan(at);
    std::array<std::byte, 8> frame_offset;
    Store64(frame_offset.data(), offset + at);
    staged_.offsets.Add(frame_offset);
    staged_.entries.Add(rest.first(kFrameHeaderBytes + Load32(rest.data() + 4)));
    at += StoredFrameBytesAt(rest);
  }
}

void SegmentMac::Add(const BlockHeader& header, const Pieces& stored) {
  lanes_ = staged_;
  if (header.entry_count > 0) {
    if (entry_count_ == 0) first_index_ = header.first_index;
    last_index_ = header.first_index + header.entry_count - 1;
    entry_count_ += header.entry_count;
  }
  const auto update = [this](std::span<const std::byte> piece) { content_.Update(piece); };
  if (header.IsEncrypted()) {
    // The tag stands for all that is encrypted.
    constexpr uint64_t kEndBytes = kBlockTagBytes + kBlockChecksumBytes;
    stored.ForEach(0, kBlockHeaderBytes, update);
    stored.ForEach(stored.bytes() - kEndBytes, kEndBytes, update);
  } else {
    stored.ForEach(0, stored.bytes(), update);
  }
}

StatusOr<SegmentTrailer> SegmentMac::Finish() {
  SegmentTrailer trailer;
  trailer.segment_seq = segment_seq_;
  trailer.first_index = first_index_;
  trailer.last_index = last_index_;
  trailer.entry_count = entry_count_;
  trailer.entries_lanes = lanes_.entries.Value();
  trailer.offsets_lanes = lanes_.offsets.Value();
  const StatusOr<Sha256Digest> content = content_.Peek();
  if (!content.ok()) return content.status();
  const StatusOr<Sha256Digest> mac = TrailerMac(trailer, *content, &key_);
  if (!mac.ok()) return mac.status();
  trailer.mac = *mac;
  return trailer;
}

StatusOr<TrailerState> SegmentMac::Check(std::span<const std::byte> page) {
  const std::optional<SegmentTrailer> found = DecodeTrailer(page);
  if (!found || found->segment_seq != segment_seq_) return TrailerState::kNone;
  const StatusOr<SegmentTrailer> expected = Finish();
  if (!expected.ok()) return expected.status();
  std::array<std::byte, kTrailerPageBytes> expected_page;
  EncodeTrailer(*expected, expected_page);
  const std::span<const std::byte> expected_bytes(expected_page);
  constexpr size_t kFieldBytes = kTrailerBytes + kBlockChecksumBytes;
  if (!ConstantTimeEqual(page.first(kFieldBytes), expected_bytes.first(kFieldBytes))) {
    return TrailerState::kWrong;
  }
  // The write of the page can tear between its sectors.
  const bool is_whole =
      ConstantTimeEqual(page.subspan(kFieldBytes), expected_bytes.subspan(kFieldBytes));
  return is_whole ? TrailerState::kValid : TrailerState::kNone;
}

}  // namespace clustor
