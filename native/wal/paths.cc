#include "wal/paths.h"

namespace clustor {

namespace {

constexpr std::string_view kSegmentPrefix = "segment-";
constexpr std::string_view kSparePrefix = "spare-";
constexpr std::string_view kSuffix = ".log";
constexpr std::string_view kIndexSuffix = ".idx";
constexpr size_t kDigits = 10;

std::string Numbered(const std::string& wal, std::string_view prefix, uint64_t segment_seq,
                     std::string_view suffix = kSuffix) {
  std::string digits = std::to_string(segment_seq);
  if (digits.size() < kDigits) digits.insert(0, kDigits - digits.size(), '0');
  return wal + "/" + std::string(prefix) + digits + std::string(suffix);
}

std::optional<uint64_t> NumberOfName(std::string_view name, std::string_view prefix,
                                     std::string_view suffix = kSuffix) {
  if (!name.starts_with(prefix) || !name.ends_with(suffix)) return std::nullopt;
  name.remove_prefix(prefix.size());
  name.remove_suffix(suffix.size());
  if (name.size() < kDigits || name.size() > 16) return std::nullopt;
  uint64_t number = 0;
  for (const char digit : name) {
    if (digit < '0' || digit > '9') return std::nullopt;
    number = number * 10 + static_cast<uint64_t>(digit - '0');
  }
  return number;
}

}  // namespace

std::string LogPaths::Segment(uint64_t segment_seq) const {
  return Numbered(wal, kSegmentPrefix, segment_seq);
}

std::string LogPaths::Index(uint64_t segment_seq) const {
  return Numbered(wal, kSegmentPrefix, segment_seq, kIndexSuffix);
}

std::string LogPaths::Spare(uint64_t number) const { return Numbered(wal, kSparePrefix, number); }

std::string LogPaths::Rewrite(uint64_t segment_seq) const {
  return Numbered(wal, kRewritePrefix, segment_seq);
}

LogPaths PathsOf(const std::string& directory, const std::string& wal_directory) {
  return {directory, wal_directory.empty() ? directory + "/wal" : wal_directory};
}

std::optional<uint64_t> SegmentSeqOfName(std::string_view name) {
  return NumberOfName(name, kSegmentPrefix);
}

std::optional<uint64_t> IndexSeqOfName(std::string_view name) {
  return NumberOfName(name, kSegmentPrefix, kIndexSuffix);
}

std::optional<uint64_t> RewriteSeqOfName(std::string_view name) {
  return NumberOfName(name, kRewritePrefix);
}

bool IsRewriteName(std::string_view name) { return name.starts_with(kRewritePrefix); }

bool IsSpareName(std::string_view name) {
  return name.starts_with(kSparePrefix) && name.ends_with(kSuffix);
}

std::optional<uint64_t> SpareNumberOfPath(std::string_view path) {
  return NumberOfName(path.substr(path.find_last_of('/') + 1), kSparePrefix);
}

}  // namespace clustor
