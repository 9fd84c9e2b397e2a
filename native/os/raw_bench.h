// The raw system calls of this disk, for `bench fsync` and as the yardstick of `bench append`. Uses
// the operating system directly, not Env: it measures what Env has to beat nothing but.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"

namespace clustor {

enum class RawBenchMethod : uint8_t {
  kSinglePreallocated = 0,  // pwrite + fdatasync on one zero-filled file.
  kSingleExtending = 1,     // pwrite at the end + fdatasync.
  kTwoOrdered = 2,          // Two zero-filled files, the second after the first is synced.
  kTwoParallel = 3,         // Two zero-filled files, one thread each, an operation ends with both.
  kSingleDirect = 4,        // O_DIRECT pwrite + fdatasync on one zero-filled file, whole pages.
};

struct RawBenchOptions {
  std::string directory;  // Files "raw-bench-*" are made here and removed at the end.
  RawBenchMethod method = RawBenchMethod::kSinglePreallocated;
  uint32_t write_bytes = 256;        // 1 .. 16 MiB.
  uint32_t second_write_bytes = 74;  // Of the second file: the size of a ledger proof.
  uint32_t stride_bytes = 0;         // Distance of writes in the first file; 0: write_bytes.
  uint32_t operations = 1000;
};

// Runs the loop on the calling thread and returns the latency of each operation, nanoseconds, in
// order. Making and zeroing the files is not measured.
// Errors: kInvalidArgument, also when system or file system have no O_DIRECT for kSingleDirect;
// kNotWritable, kDiskFull, kIo.
StatusOr<std::vector<uint64_t>> RunRawBench(const RawBenchOptions& options);

}  // namespace clustor
