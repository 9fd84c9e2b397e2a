#include "os/file_system.h"

#include <cstdio>
#include <string_view>

namespace clustor {

namespace {

using Kind = FileSystem::Kind;

struct KnownMagic {
  uint64_t magic;
  Kind kind;
  const char* name;
};

// statfs(2) and linux/magic.h; the last ones are of file systems outside of the kernel's tree.
// Cluster file systems on shared disks (ocfs2, gfs2) honour a sync and count as local, as does an
// overlay, whose upper layer cannot be seen from here.
constexpr KnownMagic kMagics[] = {
    {0xef53, Kind::kLocal, "ext4"},         {0x58465342, Kind::kLocal, "xfs"},
    {0x9123683e, Kind::kLocal, "btrfs"},    {0x2fc12fc1, Kind::kLocal, "zfs"},
    {0xf2f52010, Kind::kLocal, "f2fs"},     {0xca451a4e, Kind::kLocal, "bcachefs"},
    {0x794c7630, Kind::kLocal, "overlay"},  {0x01021994, Kind::kMemory, "tmpfs"},
    {0x858458f6, Kind::kMemory, "ramfs"},   {0x958458f6, Kind::kMemory, "hugetlbfs"},
    {0x6969, Kind::kNetwork, "nfs"},        {0x517b, Kind::kNetwork, "smb"},
    {0xff534d42, Kind::kNetwork, "cifs"},   {0xfe534d42, Kind::kNetwork, "smb2"},
    {0x01021997, Kind::kNetwork, "9p"},     {0x00c36400, Kind::kNetwork, "ceph"},
    {0x0bd00bd0, Kind::kNetwork, "lustre"}, {0x47504653, Kind::kNetwork, "gpfs"},
    {0x5346414f, Kind::kNetwork, "afs"},    {0x6b414653, Kind::kNetwork, "afs"},
    {0x73757245, Kind::kNetwork, "coda"},   {0x19830326, Kind::kNetwork, "beegfs"},
    {0xaad7aaea, Kind::kNetwork, "panfs"},  {0x20030528, Kind::kNetwork, "orangefs"},
    {0x786f4256, Kind::kNetwork, "vboxsf"}, {0xbacbacbc, Kind::kNetwork, "vmhgfs"},
    {0x65735546, Kind::kUserSpace, "fuse"},
};

struct KnownName {
  std::string_view name;
  Kind kind;
};

constexpr KnownName kNames[] = {
    {"tmpfs", Kind::kMemory},      {"nfs", Kind::kNetwork},       {"smbfs", Kind::kNetwork},
    {"afpfs", Kind::kNetwork},     {"webdav", Kind::kNetwork},    {"ftp", Kind::kNetwork},
    {"autofs", Kind::kNetwork},    {"9p", Kind::kNetwork},        {"acfs", Kind::kNetwork},
    {"macfuse", Kind::kUserSpace}, {"osxfuse", Kind::kUserSpace}, {"fusefs", Kind::kUserSpace},
};

}  // namespace

FileSystem FileSystemOfMagic(uint64_t magic) {
  for (const KnownMagic& known : kMagics) {
    if (known.magic == magic) return {known.kind, known.name};
  }
  char text[32];
  std::snprintf(text, sizeof(text), "0x%llx", static_cast<unsigned long long>(magic));
  return {Kind::kLocal, text};
}

FileSystem FileSystemOfName(const std::string& name) {
  for (const KnownName& known : kNames) {
    if (known.name == name) return {known.kind, name};
  }
  return {Kind::kLocal, name};
}

}  // namespace clustor
