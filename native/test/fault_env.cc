#include "fault_env.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace clustor::test {

namespace {

constexpr char kBootRecord[] = "boot_record.json";

std::string LastPart(const std::string& path) { return path.substr(path.find_last_of('/') + 1); }

std::string Parent(const std::string& path) { return path.substr(0, path.find_last_of('/')); }

const char* NameOf(Call call) {
  constexpr const char* kNames[] = {"open",   "write",         "sync", "allocate",      "rename",
                                    "remove", "syncDirectory", "read", "startWriteback"};
  return kNames[static_cast<size_t>(call)];
}

// What an early writeback may bring to the disk is what a crash may find there without it.
bool Changes(Call call) {
  return call != Call::kRead && call != Call::kOpen && call != Call::kStartWriteback;
}

std::shared_ptr<Inode> CloneSeen(const Inode& inode) {
  auto clone = std::make_shared<Inode>();
  clone->seen = inode.seen;
  clone->durable = inode.seen;
  return clone;
}

void CopySector(const PagedBytes& from, uint64_t sector, PagedBytes* to) {
  to->CopyRange(from, sector * kSector, kSector);
}

// Runs of them at once: whole pages are shared, not copied.
void CopySectors(const PagedBytes& from, const std::set<uint64_t>& sectors, PagedBytes* to) {
  for (auto next = sectors.begin(); next != sectors.end();) {
    const uint64_t first = *next;
    uint64_t count = 0;
    for (; next != sectors.end() && *next == first + count; ++next) ++count;
    to->CopyRange(from, first * kSector, count * kSector);
  }
}

// What is left of one unsynced sector: new, old, zero or garbage.
void TearSector(const Inode& inode, uint64_t sector, std::mt19937_64* random, PagedBytes* bytes) {
  const uint64_t fate = (*random)() % 8;
  if (fate < 4) CopySector(inode.seen, sector, bytes);
  if (fate < 6) return;
  const uint64_t at = sector * kSector;
  if (fate == 6) bytes->Zero(at, kSector);
  if (fate == 6 || at >= bytes->bytes()) return;
  std::vector<std::byte> garbage(
      static_cast<size_t>(std::min<uint64_t>(kSector, bytes->bytes() - at)));
  for (std::byte& byte : garbage) byte = static_cast<std::byte>((*random)());
  bytes->Write(at, garbage);
}

std::shared_ptr<Inode> CrashInode(const Inode& inode, std::mt19937_64* random, CrashStyle style) {
  auto crashed = std::make_shared<Inode>();
  PagedBytes bytes = inode.durable;
  // The length is metadata: with names it is either there or not.
  if (style.random_sectors && inode.seen.bytes() > bytes.bytes() && (*random)() % 2 == 0) {
    bytes.Resize(inode.seen.bytes());
  }
  if (style.random_sectors) {
    // Mostly torn, sometimes all or nothing: the interesting ends.
    const uint64_t mode = (*random)() % 4;
    for (const uint64_t sector : inode.dirty) {
      if (mode == 0) CopySector(inode.seen, sector, &bytes);
      if (mode > 1) TearSector(inode, sector, random, &bytes);
    }
  }
  crashed->seen = bytes;
  crashed->durable = std::move(bytes);
  return crashed;
}

}  // namespace

class FaultFile final : public File {
 public:
  FaultFile(FaultEnv* env, std::shared_ptr<Inode> inode, std::string path)
      : env_(env), inode_(std::move(inode)), path_(std::move(path)) {}

  Status WriteAt(uint64_t offset, std::span<const std::byte> bytes) override {
    size_t partial_bytes = 0;
    const Status met = env_->Meet(Call::kWrite, path_, "pwrite", &partial_bytes);
    if (!met.ok()) bytes = bytes.first(std::min(partial_bytes, bytes.size()));
    if (bytes.empty()) return met;
    RETURN_IF_ERROR(env_->Grow(inode_.get(), offset + bytes.size(), "pwrite", path_));
    env_->bytes_written_ += bytes.size();
    if (IsZeros(bytes)) env_->zero_bytes_written_ += bytes.size();
    inode_->seen.Write(offset, bytes);
    for (uint64_t s = offset / kSector; s <= (offset + bytes.size() - 1) / kSector; ++s) {
      inode_->dirty.insert(inode_->dirty.end(), s);
    }
    return met;
  }

