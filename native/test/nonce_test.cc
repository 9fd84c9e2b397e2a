// No block key is ever used with the same IV for two blocks, whatever becomes of a directory: read
// from the bytes on the disk (docs/wal-format.md, section 10.3).
#include <cerrno>
#include <map>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "base/coding.h"
#include "base/crc32c.h"
#include "check.h"
#include "key_fixture.h"
#include "log_fixture.h"
#include "wal/segment_cipher.h"

namespace clustor::test {

namespace {

// Every encrypted block that ever stood on a disk.
class BlocksSeen {
 public:
  // Fails the test when two blocks share a counter under one key.
  void Look(const FaultEnv& env);
  size_t count() const { return blocks_.size(); }

 private:
  struct Block {
    uint64_t counters = 0;
    uint32_t header_checksum = 0;
    uint32_t checksum = 0;  // 0: torn.
  };
  // Dek epochs differ in nothing here: the salt and the segment are the key and half of the IV.
  using Place = std::tuple<KeySalt, uint64_t, uint64_t>;

  void LookAt(std::span<const std::byte> bytes);
  void Add(const Place& place, const Block& block);

  std::map<Place, Block> blocks_;
};

void BlocksSeen::Look(const FaultEnv& env) {
  for (const std::string& name : env.Names()) {
    if (name.find("/segment-") == std::string::npos && name.find("/spare-") == std::string::npos) {
      continue;
    }
    const std::vector<std::byte> bytes = env.Bytes(name);
    for (size_t at = 0; at + 512 <= bytes.size(); at += 512) {
      LookAt(std::span(bytes).subspan(at));
    }
  }
}

void BlocksSeen::LookAt(std::span<const std::byte> bytes) {
  BlockHeader header;
  if (DecodeBlockHeader(bytes, &header) != nullptr || !header.IsEncrypted()) return;
  const size_t covered = kBlockHeaderBytes + header.stored_bytes;
  Block block;
  block.counters = CryptoCounters(header.plaintext_bytes);
  block.header_checksum = Load32(bytes.data() + kBlockHeaderBytes - 4);
  if (covered + kBlockChecksumBytes <= bytes.size()) {
    const uint32_t checksum = Crc32c(bytes.first(covered));
    if (checksum == Load32(bytes.data() + covered)) block.checksum = checksum;
  }
  Add({header.key_salt, header.segment_seq, header.first_crypto_counter}, block);
}

void BlocksSeen::Add(const Place& place, const Block& block) {
  const auto [found, is_new] = blocks_.emplace(place, block);
  if (!is_new) {
    if (found->second.checksum == 0) found->second.checksum = block.checksum;
    const bool same = found->second.header_checksum == block.header_checksum &&
                      (block.checksum == 0 || found->second.checksum == block.checksum);
    if (!same) Fail(__FILE__, __LINE__, "two blocks have one key and one IV");
    return;
  }
  const auto overlaps = [](const auto& before, const auto& after) {
    const auto& [salt, segment, first] = before->first;
    const auto& [next_salt, next_segment, next_first] = after->first;
    return salt == next_salt && segment == next_segment &&
           first + before->second.counters > next_first;
  };
  const auto next = std::next(found);
  if ((next != blocks_.end() && overlaps(found, next)) ||
      (found != blocks_.begin() && overlaps(std::prev(found), found))) {
    Fail(__FILE__, __LINE__, "two blocks share a counter under one key");
  }
}

// A log that lives through everything that can happen to it.
class Life {
 public:
  Life(uint64_t seed, LogOptions options) : random_(seed), log_(std::move(options)) {}

  bool Start() { return log_.Open(); }
  // The same life on a copy of the disk as it is.
  bool StartOn(std::unique_ptr<FaultEnv> copy) {
    log_.env = std::move(copy);
    return log_.Open();
  }
  void Run(int steps, BlocksSeen* seen);
  LogFixture* log() { return &log_; }

