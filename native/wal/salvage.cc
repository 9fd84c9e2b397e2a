#include "wal/salvage.h"

#include <algorithm>
#include <utility>

#include "base/coding.h"
#include "wal/frame_reader.h"
#include "wal/identity.h"
#include "wal/log_copy.h"
#include "wal/replay.h"
#include "wal/rewrite_flip.h"
#include "wal/scan.h"
#include "wal/stray_blocks.h"

namespace clustor {

namespace {

Status Invalid(std::string message) {
  return Status(StatusCode::kInvalidArgument, std::move(message));
}

bool IsKeyError(const Status& status) {
  return status.code() == StatusCode::kKeyUnknownEpoch || status.code() == StatusCode::kKeyWrong ||
         status.code() == StatusCode::kCryptoUnavailable;
}

class Salvager {
 public:
  // source: where the damaged log is read, perhaps another view of env.
  Salvager(Env* env, Env* source, const SalvageOptions& options)
      : env_(env),
        source_(source),
        options_(options),
        from_(PathsOf(options.from, options.from_wal)),
        to_(PathsOf(options.to, options.to_wal)),
        walker_(source, from_, options.keys) {}

  StatusOr<SalvageReport> Run();

 private:
  Status CheckPlaces();
  Status ReadLedger();
  Status FindIdentity();
  Status CopyPrefix();
  Status CopySegment(uint64_t segment_seq);
  Status CheckTrailer(const SegmentHeader& header, bool is_newest);
  Status CopyBlock(const BlockView& block);
  void Damage(uint64_t segment_seq, uint64_t offset, std::string why);
  Status MakeCopy();
  void JudgeEnd();
  Status FindStrays();
  Status FindStraysIn(uint64_t segment_seq);
  Status AddStrays(const BlockView& block);
  void CountStray(uint64_t segment_seq, uint64_t index);
  Status Finish();

