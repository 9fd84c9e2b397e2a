#include "wal/json_body.h"

#include <array>
#include <cstring>
#include <limits>
#include <string_view>

#include "base/coding.h"
#include "wal/format.h"
#include "wal/frame.h"

namespace clustor {

namespace {

constexpr std::string_view kTermText = R"({"term":")";
constexpr std::string_view kIndexText = R"(","index":")";
constexpr std::string_view kKindText = R"(","kind":)";
constexpr std::string_view kPayloadText = R"(,"payload":")";
constexpr std::string_view kEndText = R"("})";
constexpr std::string_view kHardStateText = R"({"record":"hard-state","term":")";
constexpr std::string_view kVoteText = R"(","vote":")";
constexpr std::string_view kCommitText = R"(","commit":")";
constexpr std::string_view kTruncateText = R"({"record":"truncate-suffix","from":")";

constexpr size_t kEntryTextBytes =
    kTermText.size() + kIndexText.size() + kKindText.size() + kPayloadText.size() + kEndText.size();
constexpr size_t kDigitsMax = 20;  // Of 2^64 - 1.
static_assert(kEntryTextBytes + 2 * 16 + 3 + 4 <= kJsonEntryBytesMax);
static_assert(kEntryTextBytes + 3 >= kEntryHeadBytes, "a text is longer than its binary body");

constexpr std::string_view kBase64Digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr uint8_t kNoDigit = 0xff;

constexpr std::array<uint8_t, 256> Base64Values() {
  std::array<uint8_t, 256> values{};
  values.fill(kNoDigit);
  for (size_t i = 0; i < kBase64Digits.size(); ++i) {
    values[static_cast<uint8_t>(kBase64Digits[i])] = static_cast<uint8_t>(i);
  }
  return values;
}

constexpr std::array<uint8_t, 256> kBase64Values = Base64Values();

constexpr uint64_t Base64Bytes(uint64_t bytes) { return (bytes + 2) / 3 * 4; }

size_t Digits(uint64_t value) {
  size_t digits = 1;
  for (; value >= 10; value /= 10) ++digits;
  return digits;
}

// Writes text piece by piece.
class TextWriter {
 public:
  explicit TextWriter(std::byte* to) : start_(to), at_(to) {}

  void Text(std::string_view text) {
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }
  void Decimal(uint64_t value) {
    const size_t digits = Digits(value);
    for (size_t i = digits; i-- > 0; value /= 10) at_[i] = Byte('0' + static_cast<int>(value % 10));
    at_ += digits;
  }
  void Base64(std::span<const std::byte> bytes);
  size_t bytes() const { return static_cast<size_t>(at_ - start_); }

 private:
  static std::byte Byte(int character) { return static_cast<std::byte>(character); }
  void Put(uint32_t bits, int digits) {
    for (int shift = 18; digits-- > 0; shift -= 6) {
      *at_++ = Byte(kBase64Digits[(bits >> shift) & 63]);
    }
  }

  std::byte* const start_;
  std::byte* at_;
};

void TextWriter::Base64(std::span<const std::byte> bytes) {
  const auto bits = [&](size_t at, size_t count) {
    uint32_t value = 0;
    for (size_t i = 0; i < count; ++i) {
      value |= static_cast<uint32_t>(bytes[at + i]) << (16 - 8 * i);
    }
    return value;
  };
  size_t at = 0;
  for (; at + 3 <= bytes.size(); at += 3) Put(bits(at, 3), 4);
  const size_t rest = bytes.size() - at;
  if (rest == 0) return;
  Put(bits(at, rest), static_cast<int>(rest) + 1);
  Text(rest == 1 ? "==" : "=");
}

// Reads text piece by piece; each read takes exactly what the writer would have put there.
class TextReader {
 public:
  explicit TextReader(std::span<const std::byte> text) : rest_(text) {}

  bool Text(std::string_view text) {
    if (rest_.size() < text.size() || std::memcmp(rest_.data(), text.data(), text.size()) != 0) {
      return false;
    }
    rest_ = rest_.subspan(text.size());
    return true;
  }
  // Without a sign or leading zeros, at most `max`.
  bool Decimal(uint64_t* value, uint64_t max = std::numeric_limits<uint64_t>::max());
  // Everything that is left but the last tail_bytes. REQUIRES: there are as many.
  std::span<const std::byte> AllBut(size_t tail_bytes) {
    const std::span<const std::byte> text = rest_.first(rest_.size() - tail_bytes);
    rest_ = rest_.last(tail_bytes);
    return text;
  }
  size_t left() const { return rest_.size(); }

 private:
  std::span<const std::byte> rest_;
};

bool TextReader::Decimal(uint64_t* value, uint64_t max) {
  uint64_t sum = 0;
  size_t digits = 0;
  for (; digits < rest_.size() && digits <= kDigitsMax; ++digits) {
    const auto digit = static_cast<uint64_t>(rest_[digits]) - '0';
    if (digit > 9) break;
    if (sum > (max - digit) / 10 || (digits == 1 && sum == 0)) return false;
    sum = sum * 10 + digit;
  }
  if (digits == 0) return false;
  *value = sum;
  rest_ = rest_.subspan(digits);
  return true;
}

