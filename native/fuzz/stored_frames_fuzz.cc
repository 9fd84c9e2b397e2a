// Stored frames: canonical JSON, and the binary forms, to binary frames and back.
#include <cstring>

#include "base/coding.h"
#include "fuzz_target.h"
#include "rebuild.h"
#include "repair.h"
#include "seed_log.h"
#include "wal/stored_frames.h"

namespace clustor::fuzz {

namespace {

void Decode(StoredForm form, const Bytes& stored) {
  StoredFrameDecoder decoder;
  std::span<const std::byte> frames;
  const StatusOr<const char*> why = decoder.Decode(form, stored, &frames);
  HOLDS(why.ok());
  if (*why != nullptr) return;
  // The plain form is checked by the reader of frames.
  if (!form.IsPlain()) CheckStoredFramesRebuild(form, stored, frames);
}

// The first byte says which form.
void Run(std::span<const std::byte> input) {
  if (input.empty()) return;
  const StoredForm form = FormOf(input[0]);
  Bytes stored(input.begin() + 1, input.end());
  Decode(form, stored);
  RepairFrames(stored);
  Decode(form, stored);
}

std::vector<Bytes> Seeds() {
  std::vector<Bytes> seeds;
  for (const LogOptions& options : SeedOptions()) {
    for (const Bytes& block : SeedBlocks(options)) {
      Bytes seed(1, FormByte(options));
      Append(&seed, std::span(block)
                        .subspan(kBlockHeaderBytes)
                        .first(block.size() - kBlockHeaderBytes - kBlockChecksumBytes));
      seeds.push_back(seed);
    }
  }
  return seeds;
}

FUZZ_TARGET("stored_frames", Run, Seeds);

}  // namespace

}  // namespace clustor::fuzz
