// SHA-256, HMAC-SHA256, AES-256-GCM, the IV of a block, its key and the check values of keys,
// against published vectors. This program links no libcrypto; without libcrypto.so.3 on the machine
// its tests fail and say so.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/coding.h"
#include "check.h"
#include "crypto/aead.h"
#include "crypto/block_iv.h"
#include "crypto/evp.h"
#include "crypto/hash.h"
#include "crypto/key_ring.h"
#include "os/env.h"

namespace clustor::test {

namespace {

std::vector<std::byte> FromHex(std::string_view text) {
  std::vector<std::byte> bytes;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

std::string ToHex(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte byte : bytes) {
    char digits[3];
    std::snprintf(digits, sizeof(digits), "%02x", static_cast<unsigned>(byte));
    text += digits;
  }
  return text;
}

std::span<const std::byte> Text(std::string_view text) { return std::as_bytes(std::span(text)); }

std::vector<std::byte> Repeat(int value, size_t count) {
  return std::vector<std::byte>(count, static_cast<std::byte>(value));
}

// The bytes first, first + 1, ...
std::vector<std::byte> Counting(int first, size_t count) {
  std::vector<std::byte> bytes;
  for (size_t i = 0; i < count; ++i) bytes.push_back(static_cast<std::byte>(first + int(i)));
  return bytes;
}

KeyView Key(const std::vector<std::byte>& bytes) { return KeyView(bytes.data(), kKeyBytes); }

std::string Sha256Hex(std::string_view text) {
  const StatusOr<Sha256Digest> digest = Sha256Of({Text(text)});
  return digest.ok() ? ToHex(*digest) : Describe(digest.status());
}

std::string HmacHex(std::span<const std::byte> key, std::span<const std::byte> message) {
  StatusOr<HmacSha256> hmac = HmacSha256::Create(key);
  if (!hmac.ok()) return Describe(hmac.status());
  hmac->Update(message);
  const StatusOr<Sha256Digest> code = hmac->Finish();
  return code.ok() ? ToHex(*code) : Describe(code.status());
}

std::string IvHex(uint32_t dek_epoch, uint64_t segment_seq, uint64_t counter) {
  StatusOr<Sha256> hash = Sha256::Create();
  if (!hash.ok()) return Describe(hash.status());
  const StatusOr<GcmIv> iv = BlockIv(&*hash, dek_epoch, segment_seq, counter);
  return iv.ok() ? ToHex(*iv) : Describe(iv.status());
}

struct GcmCase {
  const char* key;
  const char* iv;
  const char* aad;
  const char* plaintext;
  const char* ciphertext;
  const char* tag;
};

constexpr char kZeroKey[] = "0000000000000000000000000000000000000000000000000000000000000000";
constexpr char kZeroIv[] = "000000000000000000000000";
constexpr char kSpecKey[] = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
constexpr char kSpecIv[] = "cafebabefacedbaddecaf888";

// McGrew and Viega, "The Galois/Counter Mode of Operation", test cases 13 to 16; in the validation
// set of NIST.
constexpr GcmCase kGcmCases[] = {
    {kZeroKey, kZeroIv, "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
    {kZeroKey, kZeroIv, "", "00000000000000000000000000000000", "cea7403d4d606b6e074ec5d3baf39d18",
     "d0d1c8a799996bf0265b98b5d48ab919"},
    {kSpecKey, kSpecIv, "",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad",
     "b094dac5d93471bdec1a502270e3cc6c"},
    {kSpecKey, kSpecIv, "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
     "76fc6ece0f4e1768cddf8853bb2d551b"},
};

GcmIv IvOf(std::string_view hex) {
  GcmIv iv;
  std::ranges::copy(FromHex(hex), iv.begin());
  return iv;
}

}  // namespace

TEST(CryptoProvider, IsInThisProcessOrInALibraryOfTheMachine) {
  if (CryptoProvider() == nullptr)
    Fail(__FILE__, __LINE__, CryptoUnavailable("This test").message());
  CHECK(CryptoProvider() != nullptr);
}

TEST(CryptoProvider, HasAllFunctionsOrNone) {
  EvpFunctions functions;
  const SymbolLookup all_but_one = [](void* library, const char* name) -> void* {
    return std::string_view(name) == "EVP_DecryptFinal_ex" ? nullptr : library;
  };
  char something = 0;

  CHECK(!ResolveEvp(all_but_one, &something, &functions));

  CHECK(functions.sha256 == nullptr);
  CHECK(functions.decrypt_update == nullptr);
}

TEST(CryptoProvider, SaysThatItIsMissing) {
  const ScopedNoCrypto none;

  CHECK(CryptoProvider() == nullptr);
  CHECK_EQ(Sha256::Create().status().code(), StatusCode::kCryptoUnavailable);
  CHECK_EQ(HmacSha256::Create({}).status().code(), StatusCode::kCryptoUnavailable);
  CHECK_EQ(AesGcm::Create(Key(Repeat(1, 32))).status().code(), StatusCode::kCryptoUnavailable);
}

TEST(Sha256, HasTheVectorsOfFips180) {
  CHECK_EQ(Sha256Hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK_EQ(Sha256Hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
           "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK_EQ(Sha256Hex(std::string(1'000'000, 'a')),
           "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, TakesPiecesAndStartsOverAfterFinish) {
  StatusOr<Sha256> hash = Sha256::Create();
  CHECK_OK(hash.status());
  hash->Update(Text("something else"));
  CHECK_OK(hash->Finish().status());

  hash->Update(Text("a"));
  hash->Update(Text(""));
  hash->Update(Text("bc"));

  CHECK_EQ(ToHex(*hash->Finish()), Sha256Hex("abc"));
}

TEST(HmacSha256, HasTheVectorsOfRfc4231) {
  CHECK_EQ(HmacHex(Repeat(0x0b, 20), Text("Hi There")),
           "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  CHECK_EQ(HmacHex(Text("Jefe"), Text("what do ya want for nothing?")),
           "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK_EQ(HmacHex(Repeat(0xaa, 20), Repeat(0xdd, 50)),
           "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
  CHECK_EQ(HmacHex(Counting(1, 25), Repeat(0xcd, 50)),
           "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
  CHECK_EQ(
      HmacHex(Repeat(0xaa, 131), Text("Test Using Larger Than Block-Size Key - Hash Key First")),
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(HmacSha256, KeepsItsKeyFromMessageToMessageAndInClones) {
  StatusOr<HmacSha256> hmac = HmacSha256::Create(Text("Jefe"));
  CHECK_OK(hmac.status());
  hmac->Update(Text("another message"));
  CHECK_OK(hmac->Finish().status());
  hmac->Update(Text("half of a mess"));
  StatusOr<HmacSha256> clone = hmac->Clone();
  CHECK_OK(clone.status());

  clone->Update(Text("what do ya want "));
  clone->Update(Text("for nothing?"));

  CHECK_EQ(ToHex(*clone->Finish()),
           "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(AesGcm, HasThePublishedVectors) {
  for (const GcmCase& vector : kGcmCases) {
    StatusOr<AesGcm> cipher = AesGcm::Create(Key(FromHex(vector.key)));
    CHECK_OK(cipher.status());
    std::vector<std::byte> bytes = FromHex(vector.plaintext);
    const std::vector<std::byte> aad = FromHex(vector.aad);

    const StatusOr<GcmTag> tag = cipher->Seal(IvOf(vector.iv), aad, bytes);

    CHECK_OK(tag.status());
    CHECK_EQ(ToHex(bytes), std::string(vector.ciphertext));
    CHECK_EQ(ToHex(*tag), std::string(vector.tag));
    const StatusOr<bool> opened = cipher->Open(IvOf(vector.iv), aad, bytes, *tag, bytes);
    CHECK_OK(opened.status());
    CHECK(*opened);
    CHECK_EQ(ToHex(bytes), std::string(vector.plaintext));
  }
}

TEST(AesGcm, RefusesEveryFlippedBitAndZeroesThePlaintext) {
  const GcmCase& vector = kGcmCases[3];
  StatusOr<AesGcm> cipher = AesGcm::Create(Key(FromHex(vector.key)));
  CHECK_OK(cipher.status());
  const std::vector<std::byte> aad = FromHex(vector.aad);
  const std::vector<std::byte> sealed = FromHex(vector.ciphertext);
  const std::vector<std::byte> tag = FromHex(vector.tag);
  std::vector<std::byte> all = sealed;
  all.insert(all.end(), tag.begin(), tag.end());
  all.insert(all.end(), aad.begin(), aad.end());
  for (size_t bit = 0; bit < all.size() * 8; ++bit) {
    std::vector<std::byte> flipped = all;
    flipped[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
    const std::span<const std::byte> parts(flipped);
    GcmTag flipped_tag;
    std::ranges::copy(parts.subspan(sealed.size(), tag.size()), flipped_tag.begin());
    std::vector<std::byte> opened = Repeat(0x55, sealed.size());

    const StatusOr<bool> holds =
        cipher->Open(IvOf(vector.iv), parts.subspan(sealed.size() + tag.size()),
                     parts.first(sealed.size()), flipped_tag, opened);

    CHECK_OK(holds.status());
    CHECK(!*holds);
    CHECK(opened == Repeat(0, sealed.size()));
  }
}

TEST(AesGcm, GoesOnAfterAForgery) {
  StatusOr<AesGcm> cipher = AesGcm::Create(Key(Counting(0, 32)));
  CHECK_OK(cipher.status());
  std::vector<std::byte> bytes = Counting(7, 100);
  const StatusOr<GcmTag> tag = cipher->Seal(GcmIv{}, {}, bytes);
  CHECK_OK(tag.status());
  std::vector<std::byte> opened(bytes.size());
  CHECK(!*cipher->Open(GcmIv{}, Text("x"), bytes, *tag, opened));

  const StatusOr<bool> holds = cipher->Open(GcmIv{}, {}, bytes, *tag, opened);

  CHECK(*holds);
  CHECK(opened == Counting(7, 100));
}

TEST(BlockIv, HasThePublishedVectors) {
  CHECK_EQ(IvHex(3, 7, 0), "0c4be18f044a55577ae50448");
  CHECK_EQ(IvHex(3, 7, 1), "8b1ccf8ce08ee14d847ed20e");
  CHECK_EQ(IvHex(1, 1, 0), "92ae489a61c4eac8d11a98f5");
}

// The vectors of docs/wal-format.md, "Encryption".
TEST(BlockKey, HasTheFrozenVector) {
  const std::vector<std::byte> dek = Counting(0, 32);

  const StatusOr<Sha256Digest> key = BlockKey(Key(dek), 3, Counting(0xa0, 16));

  CHECK_OK(key.status());
  CHECK_EQ(ToHex(*key), "93a3279eb442ae295e8de06d9dfec30cf2ddd3b8b007f1888a141ecab1a33180");
}

TEST(KeyCheck, HasTheFrozenVectors) {
  const std::vector<std::byte> key = Counting(0, 32);

  CHECK_EQ(*DekCheck(Key(key), 3), 0x9e81f9146b49f723u);
  CHECK_EQ(*MacCheck(Key(key), 3), 0xb6d9b8cd8b506981u);
}

TEST(RandomBytes, OfTheSystemDiffer) {
  std::array<std::byte, 300> a{};
  std::array<std::byte, 300> b{};

  CHECK_OK(PosixEnv()->RandomBytes(a));
  CHECK_OK(PosixEnv()->RandomBytes(b));

  CHECK(a != b);
  CHECK(!std::ranges::equal(std::span(a).first(44), std::span(a).last(44)));
}

}  // namespace clustor::test
