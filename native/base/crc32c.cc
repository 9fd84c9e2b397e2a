#include "base/crc32c.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/coding.h"
#include "base/crc_fold.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__aarch64__)
#include <arm_acle.h>
#include <sys/auxv.h>
#ifndef HWCAP_CRC32
#define HWCAP_CRC32 (1 << 7)
#endif
#endif

namespace clustor {

namespace {

constexpr uint32_t kPolynomialReflected = 0x82f63b78;

using ByteTables = std::array<std::array<uint32_t, 256>, 8>;

// Table k advances a CRC by a byte that is followed by k zero bytes (slicing by 8).
constexpr ByteTables MakeByteTables() {
  ByteTables tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) ? kPolynomialReflected : 0);
    tables[0][byte] = crc;
  }
  for (uint32_t byte = 0; byte < 256; ++byte) {
    for (size_t k = 1; k < 8; ++k) {
      const uint32_t before = tables[k - 1][byte];
      tables[k][byte] = (before >> 8) ^ tables[0][before & 0xff];
    }
  }
  return tables;
}

constexpr ByteTables kByteTables = MakeByteTables();

uint32_t StepByte(uint32_t state, std::byte byte) {
  return (state >> 8) ^ kByteTables[0][(state ^ static_cast<uint32_t>(byte)) & 0xff];
}

// Piece by piece, so that the checksum finds the copy in the nearest cache.
uint32_t CopyThroughCaches(uint32_t crc, std::byte* to, std::span<const std::byte> bytes) {
  constexpr size_t kPieceBytes = 4096;
  while (!bytes.empty()) {
    const size_t piece = std::min(bytes.size(), kPieceBytes);
    std::memcpy(to, bytes.data(), piece);
    crc = Crc32cExtend(crc, {to, piece});
    to += piece;
    bytes = bytes.subspan(piece);
  }
  return crc;
}

#if defined(__x86_64__)

// Bytes per stream when three streams are interleaved: the instruction has a latency of three and a
// throughput of one.
constexpr size_t kStreamBytes = 1024;

using ShiftTables = std::array<std::array<uint32_t, 256>, 4>;

constexpr uint32_t Multiply(const std::array<uint32_t, 32>& matrix, uint32_t vector) {
  uint32_t product = 0;
  for (size_t bit = 0; bit < 32; ++bit) {
    if (vector >> bit & 1) product ^= matrix[bit];
  }
  return product;
}

// Tables that advance a CRC state by kStreamBytes zero bytes, a byte of the state at a time. The
// operator of one zero bit is squared until it covers kStreamBytes * 8 = 2^13 bits.
constexpr ShiftTables MakeShiftTables() {
  std::array<uint32_t, 32> operation{};
  operation[0] = kPolynomialReflected;
  for (size_t bit = 1; bit < 32; ++bit) operation[bit] = 1u << (bit - 1);
  for (int squarings = 0; squarings < 13; ++squarings) {
    std::array<uint32_t, 32> squared{};
    for (size_t bit = 0; bit < 32; ++bit) squared[bit] = Multiply(operation, operation[bit]);
    operation = squared;
  }
  ShiftTables tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    for (uint32_t k = 0; k < 4; ++k) tables[k][byte] = Multiply(operation, byte << (8 * k));
  }
  return tables;
}

constexpr ShiftTables kShiftTables = MakeShiftTables();

uint32_t ShiftOneStream(uint32_t state) {
  return kShiftTables[0][state & 0xff] ^ kShiftTables[1][state >> 8 & 0xff] ^
         kShiftTables[2][state >> 16 & 0xff] ^ kShiftTables[3][state >> 24];
}

__attribute__((target("sse4.2"))) uint32_t ExtendHardware(uint32_t crc, const std::byte* at,
                                                          size_t bytes) {
  uint64_t state = ~crc;
  while (bytes >= 3 * kStreamBytes) {
    uint64_t second = 0;
    uint64_t third = 0;
    for (size_t offset = 0; offset < kStreamBytes; offset += 8) {
      state = _mm_crc32_u64(state, Load64(at + offset));
      second = _mm_crc32_u64(second, Load64(at + kStreamBytes + offset));
      third = _mm_crc32_u64(third, Load64(at + 2 * kStreamBytes + offset));
    }
    state = ShiftOneStream(static_cast<uint32_t>(state)) ^ second;
    state = ShiftOneStream(static_cast<uint32_t>(state)) ^ third;
    at += 3 * kStreamBytes;
    bytes -= 3 * kStreamBytes;
  }
  for (; bytes >= 8; at += 8, bytes -= 8) state = _mm_crc32_u64(state, Load64(at));
  for (; bytes > 0; ++at, --bytes) {
    state = _mm_crc32_u8(static_cast<uint32_t>(state), static_cast<uint8_t>(*at));
  }
  return ~static_cast<uint32_t>(state);
}

void StoreAround(std::byte* to, uint64_t word) {
  // A machine word, which every x86-64 has.
  _mm_stream_si64(reinterpret_cast<long long*>(to), static_cast<long long>(word));
}

