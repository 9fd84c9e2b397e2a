#include "wal/key_epochs.h"

#include <string>

#include "wal/segment_cipher.h"

namespace clustor {

namespace {

Status MissingEpoch(const char* kind, uint32_t epoch) {
  return Status(StatusCode::kKeyUnknownEpoch,
                "the log has segments under " + std::string(kind) + " epoch " +
                    std::to_string(epoch) +
                    " and the new key ring has no key of that epoch: keep it, as one that is "
                    "not active, until they are gone");
}

}  // namespace

Status CheckEpochs(const KeyEpochs& epochs, const KeyRing* keys) {
  for (const auto& [epoch, segment_seq] : epochs.dek) {
    if (epoch != 0 && (keys == nullptr || !keys->Dek(epoch))) return MissingEpoch("dek", epoch);
    if (epoch == 0 && keys != nullptr && keys->MustBeEncrypted()) {
      return Unprotected(segment_seq, "encrypted");
    }
  }
  for (const auto& [epoch, segment_seq] : epochs.mac) {
    if (epoch != 0 && (keys == nullptr || !keys->Mac(epoch))) return MissingEpoch("mac", epoch);
    if (epoch == 0 && keys != nullptr && keys->MustBeSealed()) {
      return Unprotected(segment_seq, "sealed");
    }
  }
  return Status::Ok();
}

}  // namespace clustor
