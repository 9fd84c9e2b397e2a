// Key bytes do not outlive their objects.
#include <algorithm>
#include <memory>
#include <new>

#include "check.h"
#include "crypto/hash.h"
#include "crypto/key_ring.h"

namespace clustor::test {

namespace {

std::array<std::byte, kKeyBytes> SomeKey() {
  std::array<std::byte, kKeyBytes> key;
  for (size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::byte>(0x80 + i);
  return key;
}

bool Holds(std::span<const std::byte> memory, KeyView key) {
  return std::search(memory.begin(), memory.end(), key.begin(), key.end()) != memory.end();
}

}  // namespace

// W21: the memory stays readable, for the test owns it; the object in it is gone.
TEST(SecretKey, LeavesZerosBehind) {
  const std::array<std::byte, kKeyBytes> bytes = SomeKey();
  alignas(SecretKey) std::array<std::byte, sizeof(SecretKey)> memory;
  SecretKey* const key = new (memory.data()) SecretKey(bytes);
  CHECK(Holds(memory, bytes));

  key->~SecretKey();

  CHECK(!Holds(memory, bytes));
  CHECK(std::ranges::all_of(memory, [](std::byte b) { return b == std::byte{0}; }));
}

TEST(KeyRing, HoldsKeysByEpochAndSaysWhichAreActive) {
  const std::array<std::byte, kKeyBytes> bytes = SomeKey();
  KeyRing ring;
  ring.AddDek(4, bytes);
  ring.AddMac(2, bytes);

  ring.SetActive(4, 2);

  CHECK(std::ranges::equal(*ring.Dek(4), bytes));
  CHECK(!ring.Dek(2));
  CHECK(std::ranges::equal(*ring.Mac(2), bytes));
  CHECK(!ring.Mac(4));
  CHECK_EQ(ring.active_dek(), 4u);
  CHECK_EQ(ring.active_mac(), 2u);
}

}  // namespace clustor::test
