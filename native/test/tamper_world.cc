#include "tamper_world.h"

#include <array>
#include <utility>

#include "crash_images_disk.h"
#include "crypto/key_ring.h"
#include "log_fixture.h"

namespace clustor::test {

namespace {

std::shared_ptr<const KeyRing> TamperKeys() {
  auto ring = std::make_shared<KeyRing>();
  std::array<std::byte, kKeyBytes> dek;
  std::array<std::byte, kKeyBytes> mac;
  for (size_t i = 0; i < kKeyBytes; ++i) {
    dek[i] = static_cast<std::byte>(i + 1);
    mac[i] = static_cast<std::byte>(i + 101);
  }
  ring->AddDek(1, dek);
  ring->AddMac(1, mac);
  ring->SetActive(1, 1);
  return ring;
}

LogOptions OptionsFor(Protection protection, LogIdentity identity) {
  LogOptions options = SmallOptions();
  options.identity = std::move(identity);
  options.verify_threads = 1;
  options.headroom_bytes = 64 << 10;
  if (protection == Protection::kSealed) options.keys = TamperKeys();
  return options;
}

Files FilesOf(const FaultEnv& env) {
  Files files;
  for (const std::string& path : env.Names()) files.emplace(path, PagedBytes(env.Bytes(path)));
  return files;
}

void Must(const Status& status) {
  if (!status.ok()) Fail(__FILE__, __LINE__, Describe(status));
}

// Three sealed segments and a tail, a truncation, votes, and a prefix that was cut.
void FillFirstPart(LogFixture* log, char first) {
  for (int i = 0; i < 14; ++i) Must(log->Append(std::string(6'000, static_cast<char>(first + i))));
  Must(log->SaveHardState({3, 2, 0}));
  log->term = 3;
  Must(log->Replace(12, {{3, 0, "instead of three"}, {3, 1, std::string(500, '\0')}}));
  Must(log->log->TruncatePrefix(9));
  for (int i = 0; i < 9; ++i) Must(log->Append(std::string(6'000, static_cast<char>(first - i))));
}

void FillLastPart(LogFixture* log) {
  Must(log->SaveHardState({4, 1, 9}));
  log->term = 4;
  for (int i = 0; i < 9; ++i) Must(log->Append(std::string(6'000, static_cast<char>('0' + i))));
  for (int i = 0; i < 4; ++i) Must(log->Append("small " + std::to_string(i)));
}

Files FilesOfAnother(Protection protection, LogIdentity identity) {
  LogFixture log(OptionsFor(protection, std::move(identity)));
  if (!log.Open()) Must(log.open_status);
  FillFirstPart(&log, 'R');
  FillLastPart(&log);
  log.Close();
  return FilesOf(*log.env);
}

}  // namespace

TamperWorld MakeTamperWorld(Protection protection) {
  const LogIdentity identity = {"c1", "orders", 1, 77};
  LogFixture log(OptionsFor(protection, identity));
  TamperWorld world;
  world.options = log.options;
  if (!log.Open()) Must(log.open_status);
  FillFirstPart(&log, 'a');
  log.Close();
  world.older = FilesOf(*log.env);
  if (!log.Open()) Must(log.open_status);
  FillLastPart(&log);
  log.Close();
  world.files = FilesOf(*log.env);
  if (!log.Open()) Must(log.open_status);
  const LogStats stats = log.log->Stats();
  world.anchor = {stats.durable_block, stats.durable_checksum, stats.first_index};
  StatusOr<FoundLog> truth = ReadFound(log.log.get());
  Must(truth.status());
  if (truth.ok()) world.truth = std::move(*truth);
  log.Close();
  world.other_node = FilesOfAnother(protection, {"c1", "orders", 2, 77});
  world.other_partition = FilesOfAnother(protection, {"c1", "payments", 1, 77});
  world.older_life = FilesOfAnother(protection, {"c1", "orders", 1, 66});
  return world;
}

}  // namespace clustor::test
