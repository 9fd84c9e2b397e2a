// The stored forms of frames: vectors that are frozen, and everything that is not one of them.
#include "wal/stored_frames.h"

#include <array>
#include <random>
#include <string>
#include <vector>

#include "base/coding.h"
#include "base/crc32c.h"
#include "check.h"
#include "log_fixture.h"
#include "wal/frame.h"

namespace clustor::test {

namespace {

constexpr StoredForm kJson = {.json = true, .merkle_leaves = false};
constexpr StoredForm kLeaves = {.json = false, .merkle_leaves = true};
constexpr StoredForm kJsonLeaves = {.json = true, .merkle_leaves = true};

using Bytes = std::vector<std::byte>;

Bytes BytesOf(const std::string& text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

std::string TextOf(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string Hex(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte byte : bytes) {
    text += "0123456789abcdef"[static_cast<uint8_t>(byte) >> 4];
    text += "0123456789abcdef"[static_cast<uint8_t>(byte) & 15];
  }
  return text;
}

Bytes EntryFrame(uint64_t term, uint64_t index, uint8_t kind, const std::string& payload) {
  Bytes frame(FrameBytes(payload.size()));
  EncodeFrame(frame.data(), term, index, kind, std::as_bytes(std::span(payload)));
  return frame;
}

Bytes HardStateFrame(const HardState& state) {
  Bytes frame(kHardStateFrameBytes);
  EncodeHardStateFrame(frame.data(), state);
  return frame;
}

Bytes Stored(StoredForm form, const Bytes& frame) {
  Bytes stored(frame.size() * 2 + 256);
  StatusOr<MerkleHasher> hasher = MerkleHasher::Create();
  if (!hasher.ok()) Fail(__FILE__, __LINE__, Describe(hasher.status()));
  stored.resize(EncodeStoredFrame(stored.data(), form, frame, &*hasher));
  return stored;
}

// A stored frame around a body of the test's making; its checksum holds.
Bytes Sealed(const std::string& body, uint8_t codec = kFrameCodecJson, uint16_t flags = 0) {
  Bytes frame(kFrameHeaderBytes);
  frame[0] = std::byte{kFrameVersion};
  frame[1] = std::byte{codec};
  Store16(frame.data() + 2, flags);
  Store32(frame.data() + 4, static_cast<uint32_t>(body.size()));
  Store32(frame.data() + 8, kFrameTrailerBytes);
  const Bytes text = BytesOf(body);
  frame.insert(frame.end(), text.begin(), text.end());
  const uint32_t crc = Crc32c(frame);
  frame.resize(frame.size() + 4);
  Store32(frame.data() + frame.size() - 4, crc);
  return frame;
}

// Empty when the bytes are refused.
Bytes Decode(StoredForm form, const Bytes& stored) {
  StoredFrameDecoder decoder;
  std::span<const std::byte> frames;
  const StatusOr<const char*> why = decoder.Decode(form, stored, &frames);
  if (!why.ok()) Fail(__FILE__, __LINE__, Describe(why.status()));
  if (*why != nullptr) return {};
  return {frames.begin(), frames.end()};
}

}  // namespace

TEST(StoredFrames, OfAnEntryHasItsJsonVector) {
  const Bytes frame = EntryFrame(7, 42, 1, "hello");

  const Bytes stored = Stored(kJson, frame);

  const std::string body = R"({"term":"7","index":"42","kind":1,"payload":"aGVsbG8="})";
  CHECK_EQ(TextOf(std::span(stored).subspan(12, body.size())), body);
  CHECK_EQ(Hex(std::span(stored).first(12)), std::string("010100003700000004000000"));
  CHECK_EQ(Hex(std::span(stored).last(4)), std::string("4f0dbed9"));
  CHECK(Decode(kJson, stored) == frame);
}

TEST(StoredFrames, OfStateRecordsHaveTheirJsonVectors) {
  Bytes truncation(kTruncateFrameBytes);
  EncodeTruncateFrame(truncation.data(), 43);

  const Bytes hard_state = Stored(kJson, HardStateFrame({7, 2, 41}));
  const Bytes truncate = Stored(kJson, truncation);

  const std::string hard_state_body =
      R"({"record":"hard-state","term":"7","vote":"2","commit":"41"})";
  const std::string truncate_body = R"({"record":"truncate-suffix","from":"43"})";
  CHECK_EQ(TextOf(std::span(hard_state).subspan(12, hard_state_body.size())), hard_state_body);
  CHECK_EQ(Hex(std::span(hard_state).first(12)), std::string("010101003b00000004000000"));
  CHECK_EQ(Hex(std::span(hard_state).last(4)), std::string("ac6b84f2"));
  CHECK_EQ(TextOf(std::span(truncate).subspan(12, truncate_body.size())), truncate_body);
  CHECK_EQ(Hex(std::span(truncate).last(4)), std::string("5c986599"));
  CHECK(Decode(kJson, truncate) == truncation);
}

TEST(StoredFrames, WithLeavesHaveTheirVectors) {
  const Bytes frame = EntryFrame(7, 42, 1, "hello");
  const std::string leaf = "ea862f7417bf57a97a88e61b347b46ac3feb681f057757100aa51f45be9073f3";

  const Bytes binary = Stored(kLeaves, frame);
  const Bytes json = Stored(kJsonLeaves, frame);

  CHECK_EQ(Hex(binary),
           "01000000160000002400000007000000000000002a000000000000000168656c6c6fb1a83193" + leaf);
  CHECK_EQ(Hex(std::span(json).first(12)), std::string("010100003700000024000000"));
  CHECK_EQ(Hex(std::span(json).last(36)), "e98de64d" + leaf);
  CHECK(Decode(kLeaves, binary) == frame);
  CHECK(Decode(kJsonLeaves, json) == frame);
}

TEST(StoredFrames, ReadBackWhateverTheyHold) {
  std::mt19937_64 random(11);
  for (const StoredForm form : {kJson, kLeaves, kJsonLeaves}) {
    for (size_t payload_bytes = 0; payload_bytes < 70; ++payload_bytes) {
      std::string payload(payload_bytes, '\0');
      for (char& byte : payload) byte = static_cast<char>(random());
      const uint64_t term = random() >> (11 + random() % 53);
      const uint64_t index = random() >> (11 + random() % 53);
      const auto kind = static_cast<uint8_t>(random());
      const Bytes frame = EntryFrame(term, index, kind, payload);

      const Bytes stored = Stored(form, frame);

      CHECK_EQ(stored.size(), StoredEntryBytes(form, term, index, kind, payload_bytes));
      CHECK(stored.size() <= StoredBytesMax(form, frame.size(), 1));
      CHECK_EQ(StoredFrameBytesAt(stored), stored.size());
      CHECK(Decode(form, stored) == frame);
    }
    const Bytes largest = HardStateFrame({UINT64_MAX, UINT64_MAX, UINT64_MAX});
    CHECK(Decode(form, Stored(form, largest)) == largest);
  }
}

TEST(StoredFrames, OfThePlainFormAreNotCopied) {
  const Bytes frame = EntryFrame(1, 1, 0, "x");
  StoredFrameDecoder decoder;
  std::span<const std::byte> frames;

  const StatusOr<const char*> why = decoder.Decode({}, frame, &frames);

  CHECK_OK(why.status());
  CHECK(*why == nullptr);

  CHECK(frames.data() == frame.data());
  CHECK_EQ(frames.size(), frame.size());
}

TEST(StoredFrames, WithTextThatIsNotCanonicalAreRefused) {
  const std::vector<std::string> bodies = {
      "",
      "{}",
      R"({"term":"7","index":"42","kind":0,"payload":""} )",
      R"( {"term":"7","index":"42","kind":0,"payload":""})",
      R"({ "term":"7","index":"42","kind":0,"payload":""})",
      R"({"term":"7", "index":"42","kind":0,"payload":""})",
      R"({"index":"42","term":"7","kind":0,"payload":""})",
      R"({"term":7,"index":"42","kind":0,"payload":""})",
      R"({"term":"","index":"42","kind":0,"payload":""})",
      R"({"term":"07","index":"42","kind":0,"payload":""})",
      R"({"term":"00","index":"42","kind":0,"payload":""})",
      R"({"term":"+7","index":"42","kind":0,"payload":""})",
      R"({"term":"-7","index":"42","kind":0,"payload":""})",
      R"({"term":"7.0","index":"42","kind":0,"payload":""})",
      R"({"term":"7e0","index":"42","kind":0,"payload":""})",
      R"({"term":"18446744073709551616","index":"42","kind":0,"payload":""})",
      R"({"term":"99999999999999999999","index":"42","kind":0,"payload":""})",
      R"({"term":"100000000000000000000","index":"42","kind":0,"payload":""})",
      R"({"term":"7","index":"42","kind":256,"payload":""})",
      R"({"term":"7","index":"42","kind":"0","payload":""})",
      R"({"term":"7","index":"42","kind":00,"payload":""})",
      R"({"term":"7","index":"42","kind":-1,"payload":""})",
      R"({"term":"7","index":"42","kind":,"payload":""})",
      R"({"term":"7","index":"42","kind":0,"payload":"})",
      R"({"term":"7","index":"42","kind":0,"payload":")",
      R"({"term":"7","index":"42","kind":0,"payload":"A"})",
      R"({"term":"7","index":"42","kind":0,"payload":"QQ"})",
      R"({"term":"7","index":"42","kind":0,"payload":"QUI"})",
      R"({"term":"7","index":"42","kind":0,"payload":"Q==="})",
      R"({"term":"7","index":"42","kind":0,"payload":"===="})",
      R"({"term":"7","index":"42","kind":0,"payload":"QR=="})",
      R"({"term":"7","index":"42","kind":0,"payload":"QUJ="})",
      R"({"term":"7","index":"42","kind":0,"payload":"QQ=A"})",
      R"({"term":"7","index":"42","kind":0,"payload":"QQ==QUJD"})",
      R"({"term":"7","index":"42","kind":0,"payload":"QU_-"})",
      R"({"term":"7","index":"42","kind":0,"payload":"QUJ\n"})",
      R"({"term":"7","index":"42","kind":0,"payload":"QUJD","more":"1"})",
      R"({"term":"7","index":"42","kind":0,"payload":"QUJD"}{)",
      R"({"record":"hard-state","term":"7","vote":"2","commit":"41"})",
  };
  for (const std::string& body : bodies) {
    CHECK_EQ(body + (Decode(kJson, Sealed(body)).empty() ? "" : " was accepted"), body);
  }
}

