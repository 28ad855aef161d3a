// Memory that nobody needs any more. To assign an empty string, moved or not, keeps the memory of what was there, and
// so does clear().
#pragma once

#include <string>

namespace weir {

/// Empty, and without memory of its own.
inline void give_back(std::string& text) {
  std::string().swap(text);
}

/// The same text in no more memory than it needs.
inline void fit(std::string& text) {
  std::string(text).swap(text);
}

}  // namespace weir
