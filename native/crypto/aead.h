// AES-256-GCM over OpenSSL, with a tag of 16 bytes and an IV of 12. An object belongs to one thread
// at a time.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>

#include "base/status.h"
#include "crypto/evp.h"
#include "crypto/key_ring.h"

namespace clustor {

inline constexpr size_t kGcmTagBytes = 16;
inline constexpr size_t kGcmIvBytes = 12;
using GcmTag = std::array<std::byte, kGcmTagBytes>;
using GcmIv = std::array<std::byte, kGcmIvBytes>;

class AesGcm {
 public:
  // Keeps the key's schedule, not the key; OpenSSL zeroes it when the object goes. Errors:
  // kCryptoUnavailable, kOutOfMemory.
  static StatusOr<AesGcm> Create(KeyView key);

  // Encrypts in place. The caller never gives the same IV twice under one key: whoever sees two
  // such ciphertexts can forge others. Errors: kOutOfMemory; the bytes are then zeroed.
  StatusOr<GcmTag> Seal(const GcmIv& iv, std::span<const std::byte> aad,
                        std::span<std::byte> bytes);

  // Decrypts `from` into `to` (of the same size, and either the same memory or apart). False when
  // the tag, compared in constant time, does not hold: then `to` is zeroed. Errors: kOutOfMemory,
  // `to` is zeroed as well.
  StatusOr<bool> Open(const GcmIv& iv, std::span<const std::byte> aad,
                      std::span<const std::byte> from, const GcmTag& tag, std::span<std::byte> to);

 private:
  struct Free {
    void operator()(EvpCipherContext* context) const;
  };
  using Context = std::unique_ptr<EvpCipherContext, Free>;

  AesGcm(Context sealing, Context opening)
      : sealing_(std::move(sealing)), opening_(std::move(opening)) {}

  Context sealing_;
  Context opening_;
};

}  // namespace clustor
