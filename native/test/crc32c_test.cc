#include "base/crc32c.h"

#include <algorithm>
#include <array>
#include <random>
#include <string>
#include <vector>

#include "check.h"

namespace clustor::test {

TEST(Crc32c, HasTheCheckValueOfCastagnoli) {
  const std::string text = "123456789";

  CHECK_EQ(Crc32c(std::as_bytes(std::span(text))), 0xe3069283u);
  CHECK_EQ(Crc32cExtendSoftware(0, std::as_bytes(std::span(text))), 0xe3069283u);
}

TEST(Crc32c, IsTheSameInHardwareAndSoftwareForEveryLengthAndAlignment) {
  std::mt19937_64 random(1);
  std::vector<std::byte> bytes(20'000);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());

  for (size_t length = 0; length < 9'500; length += 1 + length / 7) {
    const std::span<const std::byte> piece(bytes.data() + length % 13, length);
    CHECK_EQ(Crc32c(piece), Crc32cExtendSoftware(0, piece));
  }
}

TEST(Crc32c, ContinuesFromWhatCameBefore) {
  std::vector<std::byte> bytes(10'000, std::byte{7});
  const std::span<const std::byte> all(bytes);

  const uint32_t first = Crc32c(all.first(3'333));

  CHECK_EQ(Crc32cExtend(first, all.subspan(3'333)), Crc32c(all));
}

TEST(Crc32c, HasTheSameFourLanesHoweverLongTheRows) {
  std::mt19937_64 random(3);
  std::vector<std::byte> bytes(6'000);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());

  for (size_t length = 0; length < 5'900; length += 16) {
    const std::span<const std::byte> rows(bytes.data() + length % 5, length);
    std::array<uint32_t, 4> expected = {1, 2, 3, 4};
    for (size_t at = 0; at < length; at += 4) {
      uint32_t* lane = &expected[at / 4 % 4];
      *lane = Crc32cExtendSoftware(*lane, rows.subspan(at, 4));
    }
    std::array<uint32_t, 4> lanes = {1, 2, 3, 4};
    Crc32cExtendLanes(&lanes, rows);
    CHECK(lanes == expected);
  }
}

TEST(Crc32c, CopiesForEveryLengthAndAlignment) {
  std::mt19937_64 random(2);
  std::vector<std::byte> bytes(20'000);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());

  for (size_t length = 0; length < 13'000; length += 1 + length / 11) {
    const std::span<const std::byte> from(bytes.data() + length % 7, length);
    const size_t offset = length % 67;
    std::vector<std::byte> to(offset + length + 1, std::byte{0xee});
    CHECK_EQ(Crc32cCopy(5, to.data() + offset, from), Crc32cExtendSoftware(5, from));
    CHECK(std::equal(from.begin(), from.end(), to.begin() + static_cast<ptrdiff_t>(offset)));
    CHECK(to.back() == std::byte{0xee});
    CHECK(offset == 0 || to[offset - 1] == std::byte{0xee});
  }
}

}  // namespace clustor::test
