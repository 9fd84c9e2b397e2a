// Keeps the floor of the C and C++ libraries low. Headers of a newer libstdc++ refer to these
// names; defined here, hidden, the binary does not ask the user's machine for them. test/packaging
// reads the result out of the release binary.
#include <cstdlib>

namespace std {

// GLIBCXX_3.4.29: containers call it since GCC 12.
[[noreturn]] __attribute__((visibility("hidden"))) void __throw_bad_array_new_length() {
  std::abort();
}

}  // namespace std

extern "C" {

// GLIBC_2.32: lets shared_ptr count without atomics in a process of one thread. Ours always has
// several.
extern char __libc_single_threaded;
__attribute__((visibility("hidden"))) char __libc_single_threaded = 0;

// GLIBCXX_3.4.26: std::_Sp_make_shared_tag::_S_eq, asked whether a control block was made
// elsewhere; none is.
__attribute__((visibility("hidden"))) bool _ZNSt19_Sp_make_shared_tag5_S_eqERKSt9type_info(
    const void*) {
  return false;
}

}  // extern "C"
