// Replays what fuzzing found worth keeping, and mutates the seeds a little: with any compiler, in
// every run of the tests.
#include <algorithm>
#include <cstring>
#include <random>

#include "check.h"
#include "fuzz_target.h"

namespace clustor::fuzz {

namespace {

constexpr size_t kInputBytesMax = 1 << 20;
constexpr int kMutationsPerSeed = 100;

using Random = std::mt19937_64;

Bytes ReadInput(const std::string& path) {
  StatusOr<std::unique_ptr<File>> file = PosixEnv()->OpenFile(path, OpenMode::kReadOnly);
  HOLDS(file.ok());
  Bytes bytes(kInputBytesMax);
  const StatusOr<size_t> got = (*file)->ReadAt(0, bytes);
  HOLDS(got.ok());
  bytes.resize(*got);
  return bytes;
}

void Overwrite(Bytes* bytes, Random* random) {
  constexpr uint64_t kValues[] = {0, 1, 0x7f, 0x80, 0xff, 0xffff, 0xfffffff0, 1ull << 53, ~0ull};
  const uint64_t value = kValues[(*random)() % std::size(kValues)];
  const size_t width = std::min<size_t>(size_t{1} << (*random)() % 4, bytes->size());
  std::memcpy(bytes->data() + (*random)() % (bytes->size() - width + 1), &value, width);
}

// Copies one piece over another place, or between two bytes.
void CopyPiece(Bytes* bytes, Random* random) {
  const size_t from = (*random)() % bytes->size();
  const size_t count = 1 + (*random)() % std::min<size_t>(bytes->size() - from, 200);
  const Bytes piece(bytes->begin() + static_cast<ptrdiff_t>(from),
                    bytes->begin() + static_cast<ptrdiff_t>(from + count));
  const size_t to = (*random)() % bytes->size();
  if ((*random)() % 2 == 0) {
    bytes->insert(bytes->begin() + static_cast<ptrdiff_t>(to), piece.begin(), piece.end());
  } else {
    std::copy_n(piece.begin(), std::min(count, bytes->size() - to),
                bytes->begin() + static_cast<ptrdiff_t>(to));
  }
}

void Erase(Bytes* bytes, Random* random) {
  const size_t from = (*random)() % bytes->size();
  const size_t count = 1 + (*random)() % std::min<size_t>(bytes->size() - from, 200);
  bytes->erase(bytes->begin() + static_cast<ptrdiff_t>(from),
               bytes->begin() + static_cast<ptrdiff_t>(from + count));
}

void Mutate(Bytes* bytes, Random* random) {
  for (uint64_t changes = 1 + (*random)() % 4; changes > 0 && !bytes->empty(); --changes) {
    switch ((*random)() % 5) {
      case 0:
        (*bytes)[(*random)() % bytes->size()] ^= static_cast<std::byte>(1 << (*random)() % 8);
        break;
      case 1:
      case 2:
        Overwrite(bytes, random);
        break;
      case 3:
        CopyPiece(bytes, random);
        break;
      default:
        Erase(bytes, random);
    }
  }
}

}  // namespace

// W07, W27
TEST(Corpus, HoldsWhatEveryTargetPromises) {
  for (const FuzzTarget& target : Targets()) {
    const std::string folder = std::string(CLUSTOR_CORPUS) + "/" + target.name;
    StatusOr<std::vector<std::string>> names = PosixEnv()->ListDirectory(folder);
    CHECK_OK(names.status());
    CHECK(!names->empty());
    for (const std::string& name : *names) target.run(ReadInput(folder + "/" + name));
  }
}

// W07
TEST(Corpus, SeedsHoldWhateverIsDoneToThem) {
  Random random(1);
  for (const FuzzTarget& target : Targets()) {
    target.run({});
    for (const Bytes& seed : target.seeds()) {
      target.run(seed);
      for (int i = 0; i < kMutationsPerSeed; ++i) {
        Bytes mutated = seed;
        Mutate(&mutated, &random);
        target.run(mutated);
      }
    }
  }
}

}  // namespace clustor::fuzz
