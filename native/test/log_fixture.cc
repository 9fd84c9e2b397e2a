#include "log_fixture.h"

#include "base/coding.h"
#include "wal/frame_reader.h"

namespace clustor::test {

LogOptions SmallOptions() {
  LogOptions options;
  options.directory = kDirectory;
  options.identity = {"c1", "orders", 1, 0};
  options.segment_bytes_max = 64 << 10;
  options.ledger_bytes_max = 16 << 10;
  options.headroom_bytes = 64 << 10;
  options.verify_threads = 1;  // So that the n-th call of a kind is the same call in every run.
  return options;
}

FrameBatch BatchOf(uint64_t first_index, const std::vector<Entry>& entries) {
  FrameBatch batch;
  size_t bytes = 0;
  for (const Entry& entry : entries) bytes += FrameBytes(entry.payload.size());
  batch.bytes = Slab(bytes);
  batch.first_index = first_index;
  batch.last_index = first_index + entries.size() - 1;
  batch.last_term = entries.back().term;
  size_t at = 0;
  uint64_t index = first_index;
  for (const Entry& entry : entries) {
    const size_t frame_bytes = EncodeFrame(batch.bytes.data() + at, entry.term, index++, entry.kind,
                                           std::as_bytes(std::span(entry.payload)));
    batch.byte_lengths.push_back(static_cast<uint32_t>(frame_bytes));
    at += frame_bytes;
  }
  return batch;
}

Write Frames(uint64_t first_index, const std::vector<Entry>& entries) {
  Write write;
  write.frames = BatchOf(first_index, entries);
  return write;
}

std::vector<Entry> EntriesOf(const FrameRead& read) {
  std::vector<Entry> entries;
  FrameReader reader(read.bytes.span());
  while (!reader.AtEnd()) {
    FrameView frame;
    if (const char* why = reader.Next(&frame)) {
      Fail(__FILE__, __LINE__, why);
      break;
    }
    const auto payload = frame.payload();
    entries.push_back({frame.term(),
                       frame.kind(),
                       {reinterpret_cast<const char*>(payload.data()), payload.size()}});
  }
  return entries;
}

std::optional<Status> Recorder::StatusOf(uint64_t sequence) const {
  for (const Completion& completion : completions) {
    if (sequence <= completion.through_sequence) return completion.status;
  }
  return std::nullopt;
}

uint64_t Recorder::completed() const {
  uint64_t through = 0;
  for (const Completion& completion : completions) {
    if (completion.status.ok()) through = completion.through_sequence;
  }
  return through;
}

bool LogFixture::Open() {
  recorder.completions.clear();
  StatusOr<std::unique_ptr<Log>> opened = Log::Open(env.get(), options, nullptr, &recorder);
  open_status = opened.status();
  if (opened.ok()) log = std::move(*opened);
  return opened.ok();
}

bool LogFixture::Reopen() {
  Close();
  return Open();
}

bool LogFixture::Restart(std::unique_ptr<FaultEnv> image) {
  log.reset();
  env = std::move(image);
  return Open();
}

void LogFixture::Close() { log.reset(); }

Status LogFixture::Append(const std::string& payload) { return Append({{term, 0, payload}}); }

Status LogFixture::Append(const std::vector<Entry>& entries) {
  return Apply(Frames(log->Stats().last_index + 1, entries));
}

Status LogFixture::SaveHardState(const HardState& state) {
  Write write;
  write.hard_state = state;
  return Apply(std::move(write));
}

Status LogFixture::Replace(uint64_t from, const std::vector<Entry>& entries) {
  Write write = entries.empty() ? Write() : Frames(from, entries);
  write.truncate_from = from;
  return Apply(std::move(write));
}

Status LogFixture::Apply(Write write) {
  const uint64_t sequence = log->Submit(std::move(write));
  PumpAll();
  const std::optional<Status> status = recorder.StatusOf(sequence);
  return status ? *status : Status(StatusCode::kInternal, "the write is still pending");
}

void LogFixture::PumpAll() {
  while (log->Pump()) {
  }
}

void LogFixture::PumpWrites() {
  while (log->Stats().queued_writes > 0) log->Pump();
}

std::vector<Entry> LogFixture::ReadAll() {
  const LogStats stats = log->Stats();
  std::vector<Entry> entries;
  for (uint64_t next = stats.first_index; next <= stats.last_index;) {
    StatusOr<FrameRead> read = log->Read(next, stats.last_index, 20'000);
    if (!read.ok()) {
      Fail(__FILE__, __LINE__, Describe(read.status()));
      break;
    }
    const std::vector<Entry> piece = EntriesOf(*read);
    entries.insert(entries.end(), piece.begin(), piece.end());
    next = read->range.last_index + 1;
  }
  return entries;
}

std::string LogFixture::ReadPayload(uint64_t index) {
  StatusOr<FrameRead> read = log->Read(index, index, 1);
  if (!read.ok()) return read.status().code_name();
  return EntriesOf(*read)[0].payload;
}

std::string LogFixture::SegmentPath(uint64_t segment_seq) const {
  return PathsOf(options.directory, options.wal_directory).Segment(segment_seq);
}

std::string LogFixture::LedgerPath() const {
  return PathsOf(options.directory, options.wal_directory).Ledger();
}

void LogFixture::FlipBit(const std::string& path, uint64_t offset) {
  std::vector<std::byte> bytes = env->Bytes(path);
  bytes[offset] ^= std::byte{0x10};
  env->SetBytes(path, std::move(bytes));
}

}  // namespace clustor::test
