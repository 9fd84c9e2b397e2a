#include "wal/inspect.h"

#include <array>
#include <utility>

#include "base/coding.h"
#include "wal/block_reader.h"
#include "wal/frame_reader.h"
#include "wal/identity.h"
#include "wal/ledger_codec.h"
#include "wal/paths.h"
#include "wal/recovery.h"
#include "wal/rewrite_flip.h"
#include "wal/scan.h"
#include "wal/segment_index.h"

namespace clustor {

namespace {

std::string CipherName(const SegmentHeader& header) {
  if (!header.IsEncrypted()) return "none";
  return "aes-256-gcm (dek epoch " + std::to_string(header.dek_epoch) + ")";
}

}  // namespace

StatusOr<VerifyReport> VerifyDirectory(Env* env, const std::string& directory,
                                       const std::string& wal_directory,
                                       std::shared_ptr<const KeyRing> keys) {
  const LogPaths paths = PathsOf(directory, wal_directory);
  VerifyReport report;
  const StatusOr<bool> locked = env->IsLocked(paths.Lock());
  if (!locked.ok()) return locked.status();
  report.locked = *locked;
  std::unique_ptr<Env> view;
  const StatusOr<Env*> shown = ViewFinished(env, paths, &view);
  if (!shown.ok()) return shown.status();
  env = *shown;
  StatusOr<LogIdentity> identity = ReadIdentity(env, paths);
  if (!identity.ok()) {
    const StatusCode code = identity.status().code();
    if (code != StatusCode::kLogCorrupt && code != StatusCode::kFormatNewer) {
      return identity.status();
    }
    report.verdict = identity.status();
    return report;
  }
  report.identity = *identity;
  const uint64_t start_ns = env->MonotonicNs();
  ScanOptions options;
  options.threads = LogOptions().verify_threads;
  options.keys = std::move(keys);
  StatusOr<DirectoryScan> scan = ScanDirectory(env, paths, *identity, options);
  if (!scan.ok()) return scan.status();
  report.recovery.scan_ns = env->MonotonicNs() - start_ns;
  report.recovery.incarnation = identity->incarnation;
  FillReport(&*scan, &report.recovery);
  report.verdict = scan->verdict;
  report.block_payload_bytes = scan->entry_bytes;
  report.padding_bytes = scan->padding_bytes;
  return report;
}

class DumpIterator::Impl {
 public:
  Impl(Env* env, LogPaths paths, std::shared_ptr<const KeyRing> keys, uint64_t from_index)
      : env_(env), paths_(std::move(paths)), keys_(std::move(keys)), from_index_(from_index) {}

  Status List();
  StatusOr<std::optional<DumpItem>> Next();

 private:
  using Item = std::optional<DumpItem>;

  StatusOr<Item> OpenSegment();
  StatusOr<Item> NextInSegment();
  bool IsLeftOut(uint64_t entry_count, uint64_t last_index) const {
    return entry_count > 0 && last_index < from_index_;
  }
  void SkipByIndex();
  Item NextFrame();
  StatusOr<Item> NextLedgerRecord();
  Status OpenLedger();
  void CloseSegment();
  Item Invalid(uint64_t offset, std::string why);

  Env* env_;
  const LogPaths paths_;
  const std::shared_ptr<const KeyRing> keys_;
  const uint64_t from_index_;
  std::unique_ptr<Env> view_;  // What env_ is, when a rewriting is to be finished.
  std::vector<uint64_t> segments_;
  size_t next_segment_ = 0;

  // The segment that is being read.
  std::unique_ptr<File> file_;
  std::unique_ptr<BlockReader> reader_;
  uint64_t segment_seq_ = 0;
  SegmentHeader header_;
  std::optional<SegmentIndex> index_;
  ChainEnd chain_;
  BlockView block_;
  std::unique_ptr<FrameReader> frames_;
  std::span<const std::byte> stored_frames_;  // The same frames as they are stored.