  Env* const env_;
  Env* const source_;
  const SalvageOptions& options_;
  const LogPaths from_;
  const LogPaths to_;
  BlockWalker walker_;
  std::optional<LedgerScan> ledger_;
  std::vector<uint64_t> segments_;  // That are there, from the first one of the log on.
  std::optional<LogIdentity> identity_;
  ReplayedLog log_;
  ChainEnd end_;
  uint64_t end_offset_ = kSegmentHeaderBytes;  // Of the segment read last.
  std::string end_why_;                        // Why its chain ended there, if not with nothing.
  std::unique_ptr<LogCopy> copy_;
  SalvageReport report_;
};

StatusOr<SalvageReport> Salvager::Run() {
  RETURN_IF_ERROR(CheckPlaces());
  RETURN_IF_ERROR(ReadLedger());
  RETURN_IF_ERROR(FindIdentity());
  RETURN_IF_ERROR(CopyPrefix());
  RETURN_IF_ERROR(FindStrays());
  RETURN_IF_ERROR(Finish());
  return std::move(report_);
}

Status Salvager::CheckPlaces() {
  const StatusOr<bool> locked = source_->IsLocked(from_.Lock());
  if (!locked.ok()) return locked.status();
  if (*locked) return Status(StatusCode::kLocked, "a process has the log in " + from_.directory);
  if (to_.directory == from_.directory || to_.wal == from_.wal) {
    return Invalid("the new log cannot stand where the damaged one is");
  }
  const StatusOr<bool> has_identity = env_->FileExists(to_.Identity());
  if (!has_identity.ok()) return has_identity.status();
  std::vector<std::string> junk;
  const StatusOr<std::vector<uint64_t>> segments = ListSegments(env_, to_, &junk);
  if (!segments.ok()) return segments.status();
  const StatusOr<bool> has_ledger = env_->FileExists(to_.Ledger());
  if (!has_ledger.ok()) return has_ledger.status();
  if (*has_identity || *has_ledger || !segments->empty()) {
    return Invalid(to_.directory + " holds a log already");
  }
  return Status::Ok();
}

Status Salvager::ReadLedger() {
  StatusOr<std::unique_ptr<File>> file = source_->OpenFile(from_.Ledger(), OpenMode::kReadOnly);
  if (file.ok()) {
    StatusOr<LedgerScan> ledger = ScanLedger(file->get(), from_.Ledger());
    if (ledger.ok()) ledger_ = std::move(*ledger);
  }
  std::vector<std::string> junk;
  StatusOr<std::vector<uint64_t>> segments = ListSegments(source_, from_, &junk);
  if (!segments.ok()) return segments.status();
  segments_ = std::move(*segments);
  if (ledger_) {
    std::erase_if(segments_, [this](uint64_t seq) { return seq < ledger_->prefix_segment; });
  }
  return Status::Ok();
}

Status Salvager::FindIdentity() {
  StatusOr<LogIdentity> identity = ReadIdentity(source_, from_);
  if (identity.ok()) {
    identity_ = std::move(*identity);
  } else if (options_.identity) {
    identity_ = *options_.identity;
  } else {
    return Invalid("whose log " + from_.directory + " holds cannot be read: name its identity (" +
                   identity.status().message() + ")");
  }
  report_.identity = *identity_;
  report_.identity.incarnation = std::max(identity_->incarnation + 1, env_->WallClockMs());
  return Status::Ok();
}

void Salvager::Damage(uint64_t segment_seq, uint64_t offset, std::string why) {
  if (report_.loss) return;
  report_.loss = SalvageLoss{segment_seq, offset, 0, 0, std::move(why)};
  if (ledger_ && ledger_->proof_last_index > log_.last_index) {
    report_.loss->first_index = log_.last_index + 1;
    report_.loss->last_index = ledger_->proof_last_index;
  }
}

Status Salvager::CopyPrefix() {
  uint64_t expected = ledger_ ? ledger_->prefix_segment : 0;
  for (const uint64_t segment_seq : segments_) {
    if (expected != 0 && segment_seq != expected) break;
    RETURN_IF_ERROR(CopySegment(segment_seq));
    if (report_.loss) break;
    expected = segment_seq + 1;
  }
  if (!report_.loss) {
    const bool is_gap = !segments_.empty() && expected != segments_.back() + 1;
    if (is_gap) Damage(expected, 0, "the segment is missing");
    JudgeEnd();
  }
  return copy_ == nullptr ? MakeCopy() : Status::Ok();
}

Status Salvager::CopySegment(uint64_t segment_seq) {
  const bool is_newest = segment_seq == segments_.back();
  const Status opened = walker_.OpenSegment(segment_seq);
  if (IsKeyError(opened) || opened.code() == StatusCode::kFormatNewer) return opened;
  if (!opened.ok()) {
    // The newest one without a header and without a proven block is a crash while it was made.
    const bool needed = !is_newest || (ledger_ && ledger_->proven_block > end_.block);
    if (needed) Damage(segment_seq, 0, opened.message());
    return Status::Ok();
  }
  const SegmentHeader& header = walker_.header();
  if (copy_ == nullptr) {
    StartReplay(header.base_index, &log_);
    RETURN_IF_ERROR(MakeCopy());
  } else if (header.first_block != end_.block + 1 || header.previous_checksum != end_.checksum) {
    Damage(segment_seq - 1, end_offset_,
           "the next segment does not follow the end of this one" +
               (end_why_.empty() ? std::string() : ": " + end_why_));
    return Status::Ok();
  }
  RETURN_IF_ERROR(CheckTrailer(header, is_newest));
  if (report_.loss) return Status::Ok();
  end_ = walker_.end();
  for (;;) {
    BlockView block;
    end_why_.clear();
    end_offset_ = walker_.offset();
    const StatusOr<BlockOutcome> outcome = walker_.Next(&block, &end_why_);
    if (!outcome.ok()) {
      Damage(segment_seq, end_offset_, outcome.status().message());
    } else if (*outcome == BlockOutcome::kBrokenChain || *outcome == BlockOutcome::kBadContent) {
      Damage(segment_seq, end_offset_, end_why_);
    } else if (*outcome == BlockOutcome::kBlock) {
      RETURN_IF_ERROR(CopyBlock(block));
    }
    if (report_.loss || *outcome != BlockOutcome::kBlock) return Status::Ok();
    end_ = walker_.end();
    end_offset_ = walker_.offset();
  }
}

// A segment whose blocks are all there, but are not those that were sealed, is never read as data.
// Of one that is damaged the trailer proves nothing: its blocks count up to the damage.
Status Salvager::CheckTrailer(const SegmentHeader& header, bool is_newest) {
  if (header.mac_epoch == 0) return Status::Ok();
  ScanOptions options;
  options.keys = options_.keys;
  options.list_entries = false;
  const SegmentScan scan =
      ScanSegment({source_, &from_, &*identity_, &options, 0}, header.segment_seq);
  if (!scan.header && IsKeyError(scan.refused)) return scan.refused;
  if (IsKeyError(scan.read)) return scan.read;
  if (!scan.header || !scan.read.ok() || scan.IsBroken() || scan.outcome != BlockOutcome::kEnd) {
    return Status::Ok();
  }
  const bool is_sealed = !is_newest || scan.trailer != TrailerState::kNone;
  if (is_sealed && scan.trailer != TrailerState::kValid) {
    Damage(header.segment_seq, 0,
           "the trailer of the segment is missing, or does not belong to its blocks");
  }
  return Status::Ok();
}

Status Salvager::CopyBlock(const BlockView& block) {
  Write write;
  const StatusOr<const char*> frames = WriteOfBlock(block, &write);
  if (!frames.ok()) return frames.status();
  const char* why = *frames;
  if (why == nullptr) why = ReplayBlock(block, &log_);
  if (why != nullptr) {
    Damage(block.header.segment_seq, block.offset, why);
    return Status::Ok();
  }
  ++report_.blocks;
  return copy_->Add(std::move(write));
}

// Where the copied log begins is known from its oldest segment, or from the ledger.
Status Salvager::MakeCopy() {
  const SegmentHeader& oldest = walker_.header();
  LogOptions options;
  options.directory = to_.directory;
  options.wal_directory = to_.wal;
  options.identity = report_.identity;
  options.keys = options_.keys;
  options.start.index = ledger_ ? ledger_->prefix_index : 1;
  if (!segments_.empty() && oldest.segment_seq == segments_.front()) {
    options.start.index = oldest.base_index;
    options.segment_bytes_max = std::max<uint64_t>(oldest.segment_bytes, 64 << 10);
    options.block_alignment = oldest.block_alignment;
    options.encoding = oldest.form().json ? LogEncoding::kJson : LogEncoding::kBinary;
    options.merkle_leaves = oldest.merkle_leaves;
  } else {
    StartReplay(options.start.index, &log_);
  }
  if (ledger_) options.ledger_codec = ledger_->codec;
  StatusOr<std::unique_ptr<LogCopy>> copy =
      LogCopy::Make(env_, CopyEnv::Names::kTheirOwn, std::move(options));
  if (!copy.ok()) return copy.status();
  copy_ = std::move(*copy);
  return Status::Ok();
}

// The chain ends in the newest segment: with the log, or before it.
void Salvager::JudgeEnd() {
  const uint64_t segment_seq = segments_.empty() ? 0 : segments_.back();
  if (ledger_ && ledger_->proof_is_exact && ledger_->proof_segment > segment_seq) {
    Damage(segment_seq == 0 ? ledger_->prefix_segment : segment_seq + 1, 0,
           "the segment is missing");
  }
  if (ledger_ && ledger_->proven_block > end_.block) {
    Damage(segment_seq, end_offset_,
           "the ledger proves blocks up to " + std::to_string(ledger_->proven_block) +
               ", the valid chain ends with block " + std::to_string(end_.block) +
               (end_why_.empty() ? std::string() : " (" + end_why_ + ")"));
  }
  if (!ledger_) {
    Damage(segment_seq, end_offset_, "there is no readable ledger: what was durable is not known");
  }
}

Status Salvager::FindStrays() {
  const uint64_t first = report_.loss ? report_.loss->segment : UINT64_MAX;
  const uint64_t newest = segments_.empty() ? 0 : segments_.back();
  for (const uint64_t segment_seq : segments_) {
    // Behind a torn end there is a loss only when a block stands there that should not.
    if (segment_seq < std::min(first, newest)) continue;
    RETURN_IF_ERROR(FindStraysIn(segment_seq));
  }
  return Status::Ok();
}

Status Salvager::FindStraysIn(uint64_t segment_seq) {
  const Status opened = walker_.OpenSegment(segment_seq);
  if (walker_.file() == nullptr) return Status::Ok();
  std::optional<SegmentHeader> header;
  if (opened.ok()) header = walker_.header();
  StrayBlocks blocks(walker_.file(), segment_seq, std::move(header), end_.block, options_.keys);
  BlockView block;
  while (blocks.Next(&block)) {
    Damage(segment_seq, end_offset_,
           "block " + std::to_string(block.header.number) + " is there, block " +
               std::to_string(end_.block + 1) + " before it is not");
    RETURN_IF_ERROR(AddStrays(block));
  }
  return Status::Ok();
}

Status Salvager::AddStrays(const BlockView& block) {
  FrameReader reader(block.frames);
  while (!reader.AtEnd()) {
    FrameView frame;
    if (reader.Next(&frame) != nullptr) break;
    if (frame.is_state()) continue;
    CountStray(block.header.segment_seq, frame.index());
    if (options_.strays == nullptr) continue;
    RETURN_IF_ERROR(options_.strays->OnStrayEntry({block.header.segment_seq, block.offset,
                                                   block.header.number, frame.term(), frame.index(),
                                                   frame.kind(), frame.payload()}));
  }
  return Status::Ok();
}

void Salvager::CountStray(uint64_t segment_seq, uint64_t index) {
  ++report_.stray_entries;
  StrayRange* last = report_.strays.empty() ? nullptr : &report_.strays.back();
  if (last != nullptr && last->segment == segment_seq && last->last_index + 1 == index) {
    last->last_index = index;
  } else {
    report_.strays.push_back({segment_seq, index, index});
  }
}

Status Salvager::Finish() {
  RETURN_IF_ERROR(copy_->Finish());
  RETURN_IF_ERROR(env_->SyncDirectory(to_.wal));
  RETURN_IF_ERROR(env_->SyncDirectory(to_.directory));
  ScanOptions options;
  options.keys = options_.keys;
  options.list_entries = false;
  const StatusOr<DirectoryScan> there = ScanDirectory(env_, to_, report_.identity, options);
  if (!there.ok()) return there.status();
  RETURN_IF_ERROR(there->verdict);
  if (there->log.first_index != log_.first_index || there->log.last_index != log_.last_index) {
    return Status(StatusCode::kInternal, "the new log does not hold what was written into it");
  }
  report_.first_index = log_.first_index;
  report_.last_index = log_.last_index;
  report_.hard_state = log_.hard_state.value_or(HardState());
  return Status::Ok();
}

}  // namespace

StatusOr<SalvageReport> SalvageDirectory(Env* env, const SalvageOptions& options) {
  const LogPaths from = PathsOf(options.from, options.from_wal);
  std::unique_ptr<Env> view;
  const StatusOr<Env*> source = ViewFinished(env, from, &view);
  if (!source.ok()) return source.status();
  return Salvager(env, *source, options).Run();
}

}  // namespace clustor
