#pragma once

#include <string>

namespace clustor {

// Paths are UTF-8 everywhere but at the calls of Windows.
std::wstring WidePath(const std::string& path);
std::string NarrowPath(const wchar_t* path);

}  // namespace clustor
