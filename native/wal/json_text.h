// The few words of JSON that the files of a log are written with.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace clustor {

// A JSON string: quotes, backslashes and control characters escaped, all other bytes as they are.
std::string QuoteJson(std::string_view text);

// An object of one member per line, in the order of the calls.
class JsonObject {
 public:
  // `depth`: how many objects it stands in; members are indented by two spaces more than that.
  explicit JsonObject(int depth = 0) : indent_(static_cast<size_t>(depth) * 2 + 2, ' ') {}

  void Text(std::string_view name, std::string_view text) { Member(name, QuoteJson(text)); }
  // Integers that may pass 2^53, as decimal strings.
  void Wide(std::string_view name, uint64_t value) {
    Member(name, QuoteJson(std::to_string(value)));
  }
  // A value that is JSON already.
  void Member(std::string_view name, std::string_view json);
  std::string Take();

 private:
  const std::string indent_;
  std::string text_;
};

}  // namespace clustor
