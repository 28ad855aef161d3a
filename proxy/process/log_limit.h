// How often lines of one kind are logged: what every client or every retry says again must not fill a disk.
//
// Of each kind the first kBurst lines of an interval are written; the others are counted, and the first line of a later
// interval says how many were left out. Sans-I/O: the caller has the clock, the lock and the log. Kinds are few: they
// are names in the source, never what a peer sent.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace weir::proxy {

class LogLimit {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr unsigned kBurst = 5;
  static constexpr std::chrono::seconds kInterval{10};

  struct Verdict {
    bool write = false;
    std::uint64_t left_out = 0;  ///< since the last one that was written
  };

  Verdict note(std::string_view kind, Clock::time_point now);
  /// What was left out and not told of: kind and number. Forgets it.
  std::vector<std::pair<std::string, std::uint64_t>> take_untold();

 private:
  struct Kind {
    Clock::time_point since{};
    unsigned written = 0;
    std::uint64_t left_out = 0;
  };
  std::map<std::string, Kind, std::less<>> kinds_;
};

}  // namespace weir::proxy