// REQUIRES: `to` is a multiple of 8, bytes of 3 * kStreamBytes.
__attribute__((target("sse4.2"))) uint32_t CopyAroundCaches(uint32_t crc, std::byte* to,
                                                            const std::byte* from, size_t bytes) {
  uint64_t state = ~crc;
  for (const std::byte* end = from + bytes; from < end;) {
    uint64_t second = 0;
    uint64_t third = 0;
    for (size_t offset = 0; offset < kStreamBytes; offset += 8) {
      const uint64_t words[] = {Load64(from + offset), Load64(from + kStreamBytes + offset),
                                Load64(from + 2 * kStreamBytes + offset)};
      state = _mm_crc32_u64(state, words[0]);
      second = _mm_crc32_u64(second, words[1]);
      third = _mm_crc32_u64(third, words[2]);
      StoreAround(to + offset, words[0]);
      StoreAround(to + kStreamBytes + offset, words[1]);
      StoreAround(to + 2 * kStreamBytes + offset, words[2]);
    }
    state = ShiftOneStream(static_cast<uint32_t>(state)) ^ second;
    state = ShiftOneStream(static_cast<uint32_t>(state)) ^ third;
    from += 3 * kStreamBytes;
    to += 3 * kStreamBytes;
  }
  // Such stores are not ordered by what hands the memory over.
  _mm_sfence();
  return ~static_cast<uint32_t>(state);
}

// Copies whole lines of the cache that way, what is in front of and behind them as usual.
uint32_t CopyHardware(uint32_t crc, std::byte* to, std::span<const std::byte> bytes) {
  constexpr size_t kLineBytes = 64;
  constexpr size_t kStrideBytes = 3 * kStreamBytes;
  if (bytes.size() < kStrideBytes + kLineBytes) return CopyThroughCaches(crc, to, bytes);
  const size_t front = -reinterpret_cast<uintptr_t>(to) % kLineBytes;
  const size_t middle = (bytes.size() - front) / kStrideBytes * kStrideBytes;
  crc = CopyThroughCaches(crc, to, bytes.first(front));
  crc = CopyAroundCaches(crc, to + front, bytes.data() + front, middle);
  return CopyThroughCaches(crc, to + front + middle, bytes.subspan(front + middle));
}

__attribute__((target("sse4.2"))) void ExtendLanesHardware(std::array<uint32_t, 4>* crcs,
                                                           std::span<const std::byte> rows) {
  std::array<uint32_t, 4> state;
  for (size_t lane = 0; lane < 4; ++lane) state[lane] = ~(*crcs)[lane];
  for (size_t at = 0; at < rows.size(); at += 16) {
    for (size_t lane = 0; lane < 4; ++lane) {
      state[lane] = _mm_crc32_u32(state[lane], Load32(rows.data() + at + 4 * lane));
    }
  }
  for (size_t lane = 0; lane < 4; ++lane) (*crcs)[lane] = ~state[lane];
}

bool HasHardware() { return __builtin_cpu_supports("sse4.2") != 0; }

#elif defined(__aarch64__)

__attribute__((target("+crc"))) uint32_t ExtendHardware(uint32_t crc, const std::byte* at,
                                                        size_t bytes) {
  uint32_t state = ~crc;
  for (; bytes >= 8; at += 8, bytes -= 8) state = __crc32cd(state, Load64(at));
  for (; bytes > 0; ++at, --bytes) state = __crc32cb(state, static_cast<uint8_t>(*at));
  return ~state;
}

__attribute__((target("+crc"))) void ExtendLanesHardware(std::array<uint32_t, 4>* crcs,
                                                         std::span<const std::byte> rows) {
  std::array<uint32_t, 4> state;
  for (size_t lane = 0; lane < 4; ++lane) state[lane] = ~(*crcs)[lane];
  for (size_t at = 0; at < rows.size(); at += 16) {
    for (size_t lane = 0; lane < 4; ++lane) {
      state[lane] = __crc32cw(state[lane], Load32(rows.data() + at + 4 * lane));
    }
  }
  for (size_t lane = 0; lane < 4; ++lane) (*crcs)[lane] = ~state[lane];
}

bool HasHardware() { return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0; }

#else

uint32_t ExtendHardware(uint32_t crc, const std::byte* at, size_t bytes) {
  return Crc32cExtendSoftware(crc, {at, bytes});
}

void ExtendLanesHardware(std::array<uint32_t, 4>*, std::span<const std::byte>) {}

bool HasHardware() { return false; }

#endif

}  // namespace

uint32_t Crc32cExtendSoftware(uint32_t crc, std::span<const std::byte> bytes) {
  uint32_t state = ~crc;
  size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    const uint64_t word = Load64(bytes.data() + at) ^ state;
    state = 0;
    for (size_t k = 0; k < 8; ++k) state ^= kByteTables[7 - k][word >> (8 * k) & 0xff];
  }
  for (; at < bytes.size(); ++at) state = StepByte(state, bytes[at]);
  return ~state;
}

void Crc32cExtendLanes(std::array<uint32_t, 4>* crcs, std::span<const std::byte> rows) {
  static const bool kHardware = HasHardware();
  static const bool kFolds = CanFoldLanes();
  if (kFolds && rows.size() >= kFoldBytes) {
    const size_t folded = rows.size() / kFoldBytes * kFoldBytes;
    FoldLanes(crcs, rows.first(folded));
    rows = rows.subspan(folded);
  }
  if (kHardware) return ExtendLanesHardware(crcs, rows);
  for (size_t at = 0; at < rows.size(); at += 4) {
    uint32_t* crc = &(*crcs)[at / 4 % 4];
    *crc = Crc32cExtendSoftware(*crc, rows.subspan(at, 4));
  }
}

uint32_t Crc32cCopy(uint32_t crc, std::byte* to, std::span<const std::byte> bytes) {
#if defined(__x86_64__)
  static const bool kHardware = HasHardware();
  if (kHardware) return CopyHardware(crc, to, bytes);
#endif
  return CopyThroughCaches(crc, to, bytes);
}

uint32_t Crc32cExtend(uint32_t crc, std::span<const std::byte> bytes) {
  static const bool kHardware = HasHardware();
  return kHardware ? ExtendHardware(crc, bytes.data(), bytes.size())
                   : Crc32cExtendSoftware(crc, bytes);
}

}  // namespace clustor
