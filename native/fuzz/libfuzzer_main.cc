// The entry of libFuzzer. The environment variable CLUSTOR_FUZZ_TARGET names the target.
#include <cstdint>
#include <cstdlib>

#include "fuzz_target.h"

namespace {

clustor::fuzz::FuzzTarget Chosen() {
  const char* wanted = std::getenv("CLUSTOR_FUZZ_TARGET");
  for (const clustor::fuzz::FuzzTarget& target : clustor::fuzz::Targets()) {
    if (wanted != nullptr && std::string(wanted) == target.name) return target;
  }
  clustor::fuzz::Violated(__FILE__, __LINE__, "CLUSTOR_FUZZ_TARGET names a target");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t bytes) {
  static const clustor::fuzz::FuzzTarget kTarget = Chosen();
  kTarget.run({reinterpret_cast<const std::byte*>(data), bytes});
  return 0;
}
