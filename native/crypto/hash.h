// SHA-256 and HMAC-SHA256 over OpenSSL. An object belongs to one thread at a time.
#pragma once

#include <array>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <span>

#include "base/status.h"
#include "crypto/evp.h"

namespace clustor {

inline constexpr size_t kSha256Bytes = 32;
using Sha256Digest = std::array<std::byte, kSha256Bytes>;

// A digest context of OpenSSL; freed on destruction.
class DigestContext {
 public:
  struct Free {
    void operator()(EvpDigestContext* context) const;
  };
  using Pointer = std::unique_ptr<EvpDigestContext, Free>;
};

// Incremental. Failures inside (memory) are kept and come out of Finish.
class Sha256 {
 public:
  // Errors: kCryptoUnavailable, kOutOfMemory.
  static StatusOr<Sha256> Create();

  void Update(std::span<const std::byte> bytes);
  // The digest of all bytes since Create or the last Finish. Errors: kOutOfMemory.
  StatusOr<Sha256Digest> Finish();
  // The same, after which more can be added to these bytes. Errors: kOutOfMemory.
  StatusOr<Sha256Digest> Peek() const;

 private:
  explicit Sha256(DigestContext::Pointer context) : context_(std::move(context)) {}

  DigestContext::Pointer context_;
  bool failed_ = false;
};

// The digest of some pieces, one after the other.
StatusOr<Sha256Digest> Sha256Of(std::initializer_list<std::span<const std::byte>> pieces);

// HMAC-SHA256 (RFC 2104) of many messages under one key: the keyed state is made once and copied
// per message, a quarter of the cost of starting with the key.
class HmacSha256 {
 public:
  // Keeps no copy of the key, only the states that it leads to. Errors: kCryptoUnavailable,
  // kOutOfMemory.
  static StatusOr<HmacSha256> Create(std::span<const std::byte> key);
  // With the same key, at the start of a message. Errors: kOutOfMemory.
  StatusOr<HmacSha256> Clone() const;

  void Update(std::span<const std::byte> bytes);
  // The code of all bytes since Create or the last Finish. Errors: kOutOfMemory.
  StatusOr<Sha256Digest> Finish();

 private:
  HmacSha256() = default;
  Status Restart();

  DigestContext::Pointer keyed_inner_;
  DigestContext::Pointer keyed_outer_;
  DigestContext::Pointer message_;  // The state of the message that is being read.
  bool failed_ = false;
};

// Equal, in a time that does not tell where they differ.
bool ConstantTimeEqual(std::span<const std::byte> a, std::span<const std::byte> b);
// Zeroes memory in a way that the compiler keeps although nobody reads it any more.
void ZeroSecret(std::span<std::byte> bytes);

}  // namespace clustor
