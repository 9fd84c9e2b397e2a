// W13 on a file system that is really full where this process may mount one, else on the simulated
// one: the same story either way.
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

#include "check.h"
#include "log_fixture.h"

namespace clustor::test {

namespace {

// A disk of 2 MiB: a mounted one, or a simulated one.
class SmallDisk {
 public:
  SmallDisk() {
    std::string pattern = "/var/tmp/clustor-disk-" + std::string(6, 'X');
    if (mkdtemp(pattern.data()) != nullptr) path_ = pattern;
    mounted_ = mount("tmpfs", path_.c_str(), "tmpfs", 0, "size=2m") == 0;
    simulated_.SetDiskBytes(2 << 20);
  }
  ~SmallDisk() {
    if (mounted_) umount2(path_.c_str(), MNT_DETACH);
    rmdir(path_.c_str());
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  Env* env() { return mounted_ ? PosixEnv() : &simulated_; }
  std::string directory() const { return path_ + "/p"; }

 private:
  std::string path_;
  bool mounted_ = false;
  FaultEnv simulated_;
};

class SmallLog {
 public:
  explicit SmallLog(SmallDisk* disk) : disk_(disk) {}

  Status Open() {
    log_.reset();
    recorder_.completions.clear();
    LogOptions options = SmallOptions();
    options.directory = disk_->directory();
    options.segment_bytes_max = 256 << 10;
    options.unsafe_file_system = true;
    StatusOr<std::unique_ptr<Log>> opened =
        Log::Open(disk_->env(), std::move(options), nullptr, &recorder_);
    if (opened.ok()) log_ = std::move(*opened);
    return opened.status();
  }
  Status Apply(Write write) {
    const uint64_t sequence = log_->Submit(std::move(write));
    while (log_->Pump()) {
    }
    return *recorder_.StatusOf(sequence);
  }
  Status Append() {
    return Apply(Frames(log_->Stats().last_index + 1, {{1, 0, std::string(20'000, 'x')}}));
  }
  Status Vote(uint64_t term) {
    Write write;
    write.hard_state = HardState{term, 1, 0};
    return Apply(std::move(write));
  }
  Log* operator->() { return log_.get(); }

 private:
  SmallDisk* const disk_;
  Recorder recorder_;
  std::unique_ptr<Log> log_;
};

}  // namespace

TEST(SmallDisk, FillsUpVotesOnAndComesBackWithoutARestart) {
  SmallDisk disk;
  SmallLog log(&disk);
  CHECK_OK(log.Open());
  Status filled = Status::Ok();
  for (int i = 0; i < 200 && filled.ok(); ++i) filled = log.Append();
  CHECK_EQ(filled.code(), StatusCode::kDiskFull);
  CHECK_EQ(filled.details().os_errno, ENOSPC);
  const uint64_t last_index = log->Stats().last_index;
  CHECK(last_index > 40);

  for (uint64_t term = 2; term < 20; ++term) CHECK_OK(log.Vote(term));
  CHECK_EQ(log.Append().code(), StatusCode::kDiskFull);
  CHECK_OK(log.Open());
  CHECK_EQ(log->recovery().hard_state.term, 19u);
  CHECK_EQ(log->recovery().entries.last_index, last_index);

  CHECK_OK(log->TruncatePrefix(last_index));
  for (int i = 0; i < 20; ++i) CHECK_OK(log.Append());
  CHECK_OK(log.Open());
  CHECK_EQ(log->recovery().entries.last_index, last_index + 20);
}

TEST(SmallDisk, KeepsALogFromBeingMadeAndSaysWhy) {
  SmallDisk disk;
  Env* const env = disk.env();
  CHECK_OK(env->CreateDirectories(disk.directory()));
  auto filler = env->OpenFile(disk.directory() + "/filler", OpenMode::kCreate);
  CHECK_OK(filler.status());
  CHECK_OK((*filler)->Allocate((2 << 20) - (128 << 10)));
  SmallLog log(&disk);

  const Status refused = log.Open();
  CHECK_EQ(refused.code(), StatusCode::kDiskFull);
  filler->reset();
  CHECK_OK(env->RemoveFile(disk.directory() + "/filler"));

  CHECK_OK(log.Open());
  CHECK_OK(log.Append());
}

}  // namespace clustor::test