TEST(StoredFrames, WithStateTextThatIsNotCanonicalAreRefused) {
  const std::vector<std::string> bodies = {
      "",
      "{}",
      R"({"record":"hard-state","term":"7","vote":"2","commit":"41"} )",
      R"({"record":"hard-state","term":"7","vote":"2","commit":"041"})",
      R"({"record":"hard-state","term":"7","vote":2,"commit":"41"})",
      R"({"record":"hard-state","term":"7","commit":"41","vote":"2"})",
      R"({"record":"hard-state","term":"7","vote":"2"})",
      R"({"record":"truncate-suffix","from":"43","term":"7"})",
      R"({"record":"truncate-suffix","from":""})",
      R"({"record":"truncate-suffix","from":"43"}})",
      R"({"record":"snapshot-mark","index":"4","term":"1"})",
      R"({"record":"else"})",
      R"({"term":"7","index":"42","kind":0,"payload":""})",
  };
  for (const std::string& body : bodies) {
    const Bytes stored = Sealed(body, kFrameCodecJson, kFrameFlagState);
    CHECK_EQ(body + (Decode(kJson, stored).empty() ? "" : " was accepted"), body);
  }
}

TEST(StoredFrames, WithAWrongHeaderAreRefused) {
  const std::string body = R"({"term":"7","index":"42","kind":0,"payload":"QUJD"})";
  const auto refused = [](const Bytes& stored) { return Decode(kJson, stored).empty(); };
  const auto with = [&](size_t at, std::byte value) {
    Bytes stored = Sealed(body);
    stored[at] = value;
    Store32(stored.data() + stored.size() - 4, Crc32c(std::span(stored).first(stored.size() - 4)));
    return stored;
  };
  CHECK(!refused(Sealed(body)));

  CHECK(refused(with(0, std::byte{2})));
  CHECK(refused(with(1, std::byte{kFrameCodecBinary})));
  CHECK(refused(with(1, std::byte{2})));
  CHECK(refused(with(2, std::byte{2})));
  CHECK(refused(with(2, std::byte{kFrameFlagState})));
  CHECK(refused(with(7, std::byte{0xff})));
  CHECK(refused(with(8, std::byte{5})));
  CHECK(refused(with(8, std::byte{kFrameTrailerMerkleBytes})));
  CHECK(refused(EntryFrame(7, 42, 0, "ABC")));
}

TEST(StoredFrames, WithAnyBitFlippedOrByteMissingAreRefused) {
  for (const StoredForm form : {kJson, kLeaves, kJsonLeaves}) {
    const Bytes stored = Stored(form, EntryFrame(7, 42, 1, "hello"));
    for (size_t at = 0; at < stored.size(); ++at) {
      Bytes flipped = stored;
      flipped[at] ^= std::byte{0x04};
      CHECK(Decode(form, flipped).empty());
      const Bytes cut(stored.begin(), stored.begin() + static_cast<std::ptrdiff_t>(at));
      CHECK(Decode(form, cut).empty());
    }
  }
}

}  // namespace clustor::test
