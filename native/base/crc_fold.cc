// After "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction" (Intel, 2009),
// with four streams of words side by side.
#include "base/crc_fold.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include "base/coding.h"

namespace clustor {

namespace {

// x^power modulo the polynomial of CRC32C, reflected: bit 31 is the coefficient of x^0.
constexpr uint32_t PowerOfX(int power) {
  uint32_t value = 1u << 31;
  for (; power > 0; --power) value = (value >> 1) ^ ((value & 1) ? 0x82f63b78 : 0);
  return value;
}

// Folding moves 128 bits of a lane past the 512 bits of it that a step brings. The product of two
// reflected factors is too low by one power of x.
constexpr long long kMoveFirst = static_cast<long long>(uint64_t{PowerOfX(512 + 64 - 1)} << 32);
constexpr long long kMoveSecond = static_cast<long long>(uint64_t{PowerOfX(512 - 1)} << 32);

// Without a mask these intrinsics begin with a register that gcc 12 says is uninitialized.
constexpr uint16_t kAllWords = 0xffff;
constexpr uint8_t kAllPairs = 0xff;

#define CLUSTOR_FOLDS __attribute__((target("avx512f,vpclmulqdq,sse4.2")))

// Sixteen words of each lane.
struct Lanes {
  __m512i of[4];
};

// The words of 16 rows by lane, in their order.
CLUSTOR_FOLDS inline Lanes LoadLanes(const std::byte* rows) {
  const __m512i first = _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
  const __m512i second = _mm512_add_epi32(first, _mm512_set1_epi32(2));
  const __m512i at0 = _mm512_loadu_si512(rows);
  const __m512i at4 = _mm512_loadu_si512(rows + 64);
  const __m512i at8 = _mm512_loadu_si512(rows + 128);
  const __m512i at12 = _mm512_loadu_si512(rows + 192);
  // Eight words of two lanes each.
  const __m512i lanes01 = _mm512_permutex2var_epi32(at0, first, at4);
  const __m512i lanes23 = _mm512_permutex2var_epi32(at0, second, at4);
  const __m512i lanes01_behind = _mm512_permutex2var_epi32(at8, first, at12);
  const __m512i lanes23_behind = _mm512_permutex2var_epi32(at8, second, at12);
  constexpr int kLowHalves = 0x44;
  constexpr int kHighHalves = 0xee;
  return {{_mm512_maskz_shuffle_i64x2(kAllPairs, lanes01, lanes01_behind, kLowHalves),
           _mm512_maskz_shuffle_i64x2(kAllPairs, lanes01, lanes01_behind, kHighHalves),
           _mm512_maskz_shuffle_i64x2(kAllPairs, lanes23, lanes23_behind, kLowHalves),
           _mm512_maskz_shuffle_i64x2(kAllPairs, lanes23, lanes23_behind, kHighHalves)}};
}

CLUSTOR_FOLDS inline __m512i Fold(__m512i lane, __m512i move, __m512i next) {
  constexpr int kXorOfThree = 0x96;
  return _mm512_ternarylogic_epi64(_mm512_clmulepi64_epi128(lane, move, 0x00),
                                   _mm512_clmulepi64_epi128(lane, move, 0x11), next, kXorOfThree);
}

// What is left of a lane has the same remainder as all of it.
CLUSTOR_FOLDS inline uint32_t Reduce(__m512i lane) {
  std::array<std::byte, 64> words;
  _mm512_storeu_si512(words.data(), lane);
  uint64_t state = 0;
  for (size_t at = 0; at < words.size(); at += 8) {
    state = _mm_crc32_u64(state, Load64(words.data() + at));
  }
  return static_cast<uint32_t>(state);
}

}  // namespace

bool CanFoldLanes() {
  return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("vpclmulqdq") != 0 &&
         __builtin_cpu_supports("sse4.2") != 0;
}

CLUSTOR_FOLDS void FoldLanes(std::array<uint32_t, 4>* crcs, std::span<const std::byte> rows) {
  const __m512i move =
      _mm512_maskz_broadcast_i32x4(kAllWords, _mm_set_epi64x(kMoveSecond, kMoveFirst));
  Lanes lanes = LoadLanes(rows.data());
  for (size_t lane = 0; lane < 4; ++lane) {
    // What came before changes the first word.
    const __m128i state = _mm_cvtsi32_si128(static_cast<int>(~(*crcs)[lane]));
    lanes.of[lane] = _mm512_xor_si512(lanes.of[lane], _mm512_zextsi128_si512(state));
  }
  for (size_t at = kFoldBytes; at < rows.size(); at += kFoldBytes) {
    const Lanes next = LoadLanes(rows.data() + at);
    for (size_t lane = 0; lane < 4; ++lane) {
      lanes.of[lane] = Fold(lanes.of[lane], move, next.of[lane]);
    }
  }
  for (size_t lane = 0; lane < 4; ++lane) (*crcs)[lane] = ~Reduce(lanes.of[lane]);
}

}  // namespace clustor

#else

namespace clustor {

bool CanFoldLanes() { return false; }

void FoldLanes(std::array<uint32_t, 4>*, std::span<const std::byte>) {}

}  // namespace clustor

#endif
