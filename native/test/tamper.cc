#include "tamper.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <random>
#include <set>
#include <utility>

#include "base/coding.h"
#include "fault_env.h"
#include "log_fixture.h"
#include "tamper_layout.h"
#include "tamper_world.h"

namespace clustor::test {

namespace {

constexpr size_t kFailuresKept = 10;

enum class Adversary : uint8_t { kAccident, kForger };

// The name without its number.
std::string LabelOf(const std::string& name) {
  if (name.ends_with(".idx")) return "index";
  return name.substr(0, name.find_first_of("0123456789"));
}

class Matrix {
 public:
  Matrix(const TamperWorld& world, Adversary adversary, TamperResult* result)
      : world_(world), adversary_(adversary), result_(result), segments_(SegmentsOf(world.files)) {}

  void Run();

 private:
  using Change = std::function<void(Files*)>;

  void TryRegions();
  void TryRegion(const std::string& path, const std::string& file, const Region& region);
  void TryBlocks();
  void TrySegmentFiles();
  void TryLedger();
  void TryOtherFiles();
  void TryGrafts();
  void TryGraftedFiles(const std::string& source, const Files& files);
  void TryEnds();
  void TryTruncations(const std::string& path, const std::string& file);
  // Applies the change to a copy of the directory, opens it and counts how that ended.
  void Try(const std::string& file, const std::string& part, const std::string& action,
           const Change& change);
  TamperOutcome Judge(const Files& files) const;
  std::string FileName(const SegmentPlace& segment) const;

