// What the AEAD of a block is made from: its IV, its key, and what a segment header says of a key
// (docs/wal-format.md, "Encryption").
#pragma once

#include <cstdint>
#include <span>

#include "base/status.h"
#include "crypto/aead.h"
#include "crypto/hash.h"
#include "crypto/key_ring.h"

namespace clustor {

// The first 12 bytes of SHA-256(dek_epoch u32 BE, segment_seq u64 BE, counter u64 BE,
// "WAL-Block-IV v1"): all different as long as the counters of a segment are. Errors: of Sha256.
StatusOr<GcmIv> BlockIv(Sha256* hash, uint32_t dek_epoch, uint64_t segment_seq, uint64_t counter);

// The key of the blocks with this salt: HMAC-SHA256(dek, "clustor-block-key-v1", dek_epoch u32 LE,
// salt). Never the dek itself, so that a restored copy of a directory, which draws another salt,
// shares no key with its original. The caller zeroes it. Errors: of HmacSha256.
StatusOr<Sha256Digest> BlockKey(KeyView dek, uint32_t dek_epoch, std::span<const std::byte> salt);

// Tell whether a ring holds the key that a segment was written with, and nothing of the key: the
// first 8 bytes, little-endian, of HMAC-SHA256(key, "clustor-key-check-v1", "dek" or "mac", epoch
// u32 LE).
StatusOr<uint64_t> DekCheck(KeyView dek, uint32_t epoch);
StatusOr<uint64_t> MacCheck(KeyView mac, uint32_t epoch);

}  // namespace clustor
