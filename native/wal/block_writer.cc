#include "wal/block_writer.h"

namespace clustor {

namespace {

// Starting the device costs some 40 microseconds of this thread.
constexpr uint64_t kStepBytes = 2 << 20;
// Steps end where pages do: none is written twice.
constexpr uint64_t kPageBytes = 4096;

}  // namespace

Status WriteBlock(File* file, uint64_t offset, BuiltBlock* block) {
  uint64_t from = 0;
  while (block->covered_bytes() - from >= kStepBytes) {
    const uint64_t to = (offset + from + kStepBytes) / kPageBytes * kPageBytes - offset;
    RETURN_IF_ERROR(file->WritePiecesAt(offset + from, block->bytes.Slice(from, to - from)));
    RETURN_IF_ERROR(file->StartWriteback(offset + from, to - from));
    block->Cover(to);
    from = to;
  }
  block->Complete();
  return file->WritePiecesAt(offset + from, block->bytes.Slice(from, block->bytes.bytes() - from));
}

}  // namespace clustor
