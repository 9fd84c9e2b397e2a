// Rot: one flipped bit among the bytes that had been acknowledged.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <string>

#include "fault_env.h"

namespace clustor::test {

struct BitFlip {
  std::string path;
  uint64_t offset = 0;
  uint8_t bit = 0;
  uint64_t block = 0;  // The block it hits, the first one for a segment header; 0: the ledger.

  std::string Describe() const;
};

// Flips a random bit of a block up to durable_block (mostly of the newest), of a segment header or
// of a ledger record. Nothing when nothing is durable.
std::optional<BitFlip> FlipAcknowledged(FaultEnv* image, uint64_t durable_block,
                                        std::mt19937_64* random);

// The newest block that the ledger of the image proves: a block record proves its own, a claim the
// one before it.
uint64_t ProvenBlock(const FaultEnv& image);
// Whether a segment whose own header verifies has the header of a block above this one.
bool HasBlockAbove(const FaultEnv& image, uint64_t block);

// Whether the files of the log are the same; those that every open writes, the boot record and the
// write probe, apart. An open that finds a rewrite behind its flip goes on with the renames before
// it judges the log: then the names may differ.
bool SameFiles(const FaultEnv& a, const FaultEnv& b);

}  // namespace clustor::test
