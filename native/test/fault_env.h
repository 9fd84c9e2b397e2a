// FaultEnv: a file system in memory that fails on demand and crashes like a real one. It keeps, per
// file, what the program sees and what the disk has; a crash image takes any part of the
// difference. Several threads may read at a time; nothing else may run beside them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "os/env.h"
#include "paged_bytes.h"

namespace clustor::test {

// Whether the path is that of a segment, not of the index of one.
inline bool IsSegment(const std::string& path) {
  return path.find("/segment-") != std::string::npos && path.ends_with(".log");
}

enum class Call : uint8_t {
  kOpen,
  kWrite,
  kSync,
  kAllocate,
  kRename,
  kRemove,
  kSyncDirectory,
  kRead,
  kStartWriteback
};

constexpr uint64_t kSector = 512;

struct Inode {
  PagedBytes seen;           // What reads return.
  PagedBytes durable;        // What the disk has.
  std::set<uint64_t> dirty;  // Sectors that a sync would bring to the disk.
};

// A change of a directory that no directory sync has covered.
struct NameChange {
  std::string from;              // Renames: the old name.
  std::string path;              // The name made or removed.
  std::shared_ptr<Inode> inode;  // Null: removed.
};

// Disk and page cache at one moment: everything a crash at that moment could leave is made of this.
struct DiskState {
  std::map<std::string, std::shared_ptr<const Inode>> durable_names;
  std::vector<NameChange> unsynced_names;
  uint64_t clock_ns = 0;
};

// What became of the unsynced sectors and names in a crash.
struct CrashStyle {
  bool random_sectors = true;  // Any subset, as new, old, zero or garbage; else all old.
  bool random_names = true;    // Any subset; else none.
};

class FaultEnv final : public Env {
 public:
  FaultEnv() = default;

  // The nth call of the kind from now on (1 = the next) fails with os_errno; sticky: all after it
  // too. A failing write leaves its first partial_bytes behind.
  void FailCall(Call call, int nth, int os_errno, bool sticky = false, size_t partial_bytes = 0);
  // Only calls whose path contains the text count. Cleared by ClearFaults.
  void OnlyOn(std::string path_part) { only_on_ = std::move(path_part); }
  void ClearFaults();
  // The files take no more than this together; what would is refused with ENOSPC.
  void SetDiskBytes(uint64_t bytes) { disk_bytes_ = bytes; }
  uint64_t UsedBytes() const;
  // Called before every call that changes something takes effect.
  void OnChange(std::function<void()> hook) { on_change_ = std::move(hook); }
  // Called in every sync of a file or directory: what a test sees while the disk is busy.
  void OnSync(std::function<void()> hook) { on_sync_ = std::move(hook); }
  void AdvanceClock(uint64_t nanoseconds) { clock_ns_ += nanoseconds; }
  // What FileSystemKind says; local by default.
  void SetFileSystem(FileSystem file_system) { file_system_ = std::move(file_system); }
  // The machine goes off after so many more calls that change something; later calls fail.
  void PowerOffAfter(uint64_t changes) { changes_left_ = changes; }
  bool is_off() const { return changes_left_ && *changes_left_ == 0; }
  uint64_t changes() const { return changes_; }
  uint64_t calls(Call call) const { return counts_[static_cast<size_t>(call)]; }
  // Bytes handed to WriteAt, and how many of them in writes of nothing but zeros.
  uint64_t bytes_written() const { return bytes_written_; }
  uint64_t zero_bytes_written() const { return zero_bytes_written_; }
  // The order of calls, one letter each, path's last part behind it: "write segment-...".
  const std::vector<std::string>& trace() const { return trace_; }
  void ClearTrace() { trace_.clear(); }
  // For long lives: from now on no call is noted.
  void EndTrace() { traces_ = false; }
  // Random bytes are those of this seed from now on.
  void SetSeed(uint64_t seed) { random_state_ = seed; }
  // Reads of a file of the log find this bit flipped; what the disk has stays.
  void FlipSeenBit(const std::string& path, uint64_t offset, unsigned bit);

