#include "os/raw_bench.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "base/mutex.h"
#include "os/env.h"
#include "os/prompt_wakeups.h"
#include "os/thread.h"

namespace clustor {

namespace {

constexpr uint32_t kWriteBytesMax = 16 << 20;
constexpr uint32_t kOperationsMax = 1'000'000;
constexpr uint64_t kZeroPieceBytes = 1 << 20;
// What O_DIRECT wants offsets, lengths and memory to be a multiple of, on every device so far.
constexpr uint64_t kPageBytes = 4096;
constexpr uint64_t kFileBytesMax = 4ull << 30;

uint64_t NowNs() { return PosixEnv()->MonotonicNs(); }

constexpr uint64_t RoundUpToPages(uint64_t bytes) {
  return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
}

int OpenDirect(const char* path) {
#ifdef O_DIRECT
  return open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
#else
  (void)path;
  errno = EINVAL;
  return -1;
#endif
}

// A file of the loop, removed at the end.
class BenchFile {
 public:
  ~BenchFile() {
    if (fd_ < 0) return;
    close(fd_);
    unlink(path_.c_str());
  }

  Status Open(std::string path, uint64_t zeroed_bytes) {
    path_ = std::move(path);
    fd_ = open(path_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd_ < 0) return Status::FromErrno(errno, "open", path_);
    const std::vector<std::byte> zeros(kZeroPieceBytes);
    for (uint64_t at = 0; at < zeroed_bytes; at += kZeroPieceBytes) {
      const uint64_t bytes = std::min(kZeroPieceBytes, zeroed_bytes - at);
      RETURN_IF_ERROR(Write({zeros.data(), bytes}, at));
    }
    if (fsync(fd_) != 0) return Status::FromErrno(errno, "fsync", path_);
    return Status::Ok();
  }

  // From here on writes go past the page cache.
  Status ReopenDirect() {
    const int direct = OpenDirect(path_.c_str());
    if (direct < 0 && errno == EINVAL) {
      return Status(StatusCode::kInvalidArgument, "there is no O_DIRECT for " + path_);
    }
    if (direct < 0) return Status::FromErrno(errno, "open", path_);
    close(fd_);
    fd_ = direct;
    return Status::Ok();
  }

  Status Write(std::span<const std::byte> bytes, uint64_t offset) {
    while (!bytes.empty()) {
      const ssize_t written = pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return Status::FromErrno(written == 0 ? EIO : errno, "pwrite", path_);
      offset += static_cast<uint64_t>(written);
      bytes = bytes.subspan(static_cast<size_t>(written));
    }
    return Status::Ok();
  }

  Status WriteAndSync(std::span<const std::byte> bytes, uint64_t offset) {
    RETURN_IF_ERROR(Write(bytes, offset));
    if (fdatasync(fd_) != 0) return Status::FromErrno(errno, "fdatasync", path_);
    return Status::Ok();
  }

 private:
  int fd_ = -1;
  std::string path_;
};

// The second thread of kTwoParallel: does one write and sync each time it is asked.
class Partner {
 public:
  Partner(BenchFile* file, std::span<const std::byte> bytes) : file_(file), bytes_(bytes) {}

  bool Start() { return thread_.Start(Main, this); }

  void Ask(uint64_t offset) {
    const MutexLock lock(&mutex_);
    offset_ = offset;
    busy_ = true;
    changed_.Broadcast();
  }

  Status Wait() {
    const MutexLock lock(&mutex_);
    while (busy_) changed_.Wait(&mutex_);
    return status_;
  }

  void Stop() {
    {
      const MutexLock lock(&mutex_);
      stopping_ = true;
      changed_.Broadcast();
    }
    thread_.Join();
  }

 private:
  static void* Main(void* self) {
    const PromptWakeups prompt;
    static_cast<Partner*>(self)->Run();
    return nullptr;
  }

  void Run() {
    for (;;) {
      uint64_t offset;
      {
        const MutexLock lock(&mutex_);
        while (!busy_ && !stopping_) changed_.Wait(&mutex_);
        if (stopping_) return;
        offset = offset_;
      }
      Status status = file_->WriteAndSync(bytes_, offset);
      const MutexLock lock(&mutex_);
      status_ = std::move(status);
      busy_ = false;
      changed_.Broadcast();
    }
  }

