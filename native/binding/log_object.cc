#include "binding/log_object.h"

#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "binding/async_task.h"
#include "binding/committer_pools.h"
#include "binding/convert.h"
#include "binding/frame_functions.h"
#include "binding/holding_env.h"
#include "binding/js_error.h"
#include "binding/key_ring_value.h"
#include "binding/open_progress.h"
#include "os/spin.h"
#include "wal/frame.h"

namespace clustor {
namespace {

constexpr uint8_t kNormalEntry = 0;
constexpr size_t kPayloadBytesLimit = UINT32_MAX - 64;

// What AsyncTask carries when there is nothing to carry.
struct Nothing {};

Status ArgumentError(const char* message) { return Status(StatusCode::kInvalidArgument, message); }

Napi::Value Throw(Napi::Env env, const Status& status) {
  ThrowStatus(env, status);
  return env.Undefined();
}

// Entries of one `append` call, walked write by write.
struct AppendCursor {
  std::span<const std::byte> bytes;
  std::span<const uint32_t> byte_lengths;
  uint64_t next_index = 0;
  uint64_t term = 0;
};

// Memory for the frames of a batch, whose other fields are filled in.
StatusOr<FrameBatch> NewBatch(size_t frame_bytes, uint64_t first_index, uint64_t term,
                              std::span<const uint32_t> byte_lengths) {
  FrameBatch batch;
  batch.bytes = Slab(frame_bytes);
  if (batch.bytes.data() == nullptr) return OutOfMemory(frame_bytes);
  batch.byte_lengths.assign(byte_lengths.begin(), byte_lengths.end());
  batch.first_index = first_index;
  batch.last_index = first_index + byte_lengths.size() - 1;
  batch.last_term = term;
  return batch;
}

// Encodes the next `count` entries into a batch of their own. The payloads stand where they belong
// in their frames.
StatusOr<FrameBatch> TakeBatch(AppendCursor* cursor, size_t count) {
  if (count == 0 || count > cursor->byte_lengths.size()) return ArgumentError("bad write count");
  const std::span<const uint32_t> byte_lengths = cursor->byte_lengths.first(count);
  const std::optional<size_t> total = FrameBytesWithin(byte_lengths, cursor->bytes.size());
  if (!total) return ArgumentError("frames exceed their bytes");
  StatusOr<FrameBatch> batch = NewBatch(*total, cursor->next_index, cursor->term, byte_lengths);
  if (!batch.ok()) return batch;
  std::byte* at = batch->bytes.data();
  for (const uint32_t byte_length : byte_lengths) {
    const std::span<const std::byte> payload =
        cursor->bytes.subspan(kEntryPayloadOffset, byte_length - kEntryFrameOverheadBytes);
    at += EncodeFrame(at, cursor->term, cursor->next_index++, kNormalEntry, payload);
    cursor->bytes = cursor->bytes.subspan(byte_length);
  }
  cursor->byte_lengths = cursor->byte_lengths.subspan(count);
  return batch;
}

// The bytes of every Uint8Array of the list, each looked at once; nothing when one is none.
std::optional<std::vector<std::span<const std::byte>>> ToPayloads(const Napi::Value& value) {
  if (!value.IsArray()) return std::nullopt;
  const Napi::Array list = value.As<Napi::Array>();
  std::vector<std::span<const std::byte>> payloads(list.Length());
  for (uint32_t i = 0; i < payloads.size(); ++i) {
    const auto bytes = ToBytes(list.Get(i));
    if (!bytes) return std::nullopt;
    payloads[i] = *bytes;
  }
  return payloads;
}

StatusOr<FrameBatch> EncodeBatch(std::span<const std::span<const std::byte>> payloads,
                                 uint64_t first_index, uint64_t term) {
  std::vector<uint32_t> byte_lengths;
  byte_lengths.reserve(payloads.size());
  size_t total = 0;
  for (const std::span<const std::byte> payload : payloads) {
    // What no frame can say is no length; far below that the log has limits of its own.
    if (payload.size() > kPayloadBytesLimit) return ArgumentError("a payload is too large");
    byte_lengths.push_back(static_cast<uint32_t>(FrameBytes(payload.size())));
    total += byte_lengths.back();
  }
  StatusOr<FrameBatch> batch = NewBatch(total, first_index, term, byte_lengths);
  if (!batch.ok()) return batch;
  std::byte* at = batch->bytes.data();
  for (const std::span<const std::byte> payload : payloads) {
    at += EncodeFrame(at, term, first_index++, kNormalEntry, payload);
  }
  return batch;
}

// Ready frames, copied. They were encoded here or checked by parseFrames.
StatusOr<FrameBatch> CopyBatch(const Napi::CallbackInfo& info) {
  const auto bytes = ToBytes(info[2]);
  const auto byte_lengths = ToUint32s(info[3]);
  const auto first_index = ToPosition(info[4]);
  const auto last_term = ToPosition(info[5]);
  if (!bytes || !byte_lengths || byte_lengths->empty() || !first_index || !last_term) {
    return ArgumentError("submit(hardState, truncateFrom, bytes, byteLengths, firstIndex, term)");
  }
  const std::optional<size_t> total = FrameBytesWithin(*byte_lengths, bytes->size());
  if (!total || *total != bytes->size()) return ArgumentError("byteLengths do not fit the bytes");
  StatusOr<FrameBatch> batch = NewBatch(*total, *first_index, *last_term, *byte_lengths);
  if (batch.ok()) std::memcpy(batch->bytes.data(), bytes->data(), *total);
  return batch;
}

Napi::Value FromFrameRead(Napi::Env env, FrameRead& read) {
  Napi::Object object = FromFrameRange(env, read.range);
  object.Set("bytes", FromBytes(env, read.bytes.span()));
  return object;
}

// Damage that a read finds twice is no accident of the moment: the log takes no more writes.
template <typename Result>
StatusOr<Result> ReadTwice(Log* log, const std::function<StatusOr<Result>()>& read) {
  StatusOr<Result> result = read();
  if (result.status().code() != StatusCode::kLogCorrupt) return result;
  result = read();
  if (result.status().code() == StatusCode::kLogCorrupt) log->Quarantine(result.status());
  return result;
}

Napi::Value FromScrubStep(Napi::Env env, ScrubStep& step) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("bytes", static_cast<double>(step.bytes));
  object.Set("passDone", step.pass_done);
  return object;
}

Napi::Value FromNothing(Napi::Env env, Nothing&) { return env.Undefined(); }

}  // namespace

