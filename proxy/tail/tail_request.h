// What a reader of the stream asks for, from the query of GET /tail. Pure.
//
//   table=PATTERN   schema.table with * and ?; may stand several times
//   format=NAME     pretty (default), debezium, flat, … (emitters/format.h)
//   from=WHERE      now (default), beginning, or a position in the stream
//   count=N         ends after so many events
//   colour=true     pretty and readable: for a terminal
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "capture/event/change_event.h"

namespace weir::proxy {

struct TailRequest {
  enum class From { now, beginning, position };

  std::vector<std::string> tables;  ///< empty: all
  std::string format = "pretty";
  From from = From::now;
  event::Position position = 0;        ///< the first one, for From::position
  std::optional<std::uint64_t> count;  ///< absent: without an end
  bool colour = false;
};

/// The complaint names the parameter.
Result<TailRequest> read_tail_request(const std::string& query);
/// "pretty|debezium|…".
std::string tail_formats();

}  // namespace weir::proxy
