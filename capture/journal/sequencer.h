// Puts committed transactions into the order of the stream, although their acknowledgements arrive in any order.
//
// The highest lsn a transaction saw (last_lsn) orders it: of two transactions that wrote the same row the later
// one has the higher last_lsn. An acknowledged transaction is released once no commit still in flight has a
// first_lsn below its last_lsn; one that has not sent its COMMIT cannot matter.
// Pure: no clock, no I/O, no threads. Owned by one thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "capture/event/change_event.h"

namespace weir::capture {

class Sequencer {
 public:
  struct Released {
    std::int64_t id;
    std::int64_t committed_us;
    event::Lsn last_lsn;
  };

  /// Its COMMIT is about to be sent (or it was found in doubt). Must come before the COMMIT reaches the database.
  void in_flight(std::int64_t id, event::Lsn first_lsn, event::Lsn last_lsn);
  /// The database said it is committed. Unknown ids are ignored.
  void committed(std::int64_t id, std::int64_t committed_us);
  /// It will never commit; forget it. Unknown ids are ignored.
  void aborted(std::int64_t id);

  /// All that can be emitted now, in stream order. They are forgotten here.
  std::vector<Released> take_released();

  /// Lowest first_lsn of the commits in flight or waiting, if there is any.
  std::optional<event::Lsn> lowest_pending() const;
  std::size_t in_flight_count() const;
  /// Committed, and waiting for one that is in flight.
  bool is_waiting(std::int64_t id) const;
  std::size_t waiting_count() const { return ready_.size(); }

 private:
  struct Entry {
    event::Lsn first_lsn;
    event::Lsn last_lsn;
    bool committed;
  };
  struct Ready {
    std::int64_t id;
    std::int64_t committed_us;
  };
  using Entries = std::unordered_map<std::int64_t, Entry>;

  void forget(Entries::iterator entry);

  Entries entries_;                                 // in flight, or committed and waiting
  std::multiset<event::Lsn> in_flight_first_lsns_;  // of the entries in flight
  std::multiset<event::Lsn> pending_first_lsns_;    // of all entries
  std::multimap<event::Lsn, Ready> ready_;          // the committed ones by last_lsn
};

}  // namespace weir::capture
