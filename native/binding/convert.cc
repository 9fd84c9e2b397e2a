#include "binding/convert.h"

#include <array>
#include <cmath>
#include <cstring>
#include <iterator>
#include <utility>
#include <vector>

#include "binding/js_error.h"
#include "binding/key_ring_value.h"

namespace clustor {
namespace {

constexpr double kPositionEnd = 9007199254740992.0;  // 2^53.

// The memory of a typed array of one element type, or nothing.
std::optional<std::span<std::byte>> TypedArrayBytes(const Napi::Value& value,
                                                    napi_typedarray_type wanted,
                                                    size_t element_bytes) {
  bool is_typed_array = false;
  if (napi_is_typedarray(value.Env(), value, &is_typed_array) != napi_ok || !is_typed_array) {
    return std::nullopt;
  }
  napi_typedarray_type type;
  size_t length = 0;
  void* data = nullptr;
  const napi_status status =
      napi_get_typedarray_info(value.Env(), value, &type, &length, &data, nullptr, nullptr);
  if (status != napi_ok || type != wanted) return std::nullopt;
  return std::span(static_cast<std::byte*>(data), length * element_bytes);
}

// A typed array with these bytes; undefined when none can be made. A worker thread can be
// terminated in the middle of any native function, and from that moment on Node refuses to make
// objects.
Napi::Value NewTypedArray(Napi::Env env, napi_typedarray_type type,
                          std::span<const std::byte> bytes, size_t length) {
  void* data = nullptr;
  napi_value buffer = nullptr;
  napi_value array = nullptr;
  if (napi_create_arraybuffer(env, bytes.size(), &data, &buffer) != napi_ok) return env.Undefined();
  if (!bytes.empty()) std::memcpy(data, bytes.data(), bytes.size());
  const napi_status status = napi_create_typedarray(env, type, length, buffer, 0, &array);
  return status == napi_ok ? Napi::Value(env, array) : env.Undefined();
}

void SetCount(Napi::Object object, const char* name, uint64_t value) {
  object.Set(name, static_cast<double>(value));
}

// The smallest bound that a share of the samples does not exceed, nanoseconds; 0 without samples.
uint64_t PercentileNs(const HistogramSnapshot& histogram, double share) {
  if (histogram.count == 0) return 0;
  const double rank = share * static_cast<double>(histogram.count);
  uint64_t seen = 0;
  for (int bucket = 0; bucket < kHistogramBuckets; ++bucket) {
    seen += histogram.counts[static_cast<size_t>(bucket)];
    if (seen > 0 && static_cast<double>(seen) >= rank) return HistogramBucketUpperNs(bucket);
  }
  return 0;
}

// Copies numbers to the front of `into`, which is left with the rest.
void Take(std::span<const uint64_t> numbers, std::span<double>* into) {
  for (size_t i = 0; i < numbers.size(); ++i) (*into)[i] = static_cast<double>(numbers[i]);
  *into = into->subspan(numbers.size());
}

Napi::Object FromHardState(Napi::Env env, const HardState& state) {
  Napi::Object object = Napi::Object::New(env);
  SetCount(object, "term", state.term);
  SetCount(object, "vote", state.vote);
  SetCount(object, "commitIndex", state.commit_index);
  return object;
}

Napi::Object FromIdentity(Napi::Env env, const LogIdentity& identity) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("cluster", identity.cluster);
  object.Set("partition", identity.partition);
  SetCount(object, "replica", identity.replica);
  SetCount(object, "incarnation", identity.incarnation);
  return object;
}

LedgerSetting ToLedgerSetting(const std::string& name) {
  if (name == "overlapped") return LedgerSetting::kOverlapped;
  return name == "inline" ? LedgerSetting::kInline : LedgerSetting::kOrdered;
}

const char* DumpTypeName(DumpItem::Type type) {
  switch (type) {
    case DumpItem::Type::kSegment:
      return "segment";
    case DumpItem::Type::kBlock:
      return "block";
    case DumpItem::Type::kEntry:
      return "entry";
    case DumpItem::Type::kHardState:
      return "hard-state";
    case DumpItem::Type::kTruncate:
      return "truncate";
    case DumpItem::Type::kLedger:
      return "ledger";
    case DumpItem::Type::kInvalid:
      return "invalid";
  }
  return "invalid";
}

}  // namespace

