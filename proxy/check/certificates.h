// Whether certificates are valid now, and for how long yet. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "proxy/check/report.h"
#include "proxy/io/tls_dates.h"

namespace weir::proxy {

/// `setting` is where the file is named: "tls.cert". `now` in seconds since the epoch. Of a file of authorities, which
/// holds others too, only what no longer holds at all is a failure: all of them have ended.
void judge_dates(Report& report, const std::string& setting, const std::vector<CertificateDates>& dates,
                 std::int64_t now, bool authorities);

}  // namespace weir::proxy