Napi::Function LogObject::Class(Napi::Env env, std::vector<PropertyDescriptor> methods) {
  methods.insert(methods.end(),
                 {
                     InstanceMethod<&LogObject::Append>("append"),
                     InstanceMethod<&LogObject::AppendQuietly>("appendQuietly"),
                     InstanceMethod<&LogObject::AppendPayloads>("appendPayloads"),
                     InstanceMethod<&LogObject::AppendPayloadsQuietly>("appendPayloadsQuietly"),
                     InstanceMethod<&LogObject::Submit>("submit"),
                     InstanceMethod<&LogObject::CommitThrough>("commitThrough"),
                     InstanceMethod<&LogObject::StartPolling>("startPolling"),
                     InstanceMethod<&LogObject::Poll>("poll"),
                     InstanceMethod<&LogObject::StopPolling>("stopPolling"),
                     InstanceMethod<&LogObject::Read>("read"),
                     InstanceMethod<&LogObject::TruncatePrefix>("truncatePrefix"),
                     InstanceMethod<&LogObject::Prove>("prove"),
                     InstanceMethod<&LogObject::MerkleRoot>("merkleRoot"),
                     InstanceMethod<&LogObject::SetKeys>("setKeys"),
                     InstanceMethod<&LogObject::NewScrub>("newScrub"),
                     InstanceMethod<&LogObject::Stats>("stats"),
                     InstanceMethod<&LogObject::Failures>("failures"),
                     InstanceMethod<&LogObject::Close>("close"),
                 });
  return DefineClass(env, "NativeLog", methods);
}

