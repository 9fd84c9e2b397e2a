// Values between JavaScript and the core. Numbers are checked to be whole and below 2^53 on the way
// in; everything on the way out is below 2^53 by the format.
#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/status.h"
#include "wal/frame.h"
#include "wal/inspect.h"
#include "wal/log.h"
#include "wal/stats.h"

namespace clustor {

// A whole number in 0 .. 2^53 - 1, or nothing.
std::optional<uint64_t> ToPosition(const Napi::Value& value);
// The bytes of a Uint8Array (a Buffer is one; a view of shared memory too), or nothing.
std::optional<std::span<std::byte>> ToBytes(const Napi::Value& value);
// The elements of a Uint32Array, or nothing.
std::optional<std::span<const uint32_t>> ToUint32s(const Napi::Value& value);
// The elements of a Float64Array, or nothing.
std::optional<std::span<double>> ToDoubles(const Napi::Value& value);

// A property as text or number; the fallback when it is absent or something else.
std::string TextProperty(Napi::Object object, const char* name, std::string fallback = "");
uint64_t NumberProperty(Napi::Object object, const char* name, uint64_t fallback);

// Reads the options of a log; src/wal/log-settings.ts has checked and completed them.
StatusOr<LogOptions> ToLogOptions(Napi::Object object);

// {firstIndex, lastIndex, runs, byteLengths}; runs is a Float64Array of term, kind, count triples.
Napi::Object FromFrameRange(Napi::Env env, const FrameRange& range);
Napi::Object FromProof(Napi::Env env, const EntryProof& proof);
Napi::Object FromRecovery(Napi::Env env, const RecoveryReport& report);
Napi::Object FromAnchor(Napi::Env env, const LogAnchor& anchor);
// How many numbers FillStats writes: 23 counters, then 5 of each stage.
inline constexpr size_t kStatsNumbers = 48;
// Writes the numbers of the stats, whole ones, in the order in which src/native/log-stats.ts reads
// them: an object with a property for each would cost ten times as much as the counting.
void FillStats(const LogStats& stats, std::span<double, kStatsNumbers> into);
// {poison, quarantine}: why the log takes no more writes; null while it does.
Napi::Object FromFailures(Napi::Env env, const LogStats& stats);
Napi::Object FromVerifyReport(Napi::Env env, const VerifyReport& report);
Napi::Object FromDumpItem(Napi::Env env, const DumpItem& item);
Napi::Value FromDoubles(Napi::Env env, std::span<const double> values);
// A Buffer with a copy of the bytes.
Napi::Value FromBytes(Napi::Env env, std::span<const std::byte> bytes);

}  // namespace clustor
