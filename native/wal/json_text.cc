#include "wal/json_text.h"

namespace clustor {

std::string QuoteJson(std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (byte < 0x20) {
      quoted += "\\u00";
      quoted += kHex[byte >> 4];
      quoted += kHex[byte & 15];
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

void JsonObject::Member(std::string_view name, std::string_view json) {
  text_ += text_.empty() ? "{\n" : ",\n";
  text_ += indent_ + QuoteJson(name) + ": ";
  text_ += json;
}

std::string JsonObject::Take() {
  if (text_.empty()) return "{}";
  return text_ + "\n" + indent_.substr(2) + "}";
}

}  // namespace clustor