LogObject::LogObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<LogObject>(info) {
  if (!info[0].IsExternal()) {
    ThrowStatus(info.Env(), ArgumentError("a log is made by openLog"));
    return;
  }
  handle_ = *info[0].As<Napi::External<std::shared_ptr<LogHandle>>>().Data();
}

Napi::Value LogObject::Open(const Napi::CallbackInfo& info) {
  const bool has_options = info[0].IsObject();
  const uint64_t threads =
      has_options ? NumberProperty(info[0].As<Napi::Object>(), "committerThreads", 16) : 16;
  return OpenOn(info, {EnvOfLogs(), SharedCommitterPool(static_cast<uint32_t>(threads))});
}

Napi::Value LogObject::OpenOn(const Napi::CallbackInfo& info, LogHost host) {
  const Napi::Env env = info.Env();
  if (!info[0].IsObject() || !info[1].IsFunction()) {
    return Throw(env, ArgumentError("openLog(options, complete)"));
  }
  const Napi::Object object = info[0].As<Napi::Object>();
  StatusOr<LogOptions> options = ToLogOptions(object);
  if (!options.ok()) return Throw(env, options.status());
  const std::shared_ptr<OpenProgress> progress = ToOpenProgress(object.Get("progress"));
  options.value().progress = progress.get();
  StatusOr<std::shared_ptr<LogHandle>> created =
      LogHandle::Create(env, info[1].As<Napi::Function>());
  if (!created.ok()) return Throw(env, created.status());
  const std::shared_ptr<LogHandle> handle = created.value();
  return AsyncTask<Nothing>::Run(
      env, "clustor.open",
      [handle, options = std::move(options.value()), host = std::move(host),
       progress]() -> StatusOr<Nothing> {
        RETURN_IF_ERROR(handle->OpenLog(options, host));
        return Nothing{};
      },
      [handle](Napi::Env task_env, Nothing&) { return FromOpened(task_env, handle); },
      [handle](Napi::Env task_env) { handle->Release(task_env); });
}

Napi::Value LogObject::FromOpened(Napi::Env env, const std::shared_ptr<LogHandle>& handle) {
  std::shared_ptr<LogHandle> passed = handle;
  const auto* constructor = env.GetInstanceData<Napi::FunctionReference>();
  const Napi::Value log =
      constructor->New({Napi::External<std::shared_ptr<LogHandle>>::New(env, &passed)});
  Napi::Object opened = Napi::Object::New(env);
  opened.Set("log", log);
  opened.Set("recovery", FromRecovery(env, handle->log().recovery()));
  handle->log().ReleaseRecoveredEntries();
  return opened;
}

Napi::Value LogObject::Append(const Napi::CallbackInfo& info) {
  return AppendWith(info, &Log::Submit);
}

Napi::Value LogObject::AppendQuietly(const Napi::CallbackInfo& info) {
  return AppendWith(info, &Log::SubmitQuietly);
}

Napi::Value LogObject::CommitThrough(const Napi::CallbackInfo& info) {
  const auto sequence = ToPosition(info[0]);
  if (!sequence) return Throw(info.Env(), ArgumentError("commitThrough(sequence)"));
  handle_->completions().HoldBack();
  handle_->log().CommitThrough(*sequence);
  handle_->completions().Deliver();
  return info.Env().Undefined();
}

Napi::Value LogObject::StartPolling(const Napi::CallbackInfo& info) {
  handle_->completions().HoldBack();
  return info.Env().Undefined();
}

Napi::Value LogObject::Poll(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), handle_->completions().Poll());
}

Napi::Value LogObject::StopPolling(const Napi::CallbackInfo& info) {
  handle_->completions().Deliver();
  return info.Env().Undefined();
}

