// What GET /stats of the admin listener said, as far as `weir stats` shows it. Text in, plain values out.
//
// A member that is not there is 0 or empty: a Weir of another version may know more or less.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace weir::proxy {

struct StatsReading {
  struct Quantiles {
    std::uint64_t count = 0;
    double p50 = 0;  ///< seconds, as all times
    double p99 = 0;
  };
  struct Destination {
    std::string name;
    std::string state;
    std::string trouble;
    std::uint64_t lag = 0;  ///< transactions
    double lag_seconds = 0;
    std::uint64_t transactions = 0;
    std::uint64_t records = 0;
    std::uint64_t bytes = 0;
    std::uint64_t errors = 0;
    std::uint64_t dead_letters = 0;
    Quantiles delivery;
  };
  struct Table {
    std::string database;
    std::string table;
    std::uint64_t captured = 0;
    std::uint64_t counted = 0;
    std::uint64_t missed = 0;
    std::uint64_t gaps = 0;
  };
  struct Gap {
    std::string cause;
    std::string database;
    std::string table;
    std::uint64_t gaps = 0;
    std::uint64_t missed = 0;
    double last = 0;
    std::string advice;
  };

  std::string version;
  double time = 0;
  double started = 0;
  double cpu_seconds = 0;
  std::uint64_t memory = 0;
  bool listening = false;
  std::string addresses;
  std::uint64_t opened = 0;
  std::uint64_t refused = 0;
  std::uint64_t client_bytes = 0;
  std::uint64_t upstream_bytes = 0;
  std::string upstream_trouble;
  std::uint64_t sessions = 0;
  bool capturing = false;
  std::uint64_t committed = 0;
  std::uint64_t aborted = 0;
  std::uint64_t commits_refused = 0;
  std::uint64_t released = 0;
  std::uint64_t events = 0;
  Quantiles gate;
  Quantiles sync;
  std::uint64_t in_doubt = 0;
  double in_doubt_since = 0;
  std::string in_doubt_reason;
  std::string journal;
  std::uint64_t journal_bytes = 0;
  std::uint64_t journal_max_bytes = 0;
  std::string journal_trouble;
  std::vector<Destination> destinations;
  std::vector<Table> tables;
  std::vector<Gap> gaps;
};

Result<StatsReading> read_stats(std::string_view json);

}  // namespace weir::proxy
