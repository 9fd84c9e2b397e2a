#include "os/windows_path.h"

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

namespace clustor {

std::wstring WidePath(const std::string& path) {
  const int bytes = static_cast<int>(path.size());
  const int wanted = MultiByteToWideChar(CP_UTF8, 0, path.data(), bytes, nullptr, 0);
  std::wstring wide(static_cast<size_t>(wanted), L'\0');
  MultiByteToWideChar(CP_UTF8, 0, path.data(), bytes, wide.data(), wanted);
  return wide;
}

std::string NarrowPath(const wchar_t* path) {
  const int wanted = WideCharToMultiByte(CP_UTF8, 0, path, -1, nullptr, 0, nullptr, nullptr);
  if (wanted <= 1) return "";
  std::string narrow(static_cast<size_t>(wanted), '\0');
  WideCharToMultiByte(CP_UTF8, 0, path, -1, narrow.data(), wanted, nullptr, nullptr);
  narrow.pop_back();
  return narrow;
}

}  // namespace clustor