Napi::Value LogObject::AppendWith(const Napi::CallbackInfo& info,
                                  uint64_t (Log::*submit)(Write write)) {
  const Napi::Env env = info.Env();
  const auto bytes = ToBytes(info[0]);
  const auto byte_lengths = ToUint32s(info[1]);
  const auto counts = ToUint32s(info[2]);
  const auto first_index = ToPosition(info[3]);
  const auto term = ToPosition(info[4]);
  if (!bytes || !byte_lengths || !counts || !first_index || !term) {
    return Throw(env, ArgumentError("append(bytes, byteLengths, counts, firstIndex, term)"));
  }
  AppendCursor cursor{*bytes, *byte_lengths, *first_index, *term};
  std::vector<FrameBatch> batches;  // All of them before any is submitted: the call is atomic.
  batches.reserve(counts->size());
  for (const uint32_t count : *counts) {
    StatusOr<FrameBatch> batch = TakeBatch(&cursor, count);
    if (!batch.ok()) return Throw(env, batch.status());
    batches.push_back(std::move(batch.value()));
  }
  uint64_t sequence = 0;
  for (FrameBatch& batch : batches) {
    Write write;
    write.frames = std::move(batch);
    write.shortages_heard = handle_->completions().shortages_heard();
    sequence = (handle_->log().*submit)(std::move(write));
  }
  return Submitted(env, sequence);
}

Napi::Value LogObject::AppendPayloads(const Napi::CallbackInfo& info) {
  return AppendPayloadsWith(info, &Log::Submit);
}

Napi::Value LogObject::AppendPayloadsQuietly(const Napi::CallbackInfo& info) {
  return AppendPayloadsWith(info, &Log::SubmitQuietly);
}

Napi::Value LogObject::AppendPayloadsWith(const Napi::CallbackInfo& info,
                                          uint64_t (Log::*submit)(Write write)) {
  const Napi::Env env = info.Env();
  const auto payloads = ToPayloads(info[0]);
  const auto first_index = ToPosition(info[1]);
  const auto term = ToPosition(info[2]);
  if (!payloads || payloads->empty() || !first_index || !term) {
    return Throw(env, ArgumentError("appendPayloads(payloads, firstIndex, term)"));
  }
  StatusOr<FrameBatch> batch = EncodeBatch(*payloads, *first_index, *term);
  if (!batch.ok()) return Throw(env, batch.status());
  Write write;
  write.frames = std::move(batch.value());
  write.shortages_heard = handle_->completions().shortages_heard();
  return Submitted(env, (handle_->log().*submit)(std::move(write)));
}

Napi::Value LogObject::Submit(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Write write;
  write.shortages_heard = handle_->completions().shortages_heard();
  if (const auto state = ToDoubles(info[0]); state && state->size() == 3) {
    write.hard_state =
        HardState{static_cast<uint64_t>((*state)[0]), static_cast<uint64_t>((*state)[1]),
                  static_cast<uint64_t>((*state)[2])};
  }
  const uint64_t truncate_from = ToPosition(info[1]).value_or(0);
  if (truncate_from != 0) write.truncate_from = truncate_from;
  if (info[2].IsTypedArray()) {
    StatusOr<FrameBatch> batch = CopyBatch(info);
    if (!batch.ok()) return Throw(env, batch.status());
    write.frames = std::move(batch.value());
  }
  return Submitted(env, handle_->log().Submit(std::move(write)));
}

Napi::Value LogObject::Submitted(Napi::Env env, uint64_t sequence) {
  if (sequence != 0) handle_->completions().Submitted(sequence);
  return Napi::Number::New(env, static_cast<double>(sequence));
}

Napi::Value LogObject::Read(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto first_index = ToPosition(info[0]);
  const auto last_index = ToPosition(info[1]);
  const auto bytes_max = ToPosition(info[2]);
  if (!first_index || !last_index || !bytes_max) {
    return Throw(env, ArgumentError("read(firstIndex, lastIndex, bytesMax)"));
  }
  return AsyncTask<FrameRead>::Run(
      env, "clustor.read",
      [handle = handle_, first = *first_index, last = *last_index, max = *bytes_max] {
        return ReadTwice<FrameRead>(&handle->log(),
                                    [&] { return handle->log().Read(first, last, max); });
      },
      FromFrameRead);
}

