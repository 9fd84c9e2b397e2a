#include "crypto/aead.h"

#include <utility>

#include "crypto/hash.h"

namespace clustor {

namespace {

// EVP_CTRL_AEAD_GET_TAG and _SET_TAG, the same in every version of OpenSSL and in BoringSSL.
constexpr int kGetTag = 0x10;
constexpr int kSetTag = 0x11;

const unsigned char* Chars(std::span<const std::byte> bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

unsigned char* MutableChars(std::span<std::byte> bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}

}  // namespace

void AesGcm::Free::operator()(EvpCipherContext* context) const {
  EvpOfContexts().cipher_free(context);
}

StatusOr<AesGcm> AesGcm::Create(KeyView key) {
  const EvpFunctions* evp = Evp();
  if (evp == nullptr) return CryptoUnavailable("AES-256-GCM");
  Context sealing(evp->cipher_new());
  Context opening(evp->cipher_new());
  const unsigned char* bytes = Chars(key);
  if (sealing == nullptr || opening == nullptr ||
      evp->encrypt_init(sealing.get(), evp->aes_256_gcm(), nullptr, bytes, nullptr) != 1 ||
      evp->decrypt_init(opening.get(), evp->aes_256_gcm(), nullptr, bytes, nullptr) != 1) {
    return CryptoFailed("EVP_EncryptInit_ex");
  }
  return AesGcm(std::move(sealing), std::move(opening));
}

StatusOr<GcmTag> AesGcm::Seal(const GcmIv& iv, std::span<const std::byte> aad,
                              std::span<std::byte> bytes) {
  const EvpFunctions& evp = EvpOfContexts();
  EvpCipherContext* const context = sealing_.get();
  GcmTag tag;
  int count = 0;
  const bool done =
      evp.encrypt_init(context, nullptr, nullptr, nullptr, Chars(iv)) == 1 &&
      evp.encrypt_update(context, nullptr, &count, Chars(aad), static_cast<int>(aad.size())) == 1 &&
      evp.encrypt_update(context, MutableChars(bytes), &count, Chars(bytes),
                         static_cast<int>(bytes.size())) == 1 &&
      count == static_cast<int>(bytes.size()) &&
      evp.encrypt_final(context, MutableChars(tag), &count) == 1 && count == 0 &&
      evp.cipher_control(context, kGetTag, kGcmTagBytes, tag.data()) == 1;
  if (done) return tag;
  // Half-encrypted bytes must not get out by mistake.
  ZeroSecret(bytes);
  return CryptoFailed("EVP_EncryptUpdate");
}

StatusOr<bool> AesGcm::Open(const GcmIv& iv, std::span<const std::byte> aad,
                            std::span<const std::byte> from, const GcmTag& tag,
                            std::span<std::byte> to) {
  const EvpFunctions& evp = EvpOfContexts();
  EvpCipherContext* const context = opening_.get();
  GcmTag expected = tag;
  int count = 0;
  const bool decrypted =
      evp.decrypt_init(context, nullptr, nullptr, nullptr, Chars(iv)) == 1 &&
      evp.decrypt_update(context, nullptr, &count, Chars(aad), static_cast<int>(aad.size())) == 1 &&
      evp.decrypt_update(context, MutableChars(to), &count, Chars(from),
                         static_cast<int>(from.size())) == 1 &&
      count == static_cast<int>(from.size()) &&
      evp.cipher_control(context, kSetTag, kGcmTagBytes, expected.data()) == 1;
  unsigned char none[kGcmTagBytes];
  // EVP_DecryptFinal_ex compares the tags with CRYPTO_memcmp.
  if (decrypted && evp.decrypt_final(context, none, &count) == 1) return true;
  ZeroSecret(to);
  if (!decrypted) return CryptoFailed("EVP_DecryptUpdate");
  return false;
}

}  // namespace clustor