  BenchFile* const file_;
  const std::span<const std::byte> bytes_;
  Thread thread_;
  Mutex mutex_;
  CondVar changed_;
  bool busy_ GUARDED_BY(mutex_) = false;
  bool stopping_ GUARDED_BY(mutex_) = false;
  uint64_t offset_ GUARDED_BY(mutex_) = 0;
  Status status_ GUARDED_BY(mutex_);
};

bool IsDirect(const RawBenchOptions& options) {
  return options.method == RawBenchMethod::kSingleDirect;
}

uint64_t FirstBytesOf(const RawBenchOptions& options) {
  return IsDirect(options) ? RoundUpToPages(options.write_bytes) : options.write_bytes;
}

uint64_t StrideOf(const RawBenchOptions& options) {
  const uint64_t stride = std::max<uint64_t>(FirstBytesOf(options), options.stride_bytes);
  return IsDirect(options) ? RoundUpToPages(stride) : stride;
}

Status CheckOptions(const RawBenchOptions& options) {
  if (options.write_bytes == 0 || options.write_bytes > kWriteBytesMax ||
      options.second_write_bytes == 0 || options.second_write_bytes > kWriteBytesMax ||
      options.operations == 0 || options.operations > kOperationsMax) {
    return Status(StatusCode::kInvalidArgument,
                  "writes are 1 byte to 16 MiB, operations 1 to 1000000");
  }
  if (StrideOf(options) * options.operations > kFileBytesMax) {
    return Status(StatusCode::kInvalidArgument, "the loop would write more than 4 GiB");
  }
  return Status::Ok();
}

class RawBench {
 public:
  explicit RawBench(const RawBenchOptions& options)
      : options_(options),
        stride_(StrideOf(options)),
        memory_(std::max<uint64_t>(FirstBytesOf(options), options.second_write_bytes) +
                kPageBytes) {
    void* aligned = memory_.data();
    size_t space = memory_.size();
    bytes_ = static_cast<std::byte*>(std::align(kPageBytes, space - kPageBytes, aligned, space));
    // Not zeros: a device could recognise them.
    for (size_t i = 0; i + kPageBytes < memory_.size(); ++i) {
      bytes_[i] = static_cast<std::byte>((i * 2654435761u) >> 13);
    }
  }

  StatusOr<std::vector<uint64_t>> Run() {
    const bool extending = options_.method == RawBenchMethod::kSingleExtending;
    RETURN_IF_ERROR(first_.Open(options_.directory + "/raw-bench-first",
                                extending ? 0 : stride_ * options_.operations));
    if (IsDirect(options_)) RETURN_IF_ERROR(first_.ReopenDirect());
    const bool two = options_.method == RawBenchMethod::kTwoOrdered ||
                     options_.method == RawBenchMethod::kTwoParallel;
    if (two) {
      RETURN_IF_ERROR(second_.Open(options_.directory + "/raw-bench-second",
                                   uint64_t{options_.second_write_bytes} * options_.operations));
    }
    std::vector<uint64_t> latencies(options_.operations);
    const Status done = options_.method == RawBenchMethod::kTwoParallel ? RunParallel(&latencies)
                                                                        : RunOrdered(&latencies);
    if (!done.ok()) return done;
    return latencies;
  }

 private:
  std::span<const std::byte> FirstBytes() const { return {bytes_, FirstBytesOf(options_)}; }
  std::span<const std::byte> SecondBytes() const { return {bytes_, options_.second_write_bytes}; }

  Status RunOrdered(std::vector<uint64_t>* latencies) {
    const bool two = options_.method == RawBenchMethod::kTwoOrdered;
    for (uint64_t i = 0; i < options_.operations; ++i) {
      const uint64_t start_ns = NowNs();
      RETURN_IF_ERROR(first_.WriteAndSync(FirstBytes(), i * stride_));
      if (two) {
        RETURN_IF_ERROR(second_.WriteAndSync(SecondBytes(), i * options_.second_write_bytes));
      }
      (*latencies)[i] = NowNs() - start_ns;
    }
    return Status::Ok();
  }

  Status RunParallel(std::vector<uint64_t>* latencies) {
    Partner partner(&second_, SecondBytes());
    if (!partner.Start()) return Status(StatusCode::kInternal, "no thread could be started");
    Status done;
    for (uint64_t i = 0; i < options_.operations && done.ok(); ++i) {
      const uint64_t start_ns = NowNs();
      partner.Ask(i * options_.second_write_bytes);
      done = first_.WriteAndSync(FirstBytes(), i * stride_);
      Status second_done = partner.Wait();
      if (done.ok()) done = std::move(second_done);
      (*latencies)[i] = NowNs() - start_ns;
    }
    partner.Stop();
    return done;
  }

  const RawBenchOptions& options_;
  const uint64_t stride_;
  std::vector<std::byte> memory_;
  std::byte* bytes_ = nullptr;  // In memory_, at the beginning of a page.
  BenchFile first_;
  BenchFile second_;
};

}  // namespace

StatusOr<std::vector<uint64_t>> RunRawBench(const RawBenchOptions& options) {
  RETURN_IF_ERROR(CheckOptions(options));
  // What the log does on its threads; this one is of a pool.
  const PromptWakeups prompt;
  return RawBench(options).Run();
}

}  // namespace clustor