std::optional<uint64_t> ToPosition(const Napi::Value& value) {
  double number = 0;
  if (napi_get_value_double(value.Env(), value, &number) != napi_ok) return std::nullopt;
  if (!(number >= 0) || number >= kPositionEnd || number != std::floor(number)) return std::nullopt;
  return static_cast<uint64_t>(number);
}

std::optional<std::span<std::byte>> ToBytes(const Napi::Value& value) {
  return TypedArrayBytes(value, napi_uint8_array, 1);
}

std::optional<std::span<const uint32_t>> ToUint32s(const Napi::Value& value) {
  const auto bytes = TypedArrayBytes(value, napi_uint32_array, sizeof(uint32_t));
  if (!bytes) return std::nullopt;
  return std::span(reinterpret_cast<const uint32_t*>(bytes->data()),
                   bytes->size() / sizeof(uint32_t));
}

std::optional<std::span<double>> ToDoubles(const Napi::Value& value) {
  const auto bytes = TypedArrayBytes(value, napi_float64_array, sizeof(double));
  if (!bytes) return std::nullopt;
  return std::span(reinterpret_cast<double*>(bytes->data()), bytes->size() / sizeof(double));
}

std::string TextProperty(Napi::Object object, const char* name, std::string fallback) {
  const Napi::Value value = object.Get(name);
  return value.IsString() ? value.As<Napi::String>().Utf8Value() : std::move(fallback);
}

uint64_t NumberProperty(Napi::Object object, const char* name, uint64_t fallback) {
  return ToPosition(object.Get(name)).value_or(fallback);
}

std::optional<LogAnchor> ToAnchor(const Napi::Value& value) {
  if (!value.IsObject()) return std::nullopt;
  const Napi::Object object = value.As<Napi::Object>();
  return LogAnchor{NumberProperty(object, "block", 0),
                   static_cast<uint32_t>(NumberProperty(object, "checksum", 0)),
                   NumberProperty(object, "firstIndex", 0)};
}

StatusOr<LogOptions> ToLogOptions(Napi::Object object) {
  LogOptions options;
  options.directory = TextProperty(object, "directory");
  options.wal_directory = TextProperty(object, "walDirectory");
  options.identity.cluster = TextProperty(object, "cluster");
  options.identity.partition = TextProperty(object, "partition");
  options.identity.replica = NumberProperty(object, "replica", 0);
  const std::string durability = TextProperty(object, "durability");
  if (durability != "strict" && durability != "group") {
    return Status(StatusCode::kInvalidArgument, "durability must be strict or group");
  }
  options.durability = durability == "group" ? Durability::kGroup : Durability::kStrict;
  const std::string encoding = TextProperty(object, "encoding", "binary");
  options.encoding = encoding == "json" ? LogEncoding::kJson : LogEncoding::kBinary;
  const std::string codec = TextProperty(object, "ledgerCodec", "binary");
  options.ledger_codec = codec == "json" ? LedgerCodec::kJson : LedgerCodec::kBinary;
  options.segment_bytes_max = NumberProperty(object, "segmentBytes", options.segment_bytes_max);
  options.block_alignment =
      static_cast<uint32_t>(NumberProperty(object, "blockAlignmentBytes", options.block_alignment));
  options.group_bytes_max = NumberProperty(object, "groupBytesMax", options.group_bytes_max);
  options.group_writes_max =
      static_cast<uint32_t>(NumberProperty(object, "groupWritesMax", options.group_writes_max));
  options.payload_bytes_max =
      static_cast<uint32_t>(NumberProperty(object, "payloadBytesMax", options.payload_bytes_max));
  options.ledger_bytes_max = NumberProperty(object, "ledgerBytesMax", options.ledger_bytes_max);
  options.ledger = ToLedgerSetting(TextProperty(object, "ledger"));
  options.ledger_confirm_ms =
      static_cast<uint32_t>(NumberProperty(object, "ledgerConfirmMs", options.ledger_confirm_ms));
  options.merkle_leaves = object.Get("merkleLeaves").ToBoolean();
  options.verify_threads =
      static_cast<uint32_t>(NumberProperty(object, "verifyThreads", options.verify_threads));
  options.spares_max =
      static_cast<uint32_t>(NumberProperty(object, "sparesMax", options.spares_max));
  options.headroom_bytes = NumberProperty(object, "headroomBytes", options.headroom_bytes);
  options.awake_us_max =
      static_cast<uint32_t>(NumberProperty(object, "awakeUsMax", options.awake_us_max));
  options.recover_entries = object.Get("recoverEntries").ToBoolean();
  StatusOr<std::shared_ptr<const KeyRing>> keys = ToKeyRing(object.Get("keys"));
  if (!keys.ok()) return keys.status();
  options.keys = std::move(keys.value());
  options.unsafe_file_system = object.Get("unsafeFileSystem").ToBoolean();
  options.anchor = ToAnchor(object.Get("anchor"));
  return options;
}