 private:
  uint64_t Draw(uint64_t count) { return random_() % count; }
  void Append();
  void Shortage(BlocksSeen* seen);
  bool Crash(BlocksSeen* seen);

  std::mt19937_64 random_;
  LogFixture log_;
};

void Life::Append() {
  const size_t bytes = Draw(30) == 0 ? Draw(30'000) : Draw(600);
  const Status appended = log_.Append(std::string(bytes, static_cast<char>('a' + Draw(26))));
  if (!appended.ok() && !appended.IsShortage()) Fail(__FILE__, __LINE__, Describe(appended));
}

// The block is on the disk before it is taken back.
void Life::Shortage(BlocksSeen* seen) {
  log_.env->OnChange([this, seen] { seen->Look(*log_.env); });
  log_.env->OnlyOn(Draw(2) == 0 ? "segment-" : "durability");
  log_.env->FailCall(Call::kWrite, 1, ENOSPC, false, Draw(3) * 512);
  Append();
  log_.env->ClearFaults();
  log_.env->OnChange(nullptr);
}

bool Life::Crash(BlocksSeen* seen) {
  // In the middle of a write, mostly.
  if (Draw(3) != 0) log_.env->PowerOffAfter(1 + Draw(4));
  log_.log->Submit(Frames(log_.log->Stats().last_index + 1, {{1, 0, std::string(Draw(900), 'c')}}));
  log_.PumpAll();
  seen->Look(*log_.env);
  std::unique_ptr<FaultEnv> image = log_.env->CrashImage(&random_, {});
  seen->Look(*image);
  return log_.Restart(std::move(image));
}

void Life::Run(int steps, BlocksSeen* seen) {
  for (int step = 0; step < steps && !CurrentTestFailed(); ++step) {
    const uint64_t event = Draw(100);
    bool open = true;
    if (event < 4) open = Crash(seen);
    if (event >= 4 && event < 6) open = log_.Reopen();
    if (event >= 6 && event < 9) Shortage(seen);
    if (event == 9) {
      const Status cut = log_.log->TruncatePrefix(log_.log->Stats().last_index);
      if (!cut.ok()) Fail(__FILE__, __LINE__, Describe(cut));
    }
    if (event == 10 && log_.log->Stats().last_index > log_.log->Stats().first_index) {
      const Status cut = log_.Replace(log_.log->Stats().last_index, {{1, 0, "instead"}});
      if (!cut.ok()) Fail(__FILE__, __LINE__, Describe(cut));
    }
    if (!open) Fail(__FILE__, __LINE__, Describe(log_.open_status));
    if (CurrentTestFailed()) return;
    Append();
    if (event < 20) seen->Look(*log_.env);
  }
  seen->Look(*log_.env);
}

LogOptions OptionsFor(uint64_t seed) {
  LogOptions options = SmallOptions();
  options.keys = RingOf({1});
  options.block_alignment = seed % 2 == 0 ? 512 : 4096;
  options.ledger = static_cast<LedgerSetting>(seed % 3);
  return options;
}

}  // namespace

// W22
TEST(Nonces, AreNeverUsedTwiceNotEvenByCopiesOfADirectory) {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    BlocksSeen seen;
    Life original(seed, OptionsFor(seed));
    CHECK(original.Start());
    original.Run(400, &seen);
    if (CurrentTestFailed()) return;
    // A copy as of a running machine, and both go on from the same bytes.
    Life copy(seed + 100, OptionsFor(seed));
    CHECK(copy.StartOn(original.log()->env->Copy()));
    copy.Run(400, &seen);
    original.Run(400, &seen);

    if (CurrentTestFailed()) std::printf("  seed %llu\n", static_cast<unsigned long long>(seed));
    if (CurrentTestFailed()) return;
    CHECK(seen.count() > 300);
  }
}

// W22: the salt is one belt, the reservation another: without randomness it holds by itself within
// one directory.
TEST(Nonces, AreNeverUsedTwiceInOneDirectoryWithoutRandomness) {
  for (uint64_t seed = 1; seed <= 9; ++seed) {
    BlocksSeen seen;
    Life life(seed, OptionsFor(seed));
    life.log()->env->BreakRandomBytes();
    CHECK(life.Start());

    life.Run(800, &seen);

    if (CurrentTestFailed()) std::printf("  seed %llu\n", static_cast<unsigned long long>(seed));
    if (CurrentTestFailed()) return;
    CHECK(seen.count() > 200);
  }
}

TEST(Nonces, CostNoSyncOfTheirOwn) {
  for (const LedgerSetting setting : {LedgerSetting::kOrdered, LedgerSetting::kOverlapped}) {
    uint64_t syncs[2] = {};
    for (const bool encrypted : {false, true}) {
      LogOptions options = SmallOptions();
      options.ledger = setting;
      options.ledger_bytes_max = 1 << 20;
      if (encrypted) options.keys = RingOf({1});
      LogFixture log(options);
      CHECK(log.Open());
      const uint64_t before = log.env->calls(Call::kSync);

      for (int i = 0; i < 300; ++i) CHECK_OK(log.Append(std::string(3'000, 'x')));

      syncs[encrypted ? 1 : 0] = log.env->calls(Call::kSync) - before;
      CHECK_EQ(log.log->Stats().nonce_late_reservations, 0u);
      CHECK(log.log->Stats().rotations > 10);
    }
    CHECK_EQ(syncs[1], syncs[0]);
  }
}

TEST(Nonces, ThatWereNotForeseenAreReservedWithASync) {
  LogOptions options = SmallOptions();
  options.keys = RingOf({1});
  LogFixture log(options);
  CHECK(log.Open());
  CHECK_OK(log.Append("one"));

  // The next segment is plain by the forecast, and encrypted when it comes.
  CHECK_OK(log.log->SetKeys(ReadingRingOf({1})));
  CHECK_OK(log.Append("two"));
  CHECK_OK(log.log->SetKeys(LaterRingOf({1, 2})));
  CHECK_OK(log.Append("three"));

  CHECK_EQ(log.log->Stats().nonce_late_reservations, 1u);
  log.options.keys = LaterRingOf({1, 2});
  CHECK(log.Reopen());
  CHECK_EQ(log.ReadAll().size(), 3u);
}

// The order of things: reservation durable, then ciphertext.
TEST(Nonces, AreReservedBeforeTheFirstCiphertext) {
  LogOptions options = SmallOptions();
  options.keys = RingOf({1});
  LogFixture log(options);
  CHECK(log.Open());
  const std::unique_ptr<FaultEnv> lost = log.env->DropUnsynced();

  const std::vector<std::byte> ledger = lost->Bytes(log.LedgerPath());

  bool reserved = false;
  for (size_t at = 0; at + kLedgerRecordBytes <= ledger.size(); at += kLedgerRecordBytes) {
    LedgerRecord record;
    if (!DecodeLedgerRecord(ledger.data() + at, &record)) continue;
    reserved |= record.io_mode == static_cast<uint8_t>(LedgerTag::kNonceReservation) &&
                record.segment_seq == 1 && record.term == 0 && record.index > 0;
  }
  CHECK(reserved);
}

TEST(Nonces, OfAPlainLogAreNoConcernOfItsLedger) {
  LogFixture log;
  CHECK(log.Open());
  for (int i = 0; i < 50; ++i) CHECK_OK(log.Append(std::string(3'000, 'x')));

  const std::vector<std::byte> ledger = log.env->Bytes(log.LedgerPath());

  for (size_t at = 0; at + kLedgerRecordBytes <= ledger.size(); at += kLedgerRecordBytes) {
    LedgerRecord record;
    if (!DecodeLedgerRecord(ledger.data() + at, &record)) continue;
    CHECK(record.io_mode != static_cast<uint8_t>(LedgerTag::kNonceReservation));
  }
}

}  // namespace clustor::test
