// What became of one request to the collector. Plain values.
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace weir::proxy {

struct CollectorAnswer {
  int status = 0;     ///< of HTTP; 0: there was no answer
  std::string error;  ///< then, why
  std::string body;   ///< its beginning
  std::optional<std::chrono::seconds> retry_after = {};
};

}  // namespace weir::proxy
