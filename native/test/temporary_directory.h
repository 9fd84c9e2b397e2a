// TemporaryDirectory: for tests on the real file system.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <string>

#include "os/env.h"

namespace clustor::test {

// A directory of its own, removed at the end.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = "/var/tmp/clustor-test-" + std::string(6, 'X');
    const char* made = mkdtemp(pattern.data());
    path_ = made == nullptr ? "" : made;
  }
  ~TemporaryDirectory() { Remove(path_); }

  const std::string& path() const { return path_; }

 private:
  static void Remove(const std::string& directory) {
    const StatusOr<std::vector<std::string>> names = PosixEnv()->ListDirectory(directory);
    if (!names.ok()) return;
    for (const std::string& name : *names) {
      const std::string path = directory + "/" + name;
      if (unlink(path.c_str()) != 0) Remove(path);
    }
    rmdir(directory.c_str());
  }

  std::string path_;
};

}  // namespace clustor::test
