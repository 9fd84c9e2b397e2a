// Keeps the C++ library floor low: since GCC 12 containers call this function of a newer libstdc++.
// Defined here, hidden, the binary does not ask for it.
#include <cstdlib>

namespace std {

[[noreturn]] __attribute__((visibility("hidden"))) void __throw_bad_array_new_length() {
  std::abort();
}

}  // namespace std
