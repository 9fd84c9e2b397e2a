// A library to preload: fdatasync waits as long as the file that CLUSTOR_HANG_SYNC names exists, as
// on a disk that hangs. Then it does its work, so nothing is lost.
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>

extern "C" int fdatasync(int fd) {
  const char* path = getenv("CLUSTOR_HANG_SYNC");
  constexpr timespec kPause = {0, 5'000'000};
  while (path != nullptr && access(path, F_OK) == 0) nanosleep(&kPause, nullptr);
  return static_cast<int>(syscall(SYS_fdatasync, fd));
}
