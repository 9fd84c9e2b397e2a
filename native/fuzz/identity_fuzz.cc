// identity.json: accepted is exactly what FormatIdentity writes.
#include <cstdlib>
#include <string_view>

#include "fuzz_target.h"
#include "wal/identity.h"

namespace clustor::fuzz {

namespace {

uint64_t CreatedMs(std::string_view text) {
  constexpr std::string_view kName = "\"createdMs\": \"";
  const size_t at = text.rfind(kName);
  HOLDS(at != std::string_view::npos);
  return std::strtoull(std::string(text.substr(at + kName.size())).c_str(), nullptr, 10);
}

void Run(std::span<const std::byte> input) {
  const std::string_view text(reinterpret_cast<const char*>(input.data()), input.size());
  const StatusOr<LogIdentity> identity = ParseIdentity(text);
  if (!identity.ok()) {
    HOLDS(identity.status().code() == StatusCode::kLogCorrupt ||
          identity.status().code() == StatusCode::kFormatNewer);
    return;
  }
  HOLDS(FormatIdentity(*identity, CreatedMs(text)) == text);
}

std::vector<Bytes> Seeds() {
  std::vector<Bytes> seeds;
  const std::string odd = "a\"b\\c\n\x1f\xc3\xa9";
  for (const LogIdentity& identity :
       {LogIdentity{"c1", "orders", 1, 1'784'000'000'000}, LogIdentity{odd, "", 0, 0}}) {
    const std::string text = FormatIdentity(identity, 1'784'000'000'000);
    seeds.emplace_back(AsBytes(text).begin(), AsBytes(text).end());
  }
  return seeds;
}

FUZZ_TARGET("identity", Run, Seeds);

}  // namespace

}  // namespace clustor::fuzz