// The value of four digits; above 2^24 when one of them is none.
uint32_t Quantum(const std::byte* text) {
  uint32_t bits = 0;
  for (size_t i = 0; i < 4; ++i) {
    const uint32_t value = kBase64Values[static_cast<uint8_t>(text[i])];
    if (value == kNoDigit) return UINT32_MAX;
    bits = bits << 6 | value;
  }
  return bits;
}

// The last four characters, of which one or two may be padding; the bits that no byte takes must be
// zero. Writes 1 to 3 bytes; returns how many, or 0.
size_t DecodeLastQuantum(const std::byte* text, std::byte* to) {
  std::array<std::byte, 4> digits;
  std::memcpy(digits.data(), text, digits.size());
  size_t bytes = 3;
  for (; bytes > 1 && digits[bytes] == std::byte{'='}; --bytes) digits[bytes] = std::byte{'A'};
  const uint32_t bits = Quantum(digits.data());
  if (bits == UINT32_MAX || (bits & ((1u << (8 * (3 - bytes))) - 1)) != 0) return 0;
  for (size_t i = 0; i < bytes; ++i) to[i] = static_cast<std::byte>(bits >> (16 - 8 * i));
  return bytes;
}

bool DecodeBase64(std::span<const std::byte> text, std::byte* to, size_t* bytes) {
  *bytes = 0;
  if (text.empty()) return true;
  if (text.size() % 4 != 0) return false;
  const size_t last = text.size() - 4;
  for (size_t at = 0; at < last; at += 4) {
    const uint32_t bits = Quantum(text.data() + at);
    if (bits == UINT32_MAX) return false;
    for (size_t i = 0; i < 3; ++i) to[*bytes + i] = static_cast<std::byte>(bits >> (16 - 8 * i));
    *bytes += 3;
  }
  const size_t of_last = DecodeLastQuantum(text.data() + last, to + *bytes);
  *bytes += of_last;
  return of_last != 0;
}

}  // namespace

uint64_t JsonEntryBytes(uint64_t term, uint64_t index, uint8_t kind, uint64_t payload_bytes) {
  return kEntryTextBytes + Digits(term) + Digits(index) + Digits(kind) + Base64Bytes(payload_bytes);
}

size_t EncodeJsonEntry(std::byte* to, std::span<const std::byte> body) {
  TextWriter text(to);
  text.Text(kTermText);
  text.Decimal(Load64(body.data()));
  text.Text(kIndexText);
  text.Decimal(Load64(body.data() + 8));
  text.Text(kKindText);
  text.Decimal(static_cast<uint64_t>(body[16]));
  text.Text(kPayloadText);
  text.Base64(body.subspan(kEntryHeadBytes));
  text.Text(kEndText);
  return text.bytes();
}

size_t EncodeJsonState(std::byte* to, std::span<const std::byte> body) {
  TextWriter text(to);
  if (body[0] == static_cast<std::byte>(StateRecordType::kHardState)) {
    text.Text(kHardStateText);
    text.Decimal(Load64(body.data() + 1));
    text.Text(kVoteText);
    text.Decimal(Load64(body.data() + 9));
    text.Text(kCommitText);
    text.Decimal(Load64(body.data() + 17));
  } else {
    text.Text(kTruncateText);
    text.Decimal(Load64(body.data() + 1));
  }
  text.Text(kEndText);
  return text.bytes();
}

const char* DecodeJsonEntry(std::span<const std::byte> text, std::byte* to, size_t* frame_bytes) {
  constexpr const char* kWrong = "the text of an entry is not in its canonical form";
  TextReader reader(text);
  uint64_t term;
  uint64_t index;
  uint64_t kind;
  if (!reader.Text(kTermText) || !reader.Decimal(&term) || !reader.Text(kIndexText) ||
      !reader.Decimal(&index) || !reader.Text(kKindText) || !reader.Decimal(&kind, 255) ||
      !reader.Text(kPayloadText) || reader.left() < kEndText.size()) {
    return kWrong;
  }
  std::byte* payload = to + kEntryPayloadOffset;
  size_t payload_bytes;
  if (!DecodeBase64(reader.AllBut(kEndText.size()), payload, &payload_bytes) ||
      !reader.Text(kEndText)) {
    return kWrong;
  }
  *frame_bytes = EncodeFrame(to, term, index, static_cast<uint8_t>(kind), {payload, payload_bytes});
  return nullptr;
}

const char* DecodeJsonState(std::span<const std::byte> text, std::byte* to, size_t* frame_bytes) {
  TextReader hard_state(text);
  HardState state;
  if (hard_state.Text(kHardStateText) && hard_state.Decimal(&state.term) &&
      hard_state.Text(kVoteText) && hard_state.Decimal(&state.vote) &&
      hard_state.Text(kCommitText) && hard_state.Decimal(&state.commit_index) &&
      hard_state.Text(kEndText) && hard_state.left() == 0) {
    *frame_bytes = EncodeHardStateFrame(to, state);
    return nullptr;
  }
  TextReader truncation(text);
  uint64_t from;
  if (truncation.Text(kTruncateText) && truncation.Decimal(&from) && truncation.Text(kEndText) &&
      truncation.left() == 0) {
    *frame_bytes = EncodeTruncateFrame(to, from);
    return nullptr;
  }
  return "the text of a state record is not in its canonical form";
}

}  // namespace clustor
