// Events that a destination had already, sent to it again: which, and how they are read and formatted. No thread: that
// is the destination's own (delivery.h), or the command's where no Weir runs.
//
// What is sent again is a stretch of the stream, in its order, up to where the destination stands at most: what is
// behind that comes anyway, and comes later. Ids and bytes are those of the first time, but for the time of sending:
// with tables to choose from each transaction is formatted whole, and what is of other tables is taken out behind it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "capture/journal/tail.h"
#include "emitters/format.h"

namespace weir::proxy {

struct Replay {
  event::Position from = 0;           ///< the first
  event::Position to = 0;             ///< the last; 0: that which the destination has
  std::vector<std::string> tables{};  ///< patterns schema.table; none: all. Gaps are for all
};

/// A place in the stream, as somebody says it: a position, or a time at which transactions committed.
struct ReplayPoint {
  event::Position position = 0;       ///< 0: a time is given
  std::optional<std::int64_t> at_us;  ///< microseconds since the epoch
};
/// "4711", or "2026-11-21T07:53:37Z", "2026-11-21 07:53:37.702+01:00", "2026-11-21 07:53" (UTC where it says no zone).
Result<ReplayPoint> read_replay_point(const std::string& text);

/// When the first transaction behind this position committed; nothing where there is none.
using CommittedAfter = std::function<Result<std::optional<std::int64_t>>(event::Position after)>;
/// Asks the stream, which outlives it.
CommittedAfter committed_after_in(capture::StreamReader& stream);
/// The first position from `first` on, up to behind `last`, from which on everything committed at this time or later,
/// or a little before: commits that were acknowledged at the same time may stand in another order.
Result<event::Position> position_at(std::int64_t at_us, event::Position first, event::Position last,
                                    const CommittedAfter& committed_after);

/// What there is, for plan_replay().
struct ReplayScene {
  std::string destination;     ///< its name
  event::Position stands = 0;  ///< it has everything up to here
  event::Position erased = 0;  ///< the journal has nothing up to here any more
  CommittedAfter committed_after;
};
/// Which stretch `from` and `to` mean. Refused, with from where on it can be had, where some of it is not in the
/// journal any more, or may not be; and where the destination did not get any of it yet.
Result<Replay> plan_replay(const ReplayPoint& from, const std::optional<ReplayPoint>& to, const ReplayScene& scene);

/// A stream that ends at a position, and in which nothing may be missing: a gap in the place of what was erased is an
/// error.
std::unique_ptr<capture::StreamReader> up_to(std::unique_ptr<capture::StreamReader> stream, event::Position last);

/// The same records, but for those of other tables. `prefix` is that of the topics, {db} in it the database.
std::unique_ptr<emitters::Format> only_of(std::vector<std::string> tables, std::unique_ptr<emitters::Format> format,
                                          std::string prefix);

}  // namespace weir::proxy
