#include "crypto/hash.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace clustor {

namespace {

constexpr size_t kHmacBlockBytes = 64;

DigestContext::Pointer NewContext(const EvpFunctions* evp) {
  return DigestContext::Pointer(evp->digest_new());
}

bool Start(const EvpFunctions* evp, EvpDigestContext* context) {
  return evp->digest_init(context, evp->sha256(), nullptr) == 1;
}

bool Final(EvpDigestContext* context, Sha256Digest* digest) {
  unsigned int bytes = 0;
  return EvpOfContexts().digest_final(context, reinterpret_cast<unsigned char*>(digest->data()),
                                      &bytes) == 1 &&
         bytes == digest->size();
}

}  // namespace

void DigestContext::Free::operator()(EvpDigestContext* context) const {
  EvpOfContexts().digest_free(context);
}

StatusOr<Sha256> Sha256::Create() {
  const EvpFunctions* evp = Evp();
  if (evp == nullptr) return CryptoUnavailable("SHA-256");
  DigestContext::Pointer context = NewContext(evp);
  if (context == nullptr || !Start(evp, context.get())) return CryptoFailed("EVP_DigestInit_ex");
  return Sha256(std::move(context));
}

void Sha256::Update(std::span<const std::byte> bytes) {
  if (EvpOfContexts().digest_update(context_.get(), bytes.data(), bytes.size()) != 1)
    failed_ = true;
}

StatusOr<Sha256Digest> Sha256::Finish() {
  Sha256Digest digest;
  const bool done = Final(context_.get(), &digest) && !failed_;
  failed_ = !Start(&EvpOfContexts(), context_.get());
  if (!done) return CryptoFailed("EVP_DigestFinal_ex");
  return digest;
}

StatusOr<Sha256Digest> Sha256::Peek() const {
  const EvpFunctions& evp = EvpOfContexts();
  const DigestContext::Pointer copy = NewContext(&evp);
  Sha256Digest digest;
  if (failed_ || copy == nullptr || evp.digest_copy(copy.get(), context_.get()) != 1 ||
      !Final(copy.get(), &digest)) {
    return CryptoFailed("EVP_MD_CTX_copy_ex");
  }
  return digest;
}

StatusOr<Sha256Digest> Sha256Of(std::initializer_list<std::span<const std::byte>> pieces) {
  StatusOr<Sha256> hash = Sha256::Create();
  if (!hash.ok()) return hash.status();
  for (const std::span<const std::byte> piece : pieces) hash->Update(piece);
  return hash->Finish();
}

StatusOr<HmacSha256> HmacSha256::Create(std::span<const std::byte> key) {
  const EvpFunctions* evp = Evp();
  if (evp == nullptr) return CryptoUnavailable("HMAC-SHA256");
  std::array<std::byte, kHmacBlockBytes> block{};
  if (key.size() > block.size()) {
    StatusOr<Sha256Digest> digest = Sha256Of({key});
    if (!digest.ok()) return digest.status();
    std::copy(digest->begin(), digest->end(), block.begin());
    ZeroSecret(*digest);
  } else {
    std::copy(key.begin(), key.end(), block.begin());
  }
  HmacSha256 hmac;
  hmac.keyed_inner_ = NewContext(evp);
  hmac.keyed_outer_ = NewContext(evp);
  hmac.message_ = NewContext(evp);
  const auto absorb = [&](EvpDigestContext* context, std::byte pad) {
    std::array<std::byte, kHmacBlockBytes> padded = block;
    for (std::byte& b : padded) b ^= pad;
    const bool done = context != nullptr && Start(evp, context) &&
                      evp->digest_update(context, padded.data(), padded.size()) == 1;
    ZeroSecret(padded);
    return done;
  };
  const bool keyed = hmac.message_ != nullptr && absorb(hmac.keyed_inner_.get(), std::byte{0x36}) &&
                     absorb(hmac.keyed_outer_.get(), std::byte{0x5c});
  ZeroSecret(block);
  if (!keyed) return CryptoFailed("EVP_DigestInit_ex");
  RETURN_IF_ERROR(hmac.Restart());
  return hmac;
}

StatusOr<HmacSha256> HmacSha256::Clone() const {
  const EvpFunctions& evp = EvpOfContexts();
  HmacSha256 hmac;
  hmac.keyed_inner_ = NewContext(&evp);
  hmac.keyed_outer_ = NewContext(&evp);
  hmac.message_ = NewContext(&evp);
  if (hmac.keyed_inner_ == nullptr || hmac.keyed_outer_ == nullptr || hmac.message_ == nullptr ||
      evp.digest_copy(hmac.keyed_inner_.get(), keyed_inner_.get()) != 1 ||
      evp.digest_copy(hmac.keyed_outer_.get(), keyed_outer_.get()) != 1) {
    return CryptoFailed("EVP_MD_CTX_copy_ex");
  }
  RETURN_IF_ERROR(hmac.Restart());
  return hmac;
}

Status HmacSha256::Restart() {
  failed_ = EvpOfContexts().digest_copy(message_.get(), keyed_inner_.get()) != 1;
  return failed_ ? CryptoFailed("EVP_MD_CTX_copy_ex") : Status::Ok();
}

void HmacSha256::Update(std::span<const std::byte> bytes) {
  if (EvpOfContexts().digest_update(message_.get(), bytes.data(), bytes.size()) != 1)
    failed_ = true;
}

StatusOr<Sha256Digest> HmacSha256::Finish() {
  Sha256Digest digest;
  const bool done =
      !failed_ && Final(message_.get(), &digest) &&
      EvpOfContexts().digest_copy(message_.get(), keyed_outer_.get()) == 1 &&
      EvpOfContexts().digest_update(message_.get(), digest.data(), digest.size()) == 1 &&
      Final(message_.get(), &digest);
  RETURN_IF_ERROR(Restart());
  if (!done) return CryptoFailed("EVP_DigestFinal_ex");
  return digest;
}

bool ConstantTimeEqual(std::span<const std::byte> a, std::span<const std::byte> b) {
  if (a.size() != b.size()) return false;
  std::byte difference{0};
  for (size_t i = 0; i < a.size(); ++i) difference |= a[i] ^ b[i];
  return difference == std::byte{0};
}

void ZeroSecret(std::span<std::byte> bytes) {
  std::memset(bytes.data(), 0, bytes.size());
#if defined(_MSC_VER)
  _ReadWriteBarrier();
#else
  __asm__ volatile("" : : "r"(bytes.data()) : "memory");
#endif
}

}  // namespace clustor