Napi::Value FromDoubles(Napi::Env env, std::span<const double> values) {
  return NewTypedArray(env, napi_float64_array, std::as_bytes(values), values.size());
}

Napi::Value FromBytes(Napi::Env env, std::span<const std::byte> bytes) {
  napi_value buffer = nullptr;
  const napi_status status =
      napi_create_buffer_copy(env, bytes.size(), bytes.data(), nullptr, &buffer);
  return status == napi_ok ? Napi::Value(env, buffer) : env.Undefined();
}

Napi::Object FromFrameRange(Napi::Env env, const FrameRange& range) {
  std::vector<double> runs;
  runs.reserve(range.runs.size() * 3);
  for (const EntryRun& run : range.runs) {
    runs.push_back(static_cast<double>(run.term));
    runs.push_back(static_cast<double>(run.kind));
    runs.push_back(static_cast<double>(run.count));
  }
  const std::span<const uint32_t> byte_lengths(range.byte_lengths);
  Napi::Object object = Napi::Object::New(env);
  SetCount(object, "firstIndex", range.first_index);
  SetCount(object, "lastIndex", range.last_index);
  object.Set("runs", FromDoubles(env, runs));
  object.Set("byteLengths", NewTypedArray(env, napi_uint32_array, std::as_bytes(byte_lengths),
                                          byte_lengths.size()));
  return object;
}

Napi::Object FromProof(Napi::Env env, const EntryProof& proof) {
  Napi::Object object = Napi::Object::New(env);
  SetCount(object, "segment", proof.of.segment_seq);
  SetCount(object, "index", proof.index);
  SetCount(object, "firstIndex", proof.of.first_index);
  SetCount(object, "count", proof.of.count);
  object.Set("frame", FromBytes(env, proof.frame));
  object.Set("path", FromBytes(env, std::as_bytes(std::span(proof.path))));
  object.Set("root", FromBytes(env, std::as_bytes(std::span(proof.of.root))));
  return object;
}

Napi::Object FromRecovery(Napi::Env env, const RecoveryReport& report) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("hardState", FromHardState(env, report.hard_state));
  object.Set("entries", FromFrameRange(env, report.entries));
  object.Set("created", report.created);
  SetCount(object, "provenIndex", report.proven_index);
  SetCount(object, "tornBytesDropped", report.torn_bytes_dropped);
  SetCount(object, "unprovenBlocks", report.unproven_blocks);
  SetCount(object, "ledgerRecords", report.ledger_records);
  SetCount(object, "ledgerRecordsBad", report.ledger_records_bad);
  SetCount(object, "segments", report.segments);
  SetCount(object, "segmentsRemoved", report.segments_removed);
  SetCount(object, "bytesScanned", report.bytes_scanned);
  SetCount(object, "tailSegment", report.tail_segment);
  SetCount(object, "tailOffset", report.tail_offset);
  SetCount(object, "incarnation", report.incarnation);
  object.Set("scanMs", static_cast<double>(report.scan_ns) / 1e6);
  object.Set("repairMs", static_cast<double>(report.repair_ns) / 1e6);
  return object;
}

