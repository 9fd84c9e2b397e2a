// Keys from JavaScript.
#pragma once

#include <napi.h>

#include <memory>

#include "base/status.h"
#include "crypto/key_ring.h"

namespace clustor {

// A ring of the keys in {dekEpochs, macEpochs, bytes, activeDek, activeMac}, copied; null for null.
// src/wal/keys.ts has checked them. Errors: kInvalidArgument.
StatusOr<std::shared_ptr<const KeyRing>> ToKeyRing(const Napi::Value& value);

}  // namespace clustor
