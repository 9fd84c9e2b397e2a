#include "crypto/evp.h"

#if defined(_WIN32)
#include <windows.h>
#else
#include <dlfcn.h>
#endif

#include <atomic>
#include <string>

// As in os/thread.cc: the old version keeps the binary loadable wherever Node itself runs.
#if defined(__linux__) && defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#if defined(__x86_64__)
__asm__(".symver dlopen,dlopen@GLIBC_2.2.5");
__asm__(".symver dlsym,dlsym@GLIBC_2.2.5");
#elif defined(__aarch64__)
__asm__(".symver dlopen,dlopen@GLIBC_2.17");
__asm__(".symver dlsym,dlsym@GLIBC_2.17");
#endif
#endif

namespace clustor {

namespace {

struct Provider {
  EvpFunctions functions{};
  const char* name = nullptr;
};

// Relaxed: changed by tests of one thread.
std::atomic<int> g_hidden{0};

#if defined(_WIN32)

constexpr const char* kLibraries[] = {"libcrypto-3-x64.dll", "libcrypto-3-arm64.dll"};

void* OwnProcess() { return GetModuleHandleA(nullptr); }
void* OpenLibrary(const char* name) { return LoadLibraryA(name); }
void* Lookup(void* library, const char* name) {
  return reinterpret_cast<void*>(GetProcAddress(static_cast<HMODULE>(library), name));
}

#else

#if defined(__APPLE__)
constexpr const char* kLibraries[] = {"libcrypto.3.dylib"};
#else
constexpr const char* kLibraries[] = {"libcrypto.so.3"};
#endif

void* OwnProcess() { return RTLD_DEFAULT; }
void* OpenLibrary(const char* name) { return dlopen(name, RTLD_NOW | RTLD_LOCAL); }
void* Lookup(void* library, const char* name) { return dlsym(library, name); }

#endif

Provider Find() {
  Provider provider;
  if (ResolveEvp(Lookup, OwnProcess(), &provider.functions)) {
    provider.name = "process";
    return provider;
  }
  for (const char* name : kLibraries) {
    // Never closed: the functions are used until the process ends.
    void* const library = OpenLibrary(name);
    if (library == nullptr || !ResolveEvp(Lookup, library, &provider.functions)) continue;
    provider.name = name;
    return provider;
  }
  return provider;
}

const Provider& TheProvider() {
  static const Provider kProvider = Find();
  return kProvider;
}

template <typename Function>
bool Resolve(SymbolLookup lookup, void* library, const char* name, Function* function) {
  *function = reinterpret_cast<Function>(lookup(library, name));
  return *function != nullptr;
}

}  // namespace

bool ResolveEvp(SymbolLookup lookup, void* library, EvpFunctions* functions) {
  EvpFunctions* const f = functions;
  const auto get = [&](const char* name, auto* function) {
    return Resolve(lookup, library, name, function);
  };
  const bool all =
      get("EVP_sha256", &f->sha256) && get("EVP_aes_256_gcm", &f->aes_256_gcm) &&
      get("EVP_MD_CTX_new", &f->digest_new) && get("EVP_MD_CTX_free", &f->digest_free) &&
      get("EVP_MD_CTX_copy_ex", &f->digest_copy) && get("EVP_DigestInit_ex", &f->digest_init) &&
      get("EVP_DigestUpdate", &f->digest_update) && get("EVP_DigestFinal_ex", &f->digest_final) &&
      get("EVP_CIPHER_CTX_new", &f->cipher_new) && get("EVP_CIPHER_CTX_free", &f->cipher_free) &&
      get("EVP_CIPHER_CTX_ctrl", &f->cipher_control) &&
      get("EVP_EncryptInit_ex", &f->encrypt_init) && get("EVP_EncryptUpdate", &f->encrypt_update) &&
      get("EVP_EncryptFinal_ex", &f->encrypt_final) &&
      get("EVP_DecryptInit_ex", &f->decrypt_init) && get("EVP_DecryptUpdate", &f->decrypt_update) &&
      get("EVP_DecryptFinal_ex", &f->decrypt_final);
  if (!all) *functions = {};
  return all;
}

const EvpFunctions* Evp() {
  if (g_hidden.load(std::memory_order_relaxed) != 0) return nullptr;
  const Provider& provider = TheProvider();
  return provider.name == nullptr ? nullptr : &provider.functions;
}

const EvpFunctions& EvpOfContexts() { return TheProvider().functions; }

const char* CryptoProvider() { return Evp() == nullptr ? nullptr : TheProvider().name; }

Status CryptoUnavailable(const char* purpose) {
  return Status(StatusCode::kCryptoUnavailable,
                std::string(purpose) + " needs OpenSSL 3: this process does not export it and " +
                    kLibraries[0] + " cannot be loaded");
}

Status CryptoFailed(const char* function) {
  return Status(StatusCode::kOutOfMemory, std::string(function) + " failed");
}

ScopedNoCrypto::ScopedNoCrypto() { g_hidden.fetch_add(1, std::memory_order_relaxed); }

ScopedNoCrypto::~ScopedNoCrypto() { g_hidden.fetch_sub(1, std::memory_order_relaxed); }

}  // namespace clustor
