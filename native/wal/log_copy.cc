#include "wal/log_copy.h"

#include <array>
#include <cstring>
#include <utility>

#include "base/coding.h"
#include "wal/frame_reader.h"

namespace clustor {

namespace {

const char* ReadState(const FrameView& frame, Write* write) {
  const std::byte* body = frame.body.data();
  if (frame.body.size() == 25 && body[0] == static_cast<std::byte>(StateRecordType::kHardState)) {
    write->hard_state = {Load64(body + 1), Load64(body + 9), Load64(body + 17)};
    return nullptr;
  }
  if (frame.body.size() == 9 && body[0] == static_cast<std::byte>(StateRecordType::kTruncate)) {
    write->truncate_from = Load64(body + 1);
    return nullptr;
  }
  return "a state record has an unknown form";
}

}  // namespace

Status BlockWalker::OpenSegment(uint64_t segment_seq) {
  StatusOr<std::unique_ptr<File>> file =
      env_->OpenFile(paths_.Segment(segment_seq), OpenMode::kReadOnly);
  if (!file.ok()) return file.status();
  file_ = std::move(*file);
  std::array<std::byte, kSegmentHeaderBytes> bytes{};
  const StatusOr<size_t> got = file_->ReadAt(0, bytes);
  if (!got.ok()) return got.status();
  StatusOr<SegmentHeader> header = DecodeSegmentHeader(bytes);
  if (!header.ok()) return header.status();
  header_ = std::move(*header);
  if (header_.segment_seq != segment_seq) {
    return Status(StatusCode::kLogCorrupt, "the file holds another segment");
  }
  StatusOr<std::unique_ptr<SegmentCipher>> cipher = SegmentCipher::Create(header_, keys_);
  if (!cipher.ok()) return cipher.status();
  reader_ = std::make_unique<BlockReader>(file_.get(), header_, std::move(*cipher));
  end_ = {header_.first_block - 1, header_.previous_checksum};
  return Status::Ok();
}

StatusOr<BlockOutcome> BlockWalker::Next(BlockView* block, std::string* why) {
  StatusOr<BlockOutcome> outcome = reader_->Next(end_, block, why);
  if (outcome.ok() && *outcome == BlockOutcome::kBlock) {
    end_ = {block->header.number, block->checksum};
  }
  return outcome;
}

StatusOr<const char*> WriteOfBlock(const BlockView& block, Write* write) {
  FrameReader reader(block.frames);
  FrameBatch batch;
  size_t entries_at = 0;
  while (!reader.AtEnd()) {
    const size_t offset = reader.offset();
    FrameView frame;
    const char* why = reader.Next(&frame);
    if (why == nullptr && frame.is_state()) why = ReadState(frame, write);
    if (why != nullptr) return why;
    if (frame.is_state()) continue;
    if (batch.byte_lengths.empty()) {
      batch.first_index = frame.index();
      entries_at = offset;
    }
    batch.last_index = frame.index();
    batch.last_term = frame.term();
    batch.byte_lengths.push_back(static_cast<uint32_t>(frame.bytes.size()));
  }
  if (batch.byte_lengths.empty()) return nullptr;
  const std::span<const std::byte> entries = block.frames.subspan(entries_at);
  batch.bytes = Slab(entries.size());
  if (batch.bytes.data() == nullptr) return OutOfMemory(entries.size());
  std::memcpy(batch.bytes.data(), entries.data(), entries.size());
  write->frames = std::move(batch);
  return nullptr;
}

StatusOr<std::unique_ptr<LogCopy>> LogCopy::Make(Env* env, CopyEnv::Names names,
                                                 LogOptions options) {
  const LogPaths paths = PathsOf(options.directory, options.wal_directory);
  std::unique_ptr<LogCopy> copy(new LogCopy(env, paths, names));
  // One write, one block; what a block of the log holds, one of the copy does.
  options.durability = Durability::kStrict;
  options.ledger = LedgerSetting::kOrdered;
  options.payload_bytes_max = UINT32_MAX - 64;
  options.recover_entries = false;
  options.progress = nullptr;
  options.anchor.reset();
  options.unsafe_file_system = true;  // Checked where the log was opened.
  StatusOr<std::unique_ptr<Log>> log =
      Log::Open(&copy->env_, std::move(options), nullptr, &copy->sink_);
  if (!log.ok()) return log.status();
  copy->log_ = std::move(*log);
  return copy;
}

Status LogCopy::Add(Write write) {
  log_->Submit(std::move(write));
  while (log_->Pump()) {
  }
  return sink_.status;
}

Status LogCopy::Finish() {
  stats_ = log_->Stats();
  const Status closed = log_->Close();
  log_.reset();
  RETURN_IF_ERROR(closed);
  RETURN_IF_ERROR(sink_.status);
  return env_.failure();
}

}  // namespace clustor
