// The functions of OpenSSL that the log uses, found at run time: in the process (Node exports
// them), else in libcrypto.so.3 (Bun, Deno, the native tests). So one binary loads everywhere,
// needs no headers and follows the security fixes of its host. All functions or none.
#pragma once

#include <cstddef>

#include "base/status.h"

namespace clustor {

// OpenSSL's own types, never looked into.
struct EvpDigest;
struct EvpCipher;
struct EvpDigestContext;
struct EvpCipherContext;

struct EvpFunctions {
  const EvpDigest* (*sha256)();
  const EvpCipher* (*aes_256_gcm)();
  EvpDigestContext* (*digest_new)();
  void (*digest_free)(EvpDigestContext*);
  int (*digest_copy)(EvpDigestContext* to, const EvpDigestContext* from);
  int (*digest_init)(EvpDigestContext*, const EvpDigest*, void* engine);
  int (*digest_update)(EvpDigestContext*, const void* bytes, size_t count);
  int (*digest_final)(EvpDigestContext*, unsigned char* digest, unsigned int* count);
  EvpCipherContext* (*cipher_new)();
  void (*cipher_free)(EvpCipherContext*);
  int (*cipher_control)(EvpCipherContext*, int command, int number, void* pointer);
  int (*encrypt_init)(EvpCipherContext*, const EvpCipher*, void* engine, const unsigned char* key,
                      const unsigned char* iv);
  int (*encrypt_update)(EvpCipherContext*, unsigned char* to, int* count, const unsigned char* from,
                        int bytes);
  int (*encrypt_final)(EvpCipherContext*, unsigned char* to, int* count);
  int (*decrypt_init)(EvpCipherContext*, const EvpCipher*, void* engine, const unsigned char* key,
                      const unsigned char* iv);
  int (*decrypt_update)(EvpCipherContext*, unsigned char* to, int* count, const unsigned char* from,
                        int bytes);
  int (*decrypt_final)(EvpCipherContext*, unsigned char* to, int* count);
};

// The address of a function by name, null when it is not there.
using SymbolLookup = void* (*)(void* library, const char* name);

// Fills the table; false, and the table is empty, when any function is missing.
bool ResolveEvp(SymbolLookup lookup, void* library, EvpFunctions* functions);

// The table, looked up once; null when neither the process nor a library has all of it.
const EvpFunctions* Evp();
// The table, for whoever holds a context that was made with it.
const EvpFunctions& EvpOfContexts();
// Where it came from: "process" or the name of the library; null when there is none.
const char* CryptoProvider();
// kCryptoUnavailable, saying what the caller wanted it for.
Status CryptoUnavailable(const char* purpose);
// The provider had the functions and one of them failed: memory is short.
Status CryptoFailed(const char* function);

// For tests: as if there were no provider, while it lives.
class ScopedNoCrypto {
 public:
  ScopedNoCrypto();
  ~ScopedNoCrypto();
  ScopedNoCrypto(const ScopedNoCrypto&) = delete;
  ScopedNoCrypto& operator=(const ScopedNoCrypto&) = delete;
};

}  // namespace clustor