  Status StartWriteback(uint64_t, uint64_t) override {
    return env_->Meet(Call::kStartWriteback, path_, "sync_file_range");
  }

  StatusOr<size_t> ReadAt(uint64_t offset, std::span<std::byte> into) override {
    RETURN_IF_ERROR(env_->Meet(Call::kRead, path_, "pread"));
    return inode_->seen.Read(offset, into);
  }

  Status SyncData() override {
    const Status met = env_->Meet(Call::kSync, path_, "fdatasync");
    if (env_->is_off() && !met.ok()) return met;
    // After a failure the pages are clean but the disk never got them.
    if (met.ok()) {
      inode_->durable.Resize(inode_->seen.bytes());
      CopySectors(inode_->seen, inode_->dirty, &inode_->durable);
    }
    inode_->dirty.clear();
    return met;
  }

  Status Allocate(uint64_t bytes) override {
    RETURN_IF_ERROR(env_->Meet(Call::kAllocate, path_, "fallocate"));
    return env_->Grow(inode_.get(), bytes, "fallocate", path_);
  }

  StatusOr<uint64_t> Bytes() override { return inode_->seen.bytes(); }

 private:
  FaultEnv* const env_;
  const std::shared_ptr<Inode> inode_;
  const std::string path_;
};

class FaultLock final : public FileLock {
 public:
  FaultLock(FaultEnv* env, std::string path) : env_(env), path_(std::move(path)) {}
  ~FaultLock() override { env_->locks_.erase(path_); }

 private:
  FaultEnv* const env_;
  const std::string path_;
};

uint64_t FaultEnv::UsedBytes() const {
  uint64_t used = 0;
  for (const auto& [path, inode] : names_) used += inode->seen.bytes();
  return used;
}

Status FaultEnv::Grow(Inode* inode, uint64_t bytes, const char* syscall, const std::string& path) {
  const uint64_t before = inode->seen.bytes();
  if (bytes <= before) return Status::Ok();
  if (disk_bytes_ != UINT64_MAX && UsedBytes() + bytes - before > disk_bytes_) {
    return Status::FromErrno(ENOSPC, syscall, path);
  }
  inode->seen.Resize(bytes);
  return Status::Ok();
}

void FaultEnv::FailCall(Call call, int nth, int os_errno, bool sticky, size_t partial_bytes) {
  faults_.push_back({call, nth, os_errno, sticky, partial_bytes});
}

void FaultEnv::ClearFaults() {
  faults_.clear();
  only_on_.clear();
}

Status FaultEnv::Meet(Call call, const std::string& path, const char* syscall,
                      size_t* partial_bytes) {
  const bool syncs = call == Call::kSync || call == Call::kSyncDirectory;
  if (on_sync_ && syncs && !is_off()) on_sync_();
  const MutexLock lock(&mutex_);
  ++counts_[static_cast<size_t>(call)];
  if (on_change_ && Changes(call)) on_change_();
  if (is_off()) return Status::FromErrno(EIO, syscall, path);
  if (Changes(call)) {
    ++changes_;
    if (traces_) trace_.push_back(std::string(NameOf(call)) + " " + LastPart(path));
    if (changes_left_) --*changes_left_;
  }
  if (path.find(only_on_) == std::string::npos) return Status::Ok();
  // Indexes are named like the segments that tests mean.
  if (path.ends_with(".idx") && !only_on_.ends_with(".idx") && !only_on_.empty()) {
    return Status::Ok();
  }
  for (Fault& fault : faults_) {
    if (fault.call != call || fault.countdown == 0) continue;
    if (--fault.countdown > 0) continue;
    if (fault.sticky) fault.countdown = 1;
    if (partial_bytes != nullptr) *partial_bytes = fault.partial_bytes;
    return Status::FromErrno(fault.os_errno, syscall, path);
  }
  return Status::Ok();
}

