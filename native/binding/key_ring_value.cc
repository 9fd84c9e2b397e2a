#include "binding/key_ring_value.h"

#include <cstddef>
#include <span>
#include <utility>

#include "binding/convert.h"

namespace clustor {

StatusOr<std::shared_ptr<const KeyRing>> ToKeyRing(const Napi::Value& value) {
  if (!value.IsObject()) return std::shared_ptr<const KeyRing>();
  const Napi::Object object = value.As<Napi::Object>();
  const auto deks = ToUint32s(object.Get("dekEpochs"));
  const auto macs = ToUint32s(object.Get("macEpochs"));
  const auto bytes = ToBytes(object.Get("bytes"));
  if (!deks || !macs || !bytes || bytes->size() != (deks->size() + macs->size()) * kKeyBytes) {
    return Status(StatusCode::kInvalidArgument, "keys are epochs, and 32 bytes for each");
  }
  auto ring = std::make_shared<KeyRing>();
  std::span<const std::byte> rest = *bytes;
  for (const uint32_t epoch : *deks) {
    ring->AddDek(epoch, rest.first<kKeyBytes>());
    rest = rest.subspan(kKeyBytes);
  }
  for (const uint32_t epoch : *macs) {
    ring->AddMac(epoch, rest.first<kKeyBytes>());
    rest = rest.subspan(kKeyBytes);
  }
  ring->SetActive(static_cast<uint32_t>(NumberProperty(object, "activeDek", 0)),
                  static_cast<uint32_t>(NumberProperty(object, "activeMac", 0)));
  ring->AllowPlain(object.Get("allowPlain").ToBoolean());
  return std::shared_ptr<const KeyRing>(std::move(ring));
}

}  // namespace clustor