  const TamperWorld& world_;
  const Adversary adversary_;
  TamperResult* const result_;
  const std::vector<SegmentPlace> segments_;
};

void Flip(Files* files, const std::string& path, uint64_t offset, int bit) {
  std::byte byte[1];
  files->at(path).Read(offset, byte);
  byte[0] ^= static_cast<std::byte>(1 << bit);
  files->at(path).Write(offset, byte);
}

std::vector<std::byte> Bytes(const Files& files, const std::string& path, uint64_t offset,
                             uint64_t bytes) {
  std::vector<std::byte> read(static_cast<size_t>(bytes));
  files.at(path).Read(offset, read);
  return read;
}

// The part without the number of the field, so that the table stays short.
std::string PartOf(const std::string& name) {
  const size_t comma = name.find(", ");
  return comma == std::string::npos ? name : name.substr(0, comma);
}

bool SameContent(const FoundLog& a, const FoundLog& b) {
  return a.hard_state == b.hard_state && a.first_index == b.first_index &&
         a.last_index == b.last_index && a.frames == b.frames;
}

enum class Opening : uint8_t { kRefused, kSame, kOther };

Opening OpenFiles(const Files& files, const LogOptions& options, const FoundLog& truth) {
  const std::unique_ptr<FaultEnv> env = FaultEnv::Boot(files, 0);
  Recorder sink;
  StatusOr<std::unique_ptr<Log>> log = Log::Open(env.get(), options, nullptr, &sink);
  if (!log.ok()) return Opening::kRefused;
  const StatusOr<FoundLog> found = ReadFound(log->get());
  if (!found.ok()) return Opening::kRefused;
  return SameContent(*found, truth) ? Opening::kSame : Opening::kOther;
}

std::string Matrix::FileName(const SegmentPlace& segment) const {
  return segment.is_tail ? "tail segment" : "sealed segment";
}

TamperOutcome Matrix::Judge(const Files& files) const {
  const Opening without = OpenFiles(files, world_.options, world_.truth);
  if (without == Opening::kRefused) return TamperOutcome::kRefused;
  if (without == Opening::kSame) return TamperOutcome::kHarmless;
  LogOptions anchored = world_.options;
  anchored.anchor = world_.anchor;
  const Opening with = OpenFiles(files, anchored, world_.truth);
  return with == Opening::kRefused ? TamperOutcome::kAnchored : TamperOutcome::kUndetected;
}

void Matrix::Try(const std::string& file, const std::string& part, const std::string& action,
                 const Change& change) {
  Files files = world_.files;
  change(&files);
  if (adversary_ == Adversary::kForger) ForgeChecksums(&files);
  const std::string who = adversary_ == Adversary::kForger ? "forger" : "accident";
  TamperRow& row = result_->rows[{who, file, part, action}];
  ++result_->cases;
  switch (Judge(files)) {
    case TamperOutcome::kRefused:
      ++row.refused;
      break;
    case TamperOutcome::kHarmless:
      ++row.harmless;
      break;
    case TamperOutcome::kAnchored:
      ++row.anchored;
      break;
    case TamperOutcome::kUndetected:
      ++row.undetected;
      ++result_->undetected;
      if (result_->failures.size() < kFailuresKept) {
        result_->failures.push_back(who + ": " + action + " " + part + " of " + file);
      }
      break;
  }
}

void Matrix::TryRegion(const std::string& path, const std::string& file, const Region& region) {
  const std::string part = PartOf(region.name);
  std::mt19937_64 random(region.offset * 31 + region.bytes);
  for (int i = 0; i < 6; ++i) {
    uint64_t at = region.offset + random() % region.bytes;
    if (i == 0) at = region.offset;
    if (i == 1) at = region.offset + region.bytes - 1;
    const int bit = i < 2 ? 7 * i : static_cast<int>(random() % 8);
    Try(file, part, "flip", [&](Files* files) { Flip(files, path, at, bit); });
  }
  Try(file, part, "zero", [&](Files* files) { files->at(path).Zero(region.offset, region.bytes); });
  std::vector<std::byte> garbage(static_cast<size_t>(region.bytes));
  for (std::byte& byte : garbage) byte = static_cast<std::byte>(random());
  Try(file, part, "garbage", [&](Files* files) { files->at(path).Write(region.offset, garbage); });
  // What a neighbour holds there.
  const uint64_t other = region.offset >= kSegmentHeaderBytes
                             ? region.offset - std::min<uint64_t>(region.offset, 8192)
                             : region.offset + 512;
  const std::vector<std::byte> moved = Bytes(world_.files, path, other, region.bytes);
  Try(file, part, "swap with a neighbour", [&](Files* files) {
    const std::vector<std::byte> own = Bytes(*files, path, region.offset, region.bytes);
    files->at(path).Write(region.offset, moved);
    files->at(path).Write(other, own);
    files->at(path).Resize(world_.files.at(path).bytes());
  });
}

void Matrix::TryRegions() {
  for (const SegmentPlace& segment : segments_) {
    for (const Region& region : RegionsOf(segment)) {
      TryRegion(segment.path, FileName(segment), region);
    }
  }
  const std::string ledger = LedgerOf(world_.files);
  for (const Region& region : LedgerRegionsOf(world_.files.at(ledger))) {
    TryRegion(ledger, "ledger", region);
  }
}

// Whole blocks: exchanged, written over with another, taken out, and followed by older ones.
void Matrix::TryBlocks() {
  for (const SegmentPlace& segment : segments_) {
    const std::string file = FileName(segment);
    for (size_t i = 0; i < segment.blocks.size(); ++i) {
      const BlockPlace& block = segment.blocks[i];
      const uint64_t end = segment.blocks.back().offset + segment.blocks.back().bytes;
      Try(file, "whole block", "drop",
          [&](Files* files) { files->at(segment.path).Zero(block.offset, block.bytes); });
      Try(file, "whole block", "take out", [&](Files* files) {
        const uint64_t behind = block.offset + block.bytes;
        PagedBytes& bytes = files->at(segment.path);
        const std::vector<std::byte> rest = Bytes(*files, segment.path, behind, end - behind);
        bytes.Zero(block.offset, end - block.offset);
        if (!rest.empty()) bytes.Write(block.offset, rest);
      });
      for (size_t j = 0; j < segment.blocks.size(); ++j) {
        const BlockPlace& other = segment.blocks[j];
        if (i == j || other.bytes != block.bytes) continue;
        const auto bytes = Bytes(world_.files, segment.path, other.offset, other.bytes);
        Try(file, "whole block", "replay another in its place",
            [&](Files* files) { files->at(segment.path).Write(block.offset, bytes); });
        if (j < i) continue;
        Try(file, "whole block", "swap", [&](Files* files) {
          files->at(segment.path)
              .Write(other.offset, Bytes(*files, segment.path, block.offset, block.bytes));
          files->at(segment.path).Write(block.offset, bytes);
        });
      }
      if (end + block.bytes > segment.header.segment_bytes) continue;
      Try(file, "whole block", "replay behind the last", [&](Files* files) {
        files->at(segment.path).Write(end, Bytes(*files, segment.path, block.offset, block.bytes));
      });
    }
  }
}

void Matrix::TryTruncations(const std::string& path, const std::string& file) {
  const uint64_t bytes = world_.files.at(path).bytes();
  const std::set<uint64_t> lengths = {0,    1,         95,           4095,     4096,
                                      4097, bytes / 2, bytes - 4096, bytes - 1};
  for (const uint64_t length : lengths) {
    if (length >= bytes) continue;
    Try(file, "whole file", "truncate", [&](Files* files) { files->at(path).Resize(length); });
  }
  Try(file, "whole file", "lengthen", [&](Files* files) { files->at(path).Resize(bytes + 8192); });
}

void Matrix::TrySegmentFiles() {
  for (const SegmentPlace& segment : segments_) {
    const std::string file = FileName(segment);
    TryTruncations(segment.path, file);
    Try(file, "whole file", "drop", [&](Files* files) { files->erase(segment.path); });
    for (const SegmentPlace& other : segments_) {
      if (other.path == segment.path) continue;
      Try(file, "whole file", "replay another in its place",
          [&](Files* files) { (*files)[segment.path] = world_.files.at(other.path); });
      Try(file, "whole file", "swap with another",
          [&](Files* files) { std::swap((*files)[segment.path], (*files)[other.path]); });
    }
    const auto old = world_.older.find(segment.path);
    if (old == world_.older.end()) continue;
    Try(file, "whole file", "put back an older one",
        [&](Files* files) { (*files)[segment.path] = old->second; });
  }
  Try("all segments", "whole files", "drop", [&](Files* files) {
    for (const SegmentPlace& segment : segments_) files->erase(segment.path);
  });
}

void Matrix::TryLedger() {
  const std::string path = LedgerOf(world_.files);
  TryTruncations(path, "ledger");
  Try("ledger", "whole file", "drop", [&](Files* files) { files->erase(path); });
  Try("ledger", "whole file", "put back an older one",
      [&](Files* files) { (*files)[path] = world_.older.at(path); });
  const uint64_t bytes = world_.files.at(path).bytes();
  std::vector<uint64_t> used;
  for (uint64_t at = 0; at + kLedgerRecordBytes <= bytes; at += kLedgerRecordBytes) {
    if (!world_.files.at(path).IsZero(at, kLedgerRecordBytes)) used.push_back(at);
  }
  for (size_t i = 0; i < used.size(); ++i) {
    Try("ledger", "whole record", "drop",
        [&](Files* files) { files->at(path).Zero(used[i], kLedgerRecordBytes); });
    Try("ledger", "whole record", "drop with all behind it",
        [&](Files* files) { files->at(path).Zero(used[i], bytes - used[i]); });
    const uint64_t other = used[(i * 7 + 3) % used.size()];
    Try("ledger", "whole record", "swap", [&](Files* files) {
      const auto one = Bytes(*files, path, used[i], kLedgerRecordBytes);
      files->at(path).Write(used[i], Bytes(*files, path, other, kLedgerRecordBytes));
      files->at(path).Write(other, one);
    });
    Try("ledger", "whole record", "replay behind the last", [&](Files* files) {
      files->at(path).Write(used.back() + kLedgerRecordBytes,
                            Bytes(*files, path, used[i], kLedgerRecordBytes));
    });
  }
}

// Identity, boot record, spares, headroom, sidecars: nothing in them is part of the log.
void Matrix::TryOtherFiles() {
  for (const auto& entry : world_.files) {
    // No structured binding: clang 14 captures none in a lambda.
    const auto& path = entry.first;
    const auto& content = entry.second;
    const std::string name = path.substr(path.find_last_of('/') + 1);
    if (IsSegment(path) || name == "durability.log" || name == "LOCK") continue;
    const std::string file = LabelOf(name);
    if (content.bytes() == 0) continue;
    TryRegion(path, file, {"content", 0, std::min<uint64_t>(content.bytes(), 400)});
    for (uint64_t at = 0; at < std::min<uint64_t>(content.bytes(), 400); ++at) {
      Try(file, "content", "flip", [&](Files* files) { Flip(files, path, at, at % 8); });
    }
    Try(file, "whole file", "drop", [&](Files* files) { files->erase(path); });
    Try(file, "whole file", "truncate",
        [&](Files* files) { files->at(path).Resize(content.bytes() / 2); });
  }
}

void Matrix::TryGraftedFiles(const std::string& source, const Files& other) {
  const std::string action = "graft from " + source;
  for (const auto& entry : other) {
    const auto& path = entry.first;
    const auto& content = entry.second;
    const std::string name = path.substr(path.find_last_of('/') + 1);
    if (name == "LOCK") continue;
    const std::string file = LabelOf(name);
    Try(file, "whole file", action, [&](Files* files) { (*files)[path] = content; });
  }
  // Blocks at the same place of the same segment.
  for (const SegmentPlace& segment : SegmentsOf(other)) {
    if (world_.files.find(segment.path) == world_.files.end()) continue;
    for (const BlockPlace& block : segment.blocks) {
      const auto bytes = Bytes(other, segment.path, block.offset, block.bytes);
      Try("segment-", "whole block", action,
          [&](Files* files) { files->at(segment.path).Write(block.offset, bytes); });
    }
  }
  // All but the identity, and segments with their ledger.
  Try("directory", "all but identity.json", action, [&](Files* files) {
    for (auto it = files->begin(); it != files->end();) {
      it = it->first.ends_with("identity.json") ? std::next(it) : files->erase(it);
    }
    for (const auto& [path, content] : other) {
      if (!path.ends_with("identity.json")) (*files)[path] = content;
    }
  });
}

void Matrix::TryGrafts() {
  TryGraftedFiles("another node", world_.other_node);
  TryGraftedFiles("another partition", world_.other_partition);
  TryGraftedFiles("an older life", world_.older_life);
  TryGraftedFiles("the same log, earlier", world_.older);
  Try("directory", "everything", "roll back", [&](Files* files) { *files = world_.older; });
}

// The end of the log cut off with the proofs of it: whole and consistent, and too short.
void Matrix::TryEnds() {
  const std::string ledger = LedgerOf(world_.files);
  for (size_t keep = 0; keep < segments_.size(); ++keep) {
    const SegmentPlace& segment = segments_[keep];
    for (size_t blocks = 0; blocks <= segment.blocks.size(); ++blocks) {
      if (keep + 1 == segments_.size() && blocks == segment.blocks.size()) break;
      const uint64_t last =
          blocks > 0 ? segment.blocks[blocks - 1].header.number : segment.header.first_block - 1;
      Try("directory", "segments and ledger", "cut off the end", [&](Files* files) {
        for (size_t i = keep + 1; i < segments_.size(); ++i) files->erase(segments_[i].path);
        const uint64_t end = blocks < segment.blocks.size()
                                 ? segment.blocks[blocks].offset
                                 : segment.blocks.back().offset + segment.blocks.back().bytes;
        files->at(segment.path).Zero(end, segment.header.segment_bytes - end);
        PagedBytes& proofs = files->at(ledger);
        for (uint64_t at = 0; at + kLedgerRecordBytes <= proofs.bytes(); at += kLedgerRecordBytes) {
          const auto bytes = Bytes(*files, ledger, at, kLedgerRecordBytes);
          LedgerRecord record;
          if (!DecodeLedgerRecord(bytes.data(), &record)) continue;
          const bool is_proof = record.io_mode < 3 ||
                                record.io_mode == static_cast<uint8_t>(LedgerTag::kBlock) ||
                                record.io_mode == static_cast<uint8_t>(LedgerTag::kClaim);
          const bool is_number = record.io_mode >= 3;
          if (is_proof && (!is_number || record.term > last)) proofs.Zero(at, kLedgerRecordBytes);
        }
      });
    }
  }
}

void Matrix::Run() {
  TryRegions();
  TryBlocks();
  TrySegmentFiles();
  TryLedger();
  TryOtherFiles();
  TryGrafts();
  TryEnds();
}

std::string Ending(const TamperRow& row) {
  std::string text;
  const auto add = [&](uint64_t count, const char* word) {
    if (count > 0) text += (text.empty() ? "" : " or ") + std::string(word);
  };
  add(row.refused, "refused");
  add(row.harmless, "harmless");
  add(row.anchored, "anchored");
  add(row.undetected, "UNDETECTED");
  return text;
}

}  // namespace

TamperResult RunTamper() {
  TamperResult result;
  const TamperWorld plain = MakeTamperWorld(Protection::kPlain);
  Matrix(plain, Adversary::kAccident, &result).Run();
  const TamperWorld sealed = MakeTamperWorld(Protection::kSealed);
  Matrix(sealed, Adversary::kForger, &result).Run();
  return result;
}

std::string TamperMarkdown(const TamperResult& result) {
  std::string text =
      "# Tampering\n\n"
      "What opening a log notices of changes to its files. `npm run tamper` makes every case of "
      "this table and counts\n"
      "how each ended; `npm run --silent tamper -- --markdown` writes it, and a test compares the "
      "two.\n\n"
      "Two adversaries. An **accident** flips, swaps, drops, replays, truncates and grafts parts "
      "of a log that has checksums\n"
      "only. A **forger** does the same to a log with encrypted blocks and segment trailers, and "
      "then makes every CRC and every\n"
      "link of the chain right again, without having a key.\n\n"
      "A case ends as *refused*: an error names what is wrong and nothing is changed; as "
      "*harmless*: the log holds exactly what\n"
      "it truly held, hard state and every byte of every entry; or as *anchored*: the directory is "
      "whole, consistent and older,\n"
      "shorter or begins later than it should, which nothing in it can tell. The option `anchor`, "
      "kept outside of the directory,\n"
      "refuses those with ERR_LOG_ROLLED_BACK. A line with more than one word stands for cases "
      "that end differently: a flipped\n"
      "bit in the padding of a block is harmless, one in its frames is refused.\n\n"
      "| Adversary | File | Part | What was done | Ends as |\n"
      "|---|---|---|---|---|\n";
  for (const auto& [key, row] : result.rows) {
    const auto& [who, file, part, action] = key;
    text +=
        "| " + who + " | " + file + " | " + part + " | " + action + " | " + Ending(row) + " |\n";
  }
  return text;
}

}  // namespace clustor::test
