// The trailer of a sealed segment: published vectors, and what it notices.
#include "wal/segment_mac.h"

#include <numeric>
#include <string>

#include "base/coding.h"
#include "base/crc32c.h"
#include "check.h"
#include "wal/segment_trailer.h"

namespace clustor::test {

namespace {

std::vector<std::byte> FromHex(const std::string& hex) {
  std::vector<std::byte> bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

std::string ToHex(std::span<const std::byte> bytes) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string hex;
  for (const std::byte b : bytes) {
    hex += kHex[static_cast<unsigned>(b) >> 4];
    hex += kHex[static_cast<unsigned>(b) & 15];
  }
  return hex;
}

std::array<std::byte, kKeyBytes> CountingKey() {
  std::array<std::byte, kKeyBytes> key;
  for (size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::byte>(i);
  return key;
}

SegmentTrailer PublishedTrailer() {
  SegmentTrailer trailer;
  trailer.suite = MacSuite::kLanes;
  trailer.segment_seq = 7;
  trailer.first_index = 42;
  trailer.last_index = 121;
  trailer.entry_count = 17;
  const std::vector<std::byte> entries = FromHex("89abcdef01234567fedcba9876543210");
  const std::vector<std::byte> offsets = FromHex("1032547698badcfeefcdab8967452301");
  std::copy(entries.begin(), entries.end(), trailer.entries_lanes.begin());
  std::copy(offsets.begin(), offsets.end(), trailer.offsets_lanes.begin());
  return trailer;
}

}  // namespace

TEST(SegmentTrailer, HasThePublishedLanes) {
  CrcLanes entries;
  entries.Add(FromHex("01000000000010000000000000000000aa"));
  entries.Add(FromHex("01000000000008000000000000000000bb"));
  CrcLanes offsets;
  for (const uint64_t offset : {0, 16}) {
    std::array<std::byte, 8> bytes;
    Store64(bytes.data(), offset);
    offsets.Add(bytes);
  }

  CHECK_EQ(ToHex(entries.Value()), std::string("a74fee537bdafdc68ab2288c8ab2288c"));
  CHECK_EQ(ToHex(offsets.Value()), std::string("c74b6748c74b6748fafa03a1c74b6748"));
}

TEST(SegmentTrailer, HasLanesThatDoNotDependOnThePieces) {
  std::vector<std::byte> bytes(1'000);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 7);
  CrcLanes whole;
  whole.Add(bytes);
  for (const size_t piece : {1, 3, 15, 16, 17, 100}) {
    CrcLanes pieces;
    for (size_t at = 0; at < bytes.size(); at += piece) {
      pieces.Add(std::span(bytes).subspan(at, std::min(piece, bytes.size() - at)));
    }
    CHECK_EQ(ToHex(pieces.Value()), ToHex(whole.Value()));
  }
}

TEST(SegmentTrailer, HasThePublishedCodeInSuite1) {
  StatusOr<HmacSha256> key = HmacSha256::Create(CountingKey());
  CHECK_OK(key.status());

  const StatusOr<Sha256Digest> mac = TrailerMac(PublishedTrailer(), {}, &*key);

  CHECK_OK(mac.status());
  CHECK_EQ(ToHex(*mac),
           std::string("5c50cc7f43ef3c0127db59a3a8394ed16782e7997b53093c35bff32f8644b8f0"));
}

TEST(SegmentTrailer, IsFrozenInSuite2) {
  StatusOr<HmacSha256> key = HmacSha256::Create(CountingKey());
  CHECK_OK(key.status());
  SegmentTrailer trailer = PublishedTrailer();
  trailer.suite = MacSuite::kContent;
  const StatusOr<Sha256Digest> content = Sha256Of({});
  CHECK_OK(content.status());

  const StatusOr<Sha256Digest> mac = TrailerMac(trailer, *content, &*key);

  CHECK_OK(mac.status());
  CHECK_EQ(ToHex(*mac),
           std::string("276ec7f8bfa51613ee6db4b2116e1d8d96857e01943a9cab750d4ce8d5359bbf"));
}

TEST(SegmentTrailer, SurvivesItsBytes) {
  const SegmentTrailer trailer = PublishedTrailer();
  std::vector<std::byte> page(kTrailerPageBytes);
  EncodeTrailer(trailer, page);

  const std::optional<SegmentTrailer> decoded = DecodeTrailer(page);

  CHECK(decoded.has_value());
  CHECK_EQ(decoded->segment_seq, trailer.segment_seq);
  CHECK_EQ(decoded->last_index, trailer.last_index);
  CHECK_EQ(decoded->entry_count, trailer.entry_count);
  CHECK(decoded->offsets_lanes == trailer.offsets_lanes);
  for (size_t at = 0; at < kTrailerBytes + 4; ++at) {
    page[at] ^= std::byte{1};
    CHECK(!DecodeTrailer(page).has_value());
    page[at] ^= std::byte{1};
  }
}

TEST(SegmentMac, NeedsTheKeyOfTheSegment) {
  SegmentHeader header;
  header.segment_seq = 3;
  header.segment_bytes = 64 << 10;
  header.mac_epoch = 2;
  KeyRing keys;
  keys.AddMac(1, CountingKey());

  CHECK_EQ(SegmentMac::Create(header, nullptr).status().code(), StatusCode::kKeyUnknownEpoch);
  CHECK_EQ(SegmentMac::Create(header, &keys).status().code(), StatusCode::kKeyUnknownEpoch);
  keys.AddMac(2, CountingKey());
  CHECK_EQ(SegmentMac::Create(header, &keys).status().code(), StatusCode::kKeyWrong);
  header.mac_epoch = 0;
  const StatusOr<std::unique_ptr<SegmentMac>> none = SegmentMac::Create(header, nullptr);
  CHECK_OK(none.status());
  CHECK(*none == nullptr);
}

}  // namespace clustor::test
