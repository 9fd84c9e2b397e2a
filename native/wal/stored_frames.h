// Stored frames: the form that frames have in the blocks of a segment, and the way there and back
// (docs/wal-format.md, "Stored frames"). In memory and between replicas a frame is always binary
// with a trailer of 4 bytes; in a segment its body can be canonical JSON, and its trailer can carry
// a Merkle leaf. The plain form is the one in memory: its bytes are never copied here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/slab.h"
#include "base/status.h"
#include "wal/format.h"
#include "wal/merkle.h"

namespace clustor {

// Exact bytes that the frame of one entry takes in this form.
uint64_t StoredEntryBytes(StoredForm form, uint64_t term, uint64_t index, uint8_t kind,
                          uint64_t payload_bytes);
// What binary frames of entries take at most in this form; exact for the plain one. Needs no look
// at the frames.
uint64_t StoredBytesMax(StoredForm form, uint64_t frame_bytes, uint64_t entry_count);
// More than a block of this form needs besides the frames of its entries.
constexpr uint64_t BlockOverheadBytesMax(StoredForm form) {
  return form.IsPlain() ? kBlockOverheadBytesMax : 512;
}

// Writes a binary frame, of an entry or a state record, in its stored form and returns its bytes.
// hasher: for a form with leaves, else null. REQUIRES: the frame verifies; `to` has room for them
// (StoredEntryBytes).
size_t EncodeStoredFrame(std::byte* to, StoredForm form, std::span<const std::byte> frame,
                         MerkleHasher* hasher);

// Bytes of the stored frame that begins at bytes[0]. REQUIRES: it verified as part of a block.
size_t StoredFrameBytesAt(std::span<const std::byte> bytes);

// Turns the frames of a block back into binary ones.
class StoredFrameDecoder {
 public:
  // Nullptr when the bytes are what the encoder makes; else what is wrong with them: every length,
  // checksum, digit and leaf is checked. *frames is `stored` itself when the form is plain
  // (FrameReader checks those), else it is valid until the next Decode. Allocates at most the bytes
  // of `stored`. Errors: kCryptoUnavailable and kOutOfMemory when leaves cannot be checked.
  StatusOr<const char*> Decode(StoredForm form, std::span<const std::byte> stored,
                               std::span<const std::byte>* frames);

 private:
  const char* DecodeAll(StoredForm form, std::span<const std::byte> stored,
                        std::span<const std::byte>* frames);

  Slab frames_;
  std::optional<MerkleHasher> hasher_;  // Made when there is a leaf to check.
};

}  // namespace clustor
