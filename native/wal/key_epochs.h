// Whether a key ring will do for the segments that a log has.
#pragma once

#include "base/status.h"
#include "crypto/key_ring.h"
#include "wal/catalog.h"

namespace clustor {

// The rules of SegmentCipher and SegmentMac, for all segments of the log. Errors: kKeyUnknownEpoch
// when a segment needs an epoch that the ring has no key of; kLogUnprotected when one has none and
// the ring demands it.
Status CheckEpochs(const KeyEpochs& epochs, const KeyRing* keys);

}  // namespace clustor
