#include "wal/identity.h"

#include <optional>
#include <vector>

#include "base/coding.h"
#include "wal/json_text.h"
#include "wal/replace_file.h"

namespace clustor {

namespace {

constexpr uint64_t kIdentityFormat = 1;
// Two names of 255 bytes, each byte escaped to six, and the rest.
constexpr size_t kIdentityBytesMax = 8192;

// Eats a fixed form piece by piece; after the first mismatch everything fails.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}

  bool ok() const { return ok_; }
  bool AtEnd() const { return ok_ && rest_.empty(); }

  void Expect(std::string_view text) {
    ok_ = ok_ && rest_.starts_with(text);
    if (ok_) rest_.remove_prefix(text.size());
  }

  uint64_t Number() {
    uint64_t value = 0;
    size_t digits = 0;
    for (; digits < rest_.size() && digits < 20; ++digits) {
      const char c = rest_[digits];
      if (c < '0' || c > '9') break;
      value = value * 10 + static_cast<uint64_t>(c - '0');
    }
    ok_ = ok_ && digits > 0 && digits < 20;
    if (ok_) rest_.remove_prefix(digits);
    return value;
  }

  uint64_t QuotedNumber() {
    Expect("\"");
    const uint64_t value = Number();
    Expect("\"");
    return value;
  }

  std::string String() {
    std::string text;
    Expect("\"");
    while (ok_ && !rest_.empty() && rest_.front() != '"') {
      const std::optional<char> c = Character();
      if (c) text += *c;
    }
    Expect("\"");
    return text;
  }

 private:
  std::optional<char> Character() {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    if (c != '\\') return c;
    ok_ = !rest_.empty();
    if (!ok_) return std::nullopt;
    const char escaped = rest_.front();
    rest_.remove_prefix(1);
    if (escaped == '"' || escaped == '\\') return escaped;
    ok_ = escaped == 'u' && rest_.size() >= 4 && rest_.starts_with("00");
    if (!ok_) return std::nullopt;
    const auto digit = [](char hex) { return hex <= '9' ? hex - '0' : (hex | 0x20) - 'a' + 10; };
    const int value = digit(rest_[2]) * 16 + digit(rest_[3]);
    rest_.remove_prefix(4);
    ok_ = value >= 0 && value < 0x20;
    return static_cast<char>(value);
  }

  std::string_view rest_;
  bool ok_ = true;
};

std::string Describe(const LogIdentity& identity) {
  return "cluster " + QuoteJson(identity.cluster) + ", partition " + QuoteJson(identity.partition) +
         ", replica " + std::to_string(identity.replica) +
         (identity.incarnation == 0 ? std::string()
                                    : ", incarnation " + std::to_string(identity.incarnation));
}

}  // namespace

std::string FormatIdentity(const LogIdentity& identity, uint64_t created_ms) {
  return "{\n  \"format\": " + std::to_string(kIdentityFormat) +
         ",\n  \"cluster\": " + QuoteJson(identity.cluster) +
         ",\n  \"partition\": " + QuoteJson(identity.partition) + ",\n  \"replica\": \"" +
         std::to_string(identity.replica) + "\",\n  \"incarnation\": \"" +
         std::to_string(identity.incarnation) + "\",\n  \"createdMs\": \"" +
         std::to_string(created_ms) + "\"\n}\n";
}

StatusOr<LogIdentity> ParseIdentity(std::string_view text) {
  LogIdentity identity;
  Cursor cursor(text);
  cursor.Expect("{\n  \"format\": ");
  const uint64_t format = cursor.Number();
  if (cursor.ok() && format > kIdentityFormat) {
    return Status(StatusCode::kFormatNewer,
                  "identity.json has format " + std::to_string(format) + ", this version reads 1");
  }
  cursor.Expect(",\n  \"cluster\": ");
  identity.cluster = cursor.String();
  cursor.Expect(",\n  \"partition\": ");
  identity.partition = cursor.String();
  cursor.Expect(",\n  \"replica\": ");
  identity.replica = cursor.QuotedNumber();
  cursor.Expect(",\n  \"incarnation\": ");
  identity.incarnation = cursor.QuotedNumber();
  cursor.Expect(",\n  \"createdMs\": ");
  const uint64_t created_ms = cursor.QuotedNumber();
  cursor.Expect("\n}\n");
  // Whatever is accepted is what would be written, so no byte of the file is left unchecked.
  if (!cursor.AtEnd() || FormatIdentity(identity, created_ms) != text) {
    return Status(StatusCode::kLogCorrupt, "identity.json does not have its fixed form");
  }
  return identity;
}

StatusOr<LogIdentity> ReadIdentity(Env* env, const LogPaths& paths) {
  StatusOr<std::unique_ptr<File>> file = env->OpenFile(paths.Identity(), OpenMode::kReadOnly);
  if (!file.ok()) return file.status();
  std::vector<std::byte> bytes(kIdentityBytesMax);
  const StatusOr<size_t> got = (*file)->ReadAt(0, bytes);
  if (!got.ok()) return got.status();
  StatusOr<LogIdentity> identity =
      ParseIdentity({reinterpret_cast<const char*>(bytes.data()), *got});
  if (identity.ok()) return identity;
  Status failure = identity.status();
  failure.mutable_details().path = paths.Identity();
  return failure;
}

Status WriteIdentity(Env* env, const LogPaths& paths, const LogIdentity& identity) {
  const std::string text = FormatIdentity(identity, env->WallClockMs());
  return ReplaceFile(env, paths.directory, paths.IdentityNext(), paths.Identity(), text);
}

Status CheckIdentity(const LogIdentity& there, const LogIdentity& expected,
                     const std::string& path) {
  const bool same = there.cluster == expected.cluster && there.partition == expected.partition &&
                    there.replica == expected.replica &&
                    (expected.incarnation == 0 || there.incarnation == expected.incarnation);
  if (same) return Status::Ok();
  StatusDetails details;
  details.message = path + " belongs to " + Describe(there) + "; expected was " +
                    Describe(expected) + ". Nothing was changed.";
  details.path = path;
  return Status(StatusCode::kIdentityMismatch, std::move(details));
}

}  // namespace clustor
