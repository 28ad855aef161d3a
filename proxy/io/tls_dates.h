// From when to when the certificates of a PEM file are valid. Reads the file; judges nothing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace weir::proxy {

struct CertificateDates {
  std::string subject;          ///< "CN=db.example"
  std::int64_t not_before = 0;  ///< seconds since the epoch
  std::int64_t not_after = 0;
};

/// All certificates in the file, in its order; fails where there is none.
Result<std::vector<CertificateDates>> certificate_dates(const std::string& path);

}  // namespace weir::proxy
