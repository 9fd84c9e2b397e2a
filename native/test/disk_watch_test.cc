// What the log says about a disk that hangs, and where it refuses to live.
#include <string>
#include <vector>

#include "check.h"
#include "log_fixture.h"
#include "os/file_system.h"

namespace clustor::test {

namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;

}  // namespace

// W15: whoever asks while a sync hangs learns since when.
TEST(HungSync, ShowsItsAgeInTheStats) {
  LogFixture log;
  CHECK(log.Open());
  CHECK_EQ(log.log->Stats().sync_in_flight_ns, 0u);
  std::vector<uint64_t> ages;
  log.env->OnSync([&] {
    log.env->AdvanceClock(30 * kSecondNs);
    ages.push_back(log.log->Stats().sync_in_flight_ns);
  });

  CHECK_OK(log.Append("slow"));
  log.env->OnSync(nullptr);

  // The segment, then the ledger; each has its own age.
  CHECK_EQ(ages.size(), 2u);
  for (const uint64_t age : ages) CHECK(age >= 30 * kSecondNs && age < 31 * kSecondNs);
  CHECK_EQ(log.log->Stats().sync_in_flight_ns, 0u);
  CHECK_EQ(log.log->Stats().sync_stalls, 2u);
  CHECK_OK(log.Append("fast"));
  CHECK_EQ(log.log->Stats().sync_stalls, 2u);
}

// W15
TEST(HungSync, OfARotationOrAPrefixShowsAsWell) {
  LogFixture log;
  CHECK(log.Open());
  for (int i = 0; i < 40; ++i) CHECK_OK(log.Append(std::string(3'000, 'x')));
  std::vector<uint64_t> ages;
  log.env->OnSync([&] {
    log.env->AdvanceClock(kSecondNs);
    ages.push_back(log.log->Stats().sync_in_flight_ns);
  });

  CHECK_OK(log.log->TruncatePrefix(30));

  CHECK(!ages.empty());
  CHECK(ages[0] >= kSecondNs);
  CHECK_EQ(log.log->Stats().sync_in_flight_ns, 0u);
}

TEST(FileSystem, OfMemoryOrANetworkIsRefusedBeforeAnythingIsMade) {
  using Kind = FileSystem::Kind;
  for (const FileSystem& bad :
       {FileSystem{Kind::kMemory, "tmpfs"}, FileSystem{Kind::kNetwork, "nfs"},
        FileSystem{Kind::kUserSpace, "fuse"}}) {
    LogFixture log;
    log.env->SetFileSystem(bad);

    CHECK(!log.Open());
    CHECK_EQ(log.open_status.code(), StatusCode::kUnsafeFileSystem);
    CHECK_EQ(log.open_status.details().path, std::string(kDirectory));
    CHECK(log.open_status.message().find(bad.name) != std::string::npos);
    CHECK(log.env->Names().empty());
    CHECK_EQ(log.env->changes(), 0u);

    log.options.unsafe_file_system = true;
    CHECK(log.Open());
    CHECK_OK(log.Append("at your own risk"));
  }
}

TEST(FileSystem, IsKnownByItsNumberAndItsName) {
  using Kind = FileSystem::Kind;
  CHECK(FileSystemOfMagic(0xef53).kind == Kind::kLocal);
  CHECK(FileSystemOfMagic(0x01021994).kind == Kind::kMemory);
  CHECK(FileSystemOfMagic(0x6969).kind == Kind::kNetwork);
  CHECK(FileSystemOfMagic(0xff534d42).kind == Kind::kNetwork);
  CHECK(FileSystemOfMagic(0x65735546).kind == Kind::kUserSpace);
  CHECK(FileSystemOfMagic(0x12345678).kind == Kind::kLocal);
  CHECK_EQ(FileSystemOfMagic(0x12345678).name, std::string("0x12345678"));
  CHECK(FileSystemOfName("apfs").kind == Kind::kLocal);
  CHECK(FileSystemOfName("smbfs").kind == Kind::kNetwork);
}

TEST(FileSystem, IsTakenFromTheNearestParentThatExists) {
  const StatusOr<FileSystem> there = PosixEnv()->FileSystemKind("/proc/self/not/there");
  const StatusOr<FileSystem> parent = PosixEnv()->FileSystemKind("/proc/self");

  CHECK_OK(there.status());
  CHECK_EQ(there->name, parent->name);
  CHECK_OK(PosixEnv()->FileSystemKind("no/such/directory").status());
}

}  // namespace clustor::test