  std::unique_ptr<File> ledger_;
  LedgerCodec ledger_codec_ = LedgerCodec::kBinary;
  uint64_t ledger_offset_ = 0;
  bool done_ = false;
};

Status DumpIterator::Impl::List() {
  // A directory that is not there is an error here, not an empty log.
  const StatusOr<std::vector<std::string>> names = env_->ListDirectory(paths_.wal);
  if (!names.ok()) return names.status();
  const StatusOr<Env*> shown = ViewFinished(env_, paths_, &view_);
  if (!shown.ok()) return shown.status();
  env_ = *shown;
  std::vector<std::string> junk;
  StatusOr<std::vector<uint64_t>> segments = ListSegments(env_, paths_, &junk);
  if (!segments.ok()) return segments.status();
  segments_ = std::move(*segments);
  return Status::Ok();
}

StatusOr<std::optional<DumpItem>> DumpIterator::Impl::Next() {
  for (;;) {
    if (frames_ != nullptr) {
      Item item = NextFrame();
      if (item) return item;
    }
    if (reader_ != nullptr) {
      StatusOr<Item> item = NextInSegment();
      if (!item.ok() || item->has_value()) return item;
      if (reader_ != nullptr) continue;
    }
    if (next_segment_ < segments_.size()) return OpenSegment();
    return NextLedgerRecord();
  }
}

std::optional<DumpItem> DumpIterator::Impl::Invalid(uint64_t offset, std::string why) {
  DumpItem item;
  item.type = DumpItem::Type::kInvalid;
  item.segment = segment_seq_;
  item.offset = offset;
  item.detail = std::move(why);
  CloseSegment();
  return item;
}

void DumpIterator::Impl::CloseSegment() {
  frames_.reset();
  reader_.reset();
  index_.reset();
  file_.reset();
}

StatusOr<std::optional<DumpItem>> DumpIterator::Impl::OpenSegment() {
  segment_seq_ = segments_[next_segment_++];
  StatusOr<std::unique_ptr<File>> file =
      env_->OpenFile(paths_.Segment(segment_seq_), OpenMode::kReadOnly);
  if (!file.ok()) return file.status();
  file_ = std::move(*file);
  std::array<std::byte, kSegmentHeaderBytes> bytes{};
  const StatusOr<size_t> got = file_->ReadAt(0, bytes);
  if (!got.ok()) return got.status();
  const StatusOr<SegmentHeader> header = DecodeSegmentHeader(bytes);
  if (!header.ok()) return Invalid(0, header.status().message());
  std::unique_ptr<SegmentCipher> cipher;
  if (keys_ != nullptr) {
    StatusOr<std::unique_ptr<SegmentCipher>> made = SegmentCipher::Create(*header, keys_);
    if (!made.ok()) return Invalid(0, made.status().message());
    cipher = std::move(*made);
  }
  reader_ = std::make_unique<BlockReader>(file_.get(), *header, std::move(cipher));
  chain_ = {header->first_block - 1, header->previous_checksum};
  header_ = *header;
  if (from_index_ > 0) {
    const uint32_t checksum = Load32(bytes.data() + kSegmentHeaderBytes - kBlockChecksumBytes);
    index_ = LoadSegmentIndex(env_, paths_, header_, checksum);
  }
  DumpItem item;
  item.type = DumpItem::Type::kSegment;
  item.segment = header->segment_seq;
  item.bytes = header->segment_bytes;
  item.block = header->first_block;
  item.first_index = header->base_index;
  item.timestamp_ms = header->created_ms;
  item.detail = std::string("encoding ") + (header->form().json ? "json" : "binary") +
                (header->merkle_leaves ? " with leaves" : "") + ", cipher " + CipherName(*header) +
                ", alignment " + std::to_string(header->block_alignment) + ", partition " +
                header->partition + ", replica " + std::to_string(header->replica);
  return Item(std::move(item));
}

// To the next block that is wanted, or the last. An index that does not agree with what stands
// there is of no use, and nothing is skipped.
void DumpIterator::Impl::SkipByIndex() {
  if (!index_) return;
  const size_t here = static_cast<size_t>(chain_.block + 1 - header_.first_block);
  size_t row = here;
  while (row + 1 < index_->rows.size() &&
         IsLeftOut(index_->rows[row].entry_count, index_->rows[row].last_index)) {
    ++row;
  }
  if (row == here) return;
  if (!AgreesWith(*index_, row, header_, file_.get())) return index_.reset();
  const IndexRow& next = index_->rows[row];
  reader_->Seek(next.offset);
  chain_ = {index_->first_block + row - 1, next.previous_checksum};
}

StatusOr<std::optional<DumpItem>> DumpIterator::Impl::NextInSegment() {
  SkipByIndex();
  std::string why;
  const uint64_t offset = reader_->offset();
  const StatusOr<BlockOutcome> outcome = reader_->Next(chain_, &block_, &why);
  if (!outcome.ok()) return outcome.status();
  if (*outcome == BlockOutcome::kEnd) {
    CloseSegment();
    return Item();
  }
  if (*outcome != BlockOutcome::kBlock) return Invalid(offset, why);
  chain_ = {block_.header.number, block_.checksum};
  if (IsLeftOut(block_.header.entry_count, block_.header.last_index)) return Item();
  frames_ = std::make_unique<FrameReader>(block_.frames);
  stored_frames_ = block_.plaintext;
  DumpItem item;
  item.type = DumpItem::Type::kBlock;
  item.segment = segment_seq_;
  item.offset = block_.offset;
  item.bytes = block_.bytes;
  item.block = block_.header.number;
  item.first_index = block_.header.first_index;
  item.last_index = block_.header.last_index;
  item.entry_count = block_.header.entry_count;
  return Item(std::move(item));
}

std::optional<DumpItem> DumpIterator::Impl::NextFrame() {
  if (frames_->AtEnd()) {
    frames_.reset();
    return std::nullopt;
  }
  DumpItem item;
  item.segment = segment_seq_;
  item.block = block_.header.number;
  item.offset =
      block_.offset + kBlockHeaderBytes + (block_.plaintext.size() - stored_frames_.size());
  FrameView frame;
  if (const char* why = frames_->Next(&frame)) return Invalid(item.offset, why);
  item.bytes = StoredFrameBytesAt(stored_frames_);
  stored_frames_ = stored_frames_.subspan(item.bytes);
  const std::byte* body = frame.body.data();
  if (!frame.is_state()) {
    item.type = DumpItem::Type::kEntry;
    item.term = frame.term();
    item.index = frame.index();
    item.first_index = frame.index();
    item.kind = frame.kind();
    item.payload_bytes = frame.payload().size();
  } else if (frame.body.size() == 25) {
    item.type = DumpItem::Type::kHardState;
    item.term = Load64(body + 1);
    item.vote = Load64(body + 9);
    item.index = Load64(body + 17);
  } else if (frame.body.size() == 9) {
    item.type = DumpItem::Type::kTruncate;
    item.index = Load64(body + 1);
  } else {
    return Invalid(item.offset, "a state record has an unknown form");
  }
  return item;
}

StatusOr<std::optional<DumpItem>> DumpIterator::Impl::NextLedgerRecord() {
  if (done_) return Item();
  if (ledger_ == nullptr) RETURN_IF_ERROR(OpenLedger());
  const size_t slot_bytes = LedgerSlotBytes(ledger_codec_);
  for (;;) {
    std::array<std::byte, kLedgerSlotBytesMax> bytes;
    const std::span<std::byte> slot = std::span(bytes).first(slot_bytes);
    const StatusOr<size_t> got = ledger_->ReadAt(ledger_offset_, slot);
    if (!got.ok()) return got.status();
    done_ = *got < slot_bytes;
    if (done_) return Item();
    const uint64_t offset = ledger_offset_;
    ledger_offset_ += slot_bytes;
    LedgerRecord record;
    // Unused slots are zero; ones that a crash tore are passed over like them.
    if (!DecodeLedgerSlot(ledger_codec_, slot, &record)) continue;
    DumpItem item;
    item.type = DumpItem::Type::kLedger;
    item.segment = record.segment_seq;
    item.offset = offset;
    item.bytes = slot_bytes;
    item.kind = record.io_mode;
    item.term = record.term;
    item.index = record.index;
    item.timestamp_ms = record.timestamp_ms;
    const auto tag = static_cast<LedgerTag>(record.io_mode);
    if (tag == LedgerTag::kBlock || tag == LedgerTag::kClaim) item.block = record.term;
    return Item(std::move(item));
  }
}

Status DumpIterator::Impl::OpenLedger() {
  StatusOr<std::unique_ptr<File>> file = env_->OpenFile(paths_.Ledger(), OpenMode::kReadOnly);
  if (!file.ok()) return file.status();
  ledger_ = std::move(*file);
  std::array<std::byte, kLedgerPageBytes> first{};
  const StatusOr<size_t> got = ledger_->ReadAt(0, first);
  if (!got.ok()) return got.status();
  ledger_codec_ = DetectLedgerCodec(std::span(first).first(*got));
  return Status::Ok();
}

DumpIterator::DumpIterator(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

DumpIterator::~DumpIterator() = default;

StatusOr<std::unique_ptr<DumpIterator>> DumpIterator::Open(Env* env, const std::string& directory,
                                                           const std::string& wal_directory,
                                                           std::shared_ptr<const KeyRing> keys,
                                                           uint64_t from_index) {
  auto impl =
      std::make_unique<Impl>(env, PathsOf(directory, wal_directory), std::move(keys), from_index);
  RETURN_IF_ERROR(impl->List());
  return std::unique_ptr<DumpIterator>(new DumpIterator(std::move(impl)));
}

StatusOr<std::optional<DumpItem>> DumpIterator::Next() { return impl_->Next(); }

}  // namespace clustor
