// What clients may do while this Weir's journal is with another one still (proxy/takeover): whatever surely writes
// nothing. The first message that is not sure waits, with all behind it. Sans-I/O, for one session.
#pragma once

#include <cstddef>
#include <string_view>

#include "capture/sql/statement_cache.h"

namespace weir::proxy {

class EarlyReads {
 public:
  /// The cache is its worker's.
  explicit EarlyReads(capture::StatementCache& statements) : statements_(statements) {}

  struct Look {
    std::size_t passes = 0;      ///< so many bytes, in whole messages
    bool holds = false;          ///< the message behind them is to wait
    std::size_t frame_size = 0;  ///< of the incomplete message behind them; 0: not known yet, or there is none
  };
  /// Of messages that begin with the first byte.
  Look look(std::string_view received);

 private:
  bool only_reads(std::string_view frame);
  bool is_read(std::string_view text);

  capture::StatementCache& statements_;
};

}  // namespace weir::proxy
