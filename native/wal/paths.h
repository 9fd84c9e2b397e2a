// Names of the files of a log (docs/wal-format.md, section 1).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace clustor {

struct LogPaths {
  std::string directory;
  std::string wal;

  std::string Lock() const { return directory + "/LOCK"; }
  std::string Identity() const { return directory + "/identity.json"; }
  std::string IdentityNext() const { return directory + "/identity.next"; }
  std::string BootRecord() const { return directory + "/boot_record.json"; }
  std::string BootRecordNext() const { return directory + "/boot_record.next"; }
  std::string Ledger() const { return wal + "/durability.log"; }
  std::string LedgerNext() const { return wal + "/durability.next"; }
  std::string Settling() const { return wal + "/settling.log"; }
  std::string SettlingNext() const { return wal + "/settling.next"; }
  std::string Segment(uint64_t segment_seq) const;
  std::string Index(uint64_t segment_seq) const;
  std::string Spare(uint64_t number) const;
  std::string Headroom() const { return wal + "/headroom.log"; }
  // Of a segment of a log that is being rewritten.
  std::string Rewrite(uint64_t segment_seq) const;
  std::string RewriteLedger() const { return wal + "/rewrite-durability.log"; }
};

// wal_directory empty: directory + "/wal".
LogPaths PathsOf(const std::string& directory, const std::string& wal_directory);

// The segment_seq in the name of a segment file; nothing for any other name.
std::optional<uint64_t> SegmentSeqOfName(std::string_view name);
// Likewise of the index of one.
std::optional<uint64_t> IndexSeqOfName(std::string_view name);
bool IsSpareName(std::string_view name);
// The number in the path of a spare; nothing for any other path.
std::optional<uint64_t> SpareNumberOfPath(std::string_view path);

// Files of a log that is being rewritten (docs/wal-format.md, "Rewriting a log").
inline constexpr std::string_view kRewritePrefix = "rewrite-";
bool IsRewriteName(std::string_view name);
// The segment_seq in the name of such a segment; nothing for any other name.
std::optional<uint64_t> RewriteSeqOfName(std::string_view name);

}  // namespace clustor
