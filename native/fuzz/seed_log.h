// Inputs made by the real encoder: a log is written through its public face and its files are taken
// apart.
#pragma once

#include <vector>

#include "fuzz_target.h"
#include "log_fixture.h"
#include "wal/stored_frames.h"

namespace clustor::fuzz {

// One of each form that a log can have on disk.
std::vector<LogOptions> SeedOptions();
// What encrypted seeds are sealed with.
std::shared_ptr<const KeyRing> SeedKeys();
// Writes votes, entries and a truncation, and closes the log.
void WriteSeedLog(test::LogFixture* log);
// The blocks of a log that WriteSeedLog wrote, without padding.
std::vector<Bytes> SeedBlocks(LogOptions options);

// The form of stored frames as one byte of an input.
StoredForm FormOf(std::byte form);
std::byte FormByte(const LogOptions& options);

}  // namespace clustor::fuzz