std::unique_ptr<FaultEnv> FaultEnv::Descendant() const {
  auto child = std::make_unique<FaultEnv>();
  child->clock_ns_ = clock_ns_;
  child->random_state_ = std::mt19937_64(random_state_ + ++copies_ * 0x9e3779b97f4a7c15)();
  child->random_is_broken_ = random_is_broken_;
  child->traces_ = traces_;
  return child;
}

Status FaultEnv::RandomBytes(std::span<std::byte> into) {
  std::mt19937_64 random(++random_state_);
  for (std::byte& byte : into) {
    byte = random_is_broken_ ? std::byte{0} : static_cast<std::byte>(random());
  }
  return Status::Ok();
}

std::unique_ptr<FaultEnv> FaultEnv::CrashImage(std::mt19937_64* random, CrashStyle style) const {
  auto image = Descendant();
  std::map<std::string, std::shared_ptr<Inode>> names = durable_names_;
  for (const NameChange& change : unsynced_names_) {
    if (!style.random_names || (*random)() % 2 == 0) continue;
    if (!change.from.empty()) {
      // A rename whose source never became durable puts the file there as well.
      names.erase(change.from);
    }
    if (change.inode == nullptr) {
      names.erase(change.path);
    } else {
      names[change.path] = change.inode;
    }
  }
  for (const auto& [path, inode] : names) {
    image->names_[path] = CrashInode(*inode, random, style);
  }
  image->durable_names_ = image->names_;
  return image;
}

DiskState FaultEnv::Freeze() const {
  DiskState state;
  std::map<const Inode*, std::shared_ptr<Inode>> frozen;
  const auto freeze = [&](const std::shared_ptr<Inode>& inode) {
    std::shared_ptr<Inode>& copy = frozen[inode.get()];
    if (copy == nullptr && inode != nullptr) copy = std::make_shared<Inode>(*inode);
    return copy;
  };
  for (const auto& [path, inode] : durable_names_) state.durable_names[path] = freeze(inode);
  for (const NameChange& change : unsynced_names_) {
    state.unsynced_names.push_back({change.from, change.path, freeze(change.inode)});
  }
  state.clock_ns = clock_ns_;
  return state;
}

std::unique_ptr<FaultEnv> FaultEnv::Boot(const std::map<std::string, PagedBytes>& files,
                                         uint64_t clock_ns) {
  auto env = std::make_unique<FaultEnv>();
  for (const auto& [path, bytes] : files) {
    auto inode = std::make_shared<Inode>();
    inode->seen = bytes;
    inode->durable = bytes;
    env->names_.emplace_hint(env->names_.end(), path, std::move(inode));
  }
  env->durable_names_ = env->names_;
  env->clock_ns_ = clock_ns;
  return env;
}

std::unique_ptr<FaultEnv> FaultEnv::DropUnsynced() const {
  std::mt19937_64 unused;
  return CrashImage(&unused, {.random_sectors = false, .random_names = false});
}

std::unique_ptr<FaultEnv> FaultEnv::Copy() const {
  auto copy = Descendant();
  for (const auto& [path, inode] : names_) copy->names_[path] = CloneSeen(*inode);
  copy->durable_names_ = copy->names_;
  return copy;
}

std::vector<std::byte> FaultEnv::Bytes(const std::string& path) const {
  return names_.at(path)->seen.All();
}

void FaultEnv::SetBytes(const std::string& path, std::vector<std::byte> bytes) {
  std::shared_ptr<Inode>& inode = names_[path];
  if (inode == nullptr) inode = std::make_shared<Inode>();
  inode->seen = PagedBytes(bytes);
  inode->durable = inode->seen;
  inode->dirty.clear();
  durable_names_[path] = inode;
}

std::vector<std::string> FaultEnv::Names() const {
  std::vector<std::string> names;
  for (const auto& [path, inode] : names_) names.push_back(path);
  return names;
}

void FaultEnv::FlipSeenBit(const std::string& path, uint64_t offset, unsigned bit) {
  std::byte byte;
  PagedBytes& seen = names_.at(path)->seen;
  if (seen.Read(offset, {&byte, 1}) == 0) return;
  byte ^= std::byte{1} << (bit % 8);
  seen.Write(offset, {&byte, 1});
}

