// Writes the seeds of all targets: write_seeds DIRECTORY makes DIRECTORY/<target>/seed-1 and so on.
#include <cstdio>
#include <string>

#include "fuzz_target.h"

namespace clustor::fuzz {

namespace {

Status WriteSeeds(const FuzzTarget& target, const std::string& folder) {
  RETURN_IF_ERROR(PosixEnv()->CreateDirectories(folder));
  int number = 0;
  for (const Bytes& seed : target.seeds()) {
    const std::string path = folder + "/seed-" + std::to_string(++number);
    StatusOr<std::unique_ptr<File>> file = PosixEnv()->OpenFile(path, OpenMode::kTruncate);
    if (!file.ok()) return file.status();
    RETURN_IF_ERROR((*file)->WriteAt(0, seed));
  }
  return Status::Ok();
}

}  // namespace

}  // namespace clustor::fuzz

int main(int argc, char** argv) {
  using namespace clustor::fuzz;
  if (argc != 2) return 2;
  for (const FuzzTarget& target : Targets()) {
    const clustor::Status written = WriteSeeds(target, std::string(argv[1]) + "/" + target.name);
    if (written.ok()) continue;
    std::fprintf(stderr, "%s\n", written.message().c_str());
    return 1;
  }
  return 0;
}