Napi::Value LogObject::TruncatePrefix(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto before = ToPosition(info[0]);
  if (!before) return Throw(env, ArgumentError("truncatePrefix(before)"));
  return AsyncTask<Nothing>::Run(
      env, "clustor.truncatePrefix",
      [handle = handle_, before = *before]() -> StatusOr<Nothing> {
        RETURN_IF_ERROR(handle->log().TruncatePrefix(before));
        return Nothing{};
      },
      FromNothing);
}

Napi::Value LogObject::Prove(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto index = ToPosition(info[0]);
  if (!index) return Throw(env, ArgumentError("prove(index)"));
  return AsyncTask<EntryProof>::Run(
      env, "clustor.prove",
      [handle = handle_, index = *index] {
        return ReadTwice<EntryProof>(&handle->log(), [&] { return handle->log().Prove(index); });
      },
      [](Napi::Env task_env, EntryProof& proof) -> Napi::Value {
        return FromProof(task_env, proof);
      });
}

Napi::Value LogObject::MerkleRoot(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto segment = ToPosition(info[0]);
  if (!segment) return Throw(env, ArgumentError("merkleRoot(segment)"));
  return AsyncTask<SegmentRoot>::Run(
      env, "clustor.merkleRoot",
      [handle = handle_, segment = *segment] {
        return ReadTwice<SegmentRoot>(&handle->log(),
                                      [&] { return handle->log().MerkleRoot(segment); });
      },
      [](Napi::Env task_env, SegmentRoot& of) {
        return FromBytes(task_env, std::as_bytes(std::span(of.root)));
      });
}

Napi::Value LogObject::SetKeys(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  StatusOr<std::shared_ptr<const KeyRing>> keys = ToKeyRing(info[0]);
  if (!keys.ok()) return Throw(env, keys.status());
  return AsyncTask<Nothing>::Run(
      env, "clustor.setKeys",
      [handle = handle_, keys = std::move(keys.value())]() -> StatusOr<Nothing> {
        RETURN_IF_ERROR(handle->log().SetKeys(keys));
        return Nothing{};
      },
      FromNothing);
}

Napi::Value LogObject::NewScrub(const Napi::CallbackInfo& info) {
  const auto cursor = std::make_shared<ScrubCursor>();
  const auto next = [handle = handle_, cursor](const Napi::CallbackInfo& call) {
    const uint64_t bytes_max = ToPosition(call[0]).value_or(0);
    return AsyncTask<ScrubStep>::Run(
        call.Env(), "clustor.scrub",
        [handle, cursor, bytes_max] { return handle->log().Scrub(cursor.get(), bytes_max); },
        FromScrubStep);
  };
  return Napi::Function::New(info.Env(), next);
}

Napi::Value LogObject::Stats(const Napi::CallbackInfo& info) {
  const auto into = ToDoubles(info[0]);
  if (!into || into->size() != kStatsNumbers) {
    return Throw(info.Env(), ArgumentError("stats(numbers)"));
  }
  FillStats(handle_->log().Stats(), into->first<kStatsNumbers>());
  return info.Env().Undefined();
}

Napi::Value LogObject::Failures(const Napi::CallbackInfo& info) {
  return FromFailures(info.Env(), handle_->log().Stats());
}

Napi::Value LogObject::Close(const Napi::CallbackInfo& info) {
  return AsyncTask<Nothing>::Run(
      info.Env(), "clustor.close",
      [handle = handle_]() -> StatusOr<Nothing> {
        // A poisoned log closes as well: every write has got its error, and the lock is free.
        static_cast<void>(handle->log().Close());
        return Nothing{};
      },
      [handle = handle_](Napi::Env env, Nothing&) -> Napi::Value {
        handle->Release(env);
        return env.Undefined();
      });
}

}  // namespace clustor