Napi::Object FromAnchor(Napi::Env env, const LogAnchor& anchor) {
  Napi::Object object = Napi::Object::New(env);
  SetCount(object, "block", anchor.block);
  SetCount(object, "checksum", anchor.checksum);
  SetCount(object, "firstIndex", anchor.first_index);
  return object;
}

void FillStats(const LogStats& stats, std::span<double, kStatsNumbers> into) {
  const uint64_t counters[] = {
      stats.poisoned || stats.quarantined,
      stats.durable_block,
      stats.durable_checksum,
      stats.first_index,
      stats.durable_index,
      stats.durable_term,
      stats.queued_writes,
      stats.queued_bytes,
      stats.segments,
      stats.segment_bytes,
      stats.ledger_bytes,
      stats.segment_syncs,
      stats.ledger_syncs,
      stats.bytes_written,
      stats.frame_bytes_written,
      stats.entries_written,
      stats.blocks,
      stats.rotations,
      stats.late_spares,
      stats.recycled_segments,
      stats.ledger_switches,
      stats.shortages,
      stats.sync_in_flight_ns,
  };
  const StageHistograms& by_stage = stats.stages;
  const HistogramSnapshot* const stages[] = {&by_stage.queue_wait, &by_stage.encode,
                                             &by_stage.write, &by_stage.sync, &by_stage.ledger};
  static_assert(std::size(counters) + 5 * std::size(stages) == kStatsNumbers);
  std::span<double> rest = into;
  Take(counters, &rest);
  for (const HistogramSnapshot* stage : stages) {
    const uint64_t numbers[] = {stage->count, stage->total_ns, stage->max_ns,
                                PercentileNs(*stage, 0.5), PercentileNs(*stage, 0.99)};
    Take(numbers, &rest);
  }
}

Napi::Object FromFailures(Napi::Env env, const LogStats& stats) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("poison", stats.poisoned ? ToJsError(env, stats.poison) : env.Null());
  object.Set("quarantine", stats.quarantined ? ToJsError(env, stats.quarantine) : env.Null());
  return object;
}

Napi::Object FromVerifyReport(Napi::Env env, const VerifyReport& report) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("verdict", report.verdict.ok() ? env.Null() : ToJsError(env, report.verdict));
  object.Set("recovery", FromRecovery(env, report.recovery));
  object.Set("identity", FromIdentity(env, report.identity));
  object.Set("locked", report.locked);
  SetCount(object, "blockPayloadBytes", report.block_payload_bytes);
  SetCount(object, "paddingBytes", report.padding_bytes);
  return object;
}

Napi::Object FromDumpItem(Napi::Env env, const DumpItem& item) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("type", DumpTypeName(item.type));
  SetCount(object, "segment", item.segment);
  SetCount(object, "offset", item.offset);
  SetCount(object, "bytes", item.bytes);
  SetCount(object, "block", item.block);
  SetCount(object, "firstIndex", item.first_index);
  SetCount(object, "lastIndex", item.last_index);
  SetCount(object, "entryCount", item.entry_count);
  SetCount(object, "term", item.term);
  SetCount(object, "index", item.index);
  SetCount(object, "vote", item.vote);
  SetCount(object, "kind", item.kind);
  SetCount(object, "timestampMs", item.timestamp_ms);
  SetCount(object, "payloadBytes", item.payload_bytes);
  object.Set("detail", item.detail);
  return object;
}

}  // namespace clustor
