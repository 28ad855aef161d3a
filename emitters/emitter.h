// A destination. Sees only records and positions, or where it asks for them, events.
//
// Contract: `offer` takes a batch whole or not at all; `durable_through` is a monotone position: everything offered
// up to it is safe at the destination. What was offered may be collected until `wait` is called, which the loop does
// once it has nothing more to offer, or until it is enough for a batch; in `wait` it leaves. Nothing throws, nothing
// blocks for longer than the destination's own non-blocking write; `wait` is the one place to sleep. Used by one
// thread, that of its delivery loop. A record that the destination refuses for ever is handed back through
// `take_refused`, never dropped, and counts as done for durable_through once it was handed back.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "capture/event/change_event.h"
#include "emitters/record.h"

namespace weir::emitters {

struct Refused {
  Record record;
  event::Position position = 0;
  std::string reason;
};

class Emitter {
 public:
  virtual ~Emitter() = default;
  /// "kafka://…", "stdout": for logs and as the name of its checkpoint. Stable over restarts.
  virtual const std::string& name() const = 0;
  /// A destination that keeps its own position, in one transaction with the rows, say, tells here where it stands, and
  /// what it has is not offered again, whatever the journal says. Asked until it answers, before the first offer. A
  /// position belongs to a journal (DestinationOptions::instance). Nothing: the journal's checkpoint holds.
  virtual Result<std::optional<event::Position>> resume_after() { return std::optional<event::Position>(); }
  /// True: it takes events as they are, by offer_events in the place of offer, and no format is made for it.
  virtual bool wants_events() const { return false; }

  /// False where it cannot take more now; then call wait. An error is transient: offer the same batch again, later.
  /// `position` is the transaction the records belong to; `ends` says that its last record is among them.
  /// Where it answers true the records are its own, moved or copied; else `batch` is as it was.
  virtual Result<bool> offer(std::vector<Record>&& batch, event::Position position, bool ends) = 0;
  /// The same with events of this transaction, which are only lent for the call.
  virtual Result<bool> offer_events(const event::Transaction& /*transaction*/,
                                    std::span<const event::ChangeEvent> /*events*/, bool /*ends*/) {
    return Error{name() + ": takes records, not events", ""};
  }
  /// Highest position of which all records, up to the one that `ends` it, are safe.
  virtual event::Position durable_through() = 0;
  /// Also takes up what the destination has answered meanwhile: to be called before durable_through and trouble.
  virtual std::vector<Refused> take_refused() { return {}; }
  /// Sends what was offered and sleeps until something moved or the time is over.
  virtual void wait(std::chrono::milliseconds at_most) = 0;
  /// Before exit: forces out what was offered; false where some of it is not safe by then.
  virtual bool close(std::chrono::milliseconds at_most) = 0;
  /// Last error of the destination, for the log; empty while all is well.
  virtual std::string trouble() { return {}; }
  /// Nothing will ever be taken again: a pipe whose reader has closed it.
  virtual bool gone() { return false; }
};

}  // namespace weir::emitters