bool FaultEnv::SameAs(const FaultEnv& other) const {
  const auto without_record = [](std::vector<std::string> names) {
    std::erase_if(names, [](const std::string& name) { return LastPart(name) == kBootRecord; });
    return names;
  };
  const std::vector<std::string> names = without_record(Names());
  if (names != without_record(other.Names())) return false;
  for (const std::string& name : names) {
    if (!(names_.at(name)->seen == other.names_.at(name)->seen)) return false;
  }
  return true;
}

StatusOr<std::unique_ptr<File>> FaultEnv::OpenFile(const std::string& path, OpenMode mode) {
  RETURN_IF_ERROR(Meet(Call::kOpen, path, "open"));
  const auto found = names_.find(path);
  std::shared_ptr<Inode> inode = found == names_.end() ? nullptr : found->second;
  if (mode == OpenMode::kReadOnly || mode == OpenMode::kReadWrite) {
    if (inode == nullptr) return Status::FromErrno(ENOENT, "open", path);
  } else if (mode == OpenMode::kCreate && inode != nullptr) {
    return Status::FromErrno(EEXIST, "open", path);
  } else if (inode == nullptr) {
    inode = std::make_shared<Inode>();
    names_[path] = inode;
    unsynced_names_.push_back({"", path, inode});
  } else {
    inode->seen.Clear();
    inode->dirty.clear();
    inode->durable.Clear();
  }
  return std::unique_ptr<File>(std::make_unique<FaultFile>(this, inode, path));
}

Status FaultEnv::RemoveFile(const std::string& path) {
  RETURN_IF_ERROR(Meet(Call::kRemove, path, "unlink"));
  if (names_.erase(path) == 0) return Status::FromErrno(ENOENT, "unlink", path);
  unsynced_names_.push_back({"", path, nullptr});
  return Status::Ok();
}

Status FaultEnv::RenameFile(const std::string& from, const std::string& to) {
  RETURN_IF_ERROR(Meet(Call::kRename, from, "rename"));
  const auto found = names_.find(from);
  if (found == names_.end()) return Status::FromErrno(ENOENT, "rename", from);
  unsynced_names_.push_back({from, to, found->second});
  names_[to] = found->second;
  names_.erase(from);
  return Status::Ok();
}

StatusOr<bool> FaultEnv::FileExists(const std::string& path) { return Has(path); }

Status FaultEnv::CreateDirectories(const std::string&) { return Status::Ok(); }

StatusOr<std::vector<std::string>> FaultEnv::ListDirectory(const std::string& path) {
  std::vector<std::string> names;
  for (const auto& [name, inode] : names_) {
    if (Parent(name) == path) names.push_back(LastPart(name));
  }
  return names;
}

Status FaultEnv::SyncDirectory(const std::string& path) {
  RETURN_IF_ERROR(Meet(Call::kSyncDirectory, path, "fsync"));
  std::erase_if(durable_names_, [&](const auto& named) {
    return Parent(named.first) == path && !Has(named.first);
  });
  for (const auto& [name, inode] : names_) {
    if (Parent(name) == path) durable_names_[name] = inode;
  }
  std::erase_if(unsynced_names_,
                [&](const NameChange& change) { return Parent(change.path) == path; });
  return Status::Ok();
}

StatusOr<std::unique_ptr<FileLock>> FaultEnv::LockFile(const std::string& path) {
  if (!locks_.insert(path).second) {
    StatusDetails details;
    details.path = path;
    details.owner_pid = 4711;
    return Status(StatusCode::kLocked, std::move(details));
  }
  return std::unique_ptr<FileLock>(std::make_unique<FaultLock>(this, path));
}

StatusOr<bool> FaultEnv::IsLocked(const std::string& path) { return locks_.count(path) > 0; }

StatusOr<uint64_t> FaultEnv::FreeBytes(const std::string&) { return uint64_t{1} << 40; }

}  // namespace clustor::test
