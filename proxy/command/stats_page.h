// The page of `weir stats`: two readings in, lines of text out. Pure.
//
// Rates are of the time between the two, by Weir's own clock. Where there is only one, or Weir was started again in
// between, there are none yet ("-"). Text from outside (names, causes) comes without control characters.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "proxy/command/stats_reading.h"

namespace weir::proxy {

struct StatsLook {
  std::size_t columns = 80;  ///< no line is longer; 0: as long as they are
  std::size_t rows = 0;      ///< tables and gaps that do not fit are left out, and counted; 0: all are there
  bool colour = false;
};

/// `trouble`: why there is no newer reading; empty for none.
std::string stats_page(const std::optional<StatsReading>& before, const StatsReading& now, const StatsLook& look,
                       const std::string& trouble = "");

}  // namespace weir::proxy
