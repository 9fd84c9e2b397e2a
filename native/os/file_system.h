// What kind of file system a directory is on: whether a sync there reaches a disk of this machine.
#pragma once

#include <cstdint>
#include <string>

namespace clustor {

struct FileSystem {
  enum class Kind : uint8_t {
    kLocal,      // On a disk of this machine, as far as can be told.
    kMemory,     // Gone when the machine stops.
    kNetwork,    // Of another machine: caches, locks and syncs follow its rules.
    kUserSpace,  // FUSE: served by some process, so what a sync does cannot be told.
  };
  Kind kind = Kind::kLocal;
  std::string name;  // As administrators call it: "ext4", "nfs"; a number when it is not known.
};

// The file system that statfs(2) of Linux gives this f_type.
FileSystem FileSystemOfMagic(uint64_t magic);
// The same by its name, as macOS (f_fstypename) and others tell it.
FileSystem FileSystemOfName(const std::string& name);

}  // namespace clustor