  // What a machine finds after a crash at this moment.
  std::unique_ptr<FaultEnv> CrashImage(std::mt19937_64* random, CrashStyle style) const;
  // What CrashImage draws from, for those who choose themselves what is left of it.
  DiskState Freeze() const;
  // A machine that starts with these files on its disk.
  static std::unique_ptr<FaultEnv> Boot(const std::map<std::string, PagedBytes>& files,
                                        uint64_t clock_ns);
  // Everything that is not synced is lost.
  std::unique_ptr<FaultEnv> DropUnsynced() const;
  // A copy as it is seen, for tests that damage bytes.
  std::unique_ptr<FaultEnv> Copy() const;

  // Direct access to a file: changes are durable at once.
  std::vector<std::byte> Bytes(const std::string& path) const;
  void SetBytes(const std::string& path, std::vector<std::byte> bytes);
  bool Has(const std::string& path) const { return names_.count(path) > 0; }
  std::vector<std::string> Names() const;
  // Equal when two file systems show the same names and bytes, boot_record.json aside: it only says
  // what an open found.
  bool SameAs(const FaultEnv& other) const;

  StatusOr<std::unique_ptr<File>> OpenFile(const std::string& path, OpenMode mode) override;
  Status RemoveFile(const std::string& path) override;
  Status RenameFile(const std::string& from, const std::string& to) override;
  StatusOr<bool> FileExists(const std::string& path) override;
  Status CreateDirectories(const std::string& path) override;
  StatusOr<std::vector<std::string>> ListDirectory(const std::string& path) override;
  Status SyncDirectory(const std::string& path) override;
  StatusOr<std::unique_ptr<FileLock>> LockFile(const std::string& path) override;
  StatusOr<bool> IsLocked(const std::string& path) override;
  StatusOr<uint64_t> FreeBytes(const std::string& path) override;
  StatusOr<FileSystem> FileSystemKind(const std::string&) override { return file_system_; }
  // The same at every run; an image or copy of the file system draws others than its original.
  Status RandomBytes(std::span<std::byte> into) override;
  // All random bytes are zero from now on, in images and copies as well.
  void BreakRandomBytes() { random_is_broken_ = true; }
  uint64_t MonotonicNs() override { return clock_ns_ += 1000; }
  uint64_t WallClockMs() override { return 1'700'000'000'000 + clock_ns_ / 1'000'000; }

 private:
  friend class FaultFile;
  friend class FaultLock;
  struct Fault {
    Call call;
    int countdown;
    int os_errno;
    bool sticky;
    size_t partial_bytes;
  };

  // OK, or the failure that this call meets. Counts it.
  Status Meet(Call call, const std::string& path, const char* syscall,
              size_t* partial_bytes = nullptr);

  std::unique_ptr<FaultEnv> Descendant() const;

  // Makes the file longer, if the disk has the room.
  Status Grow(Inode* inode, uint64_t bytes, const char* syscall, const std::string& path);

  std::map<std::string, std::shared_ptr<Inode>> names_;
  std::map<std::string, std::shared_ptr<Inode>> durable_names_;
  std::vector<NameChange> unsynced_names_;
  std::set<std::string> locks_;
  std::vector<Fault> faults_;
  std::string only_on_;
  uint64_t counts_[9] = {};
  uint64_t changes_ = 0;
  uint64_t bytes_written_ = 0;
  uint64_t zero_bytes_written_ = 0;
  uint64_t disk_bytes_ = UINT64_MAX;
  std::optional<uint64_t> changes_left_;
  std::vector<std::string> trace_;
  bool traces_ = true;
  uint64_t clock_ns_ = 0;
  uint64_t random_state_ = 1;
  mutable uint64_t copies_ = 0;  // That were made of this one.
  bool random_is_broken_ = false;
  std::function<void()> on_change_;
  std::function<void()> on_sync_;
  FileSystem file_system_{FileSystem::Kind::kLocal, "test"};
  Mutex mutex_;  // Held while a call is counted.
};

}  // namespace clustor::test
