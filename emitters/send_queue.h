// What an emitter has taken and what is not yet safe, in order: memory, resending and positions of an emitter whose
// destination acknowledges records one by one and late (Kafka). Pure: no I/O, no clock, no threads.
//
// An entry is waiting -> sent -> safe. After a failure nothing more is given out until the caller, once nothing is on
// its way any more, calls `rewind`: then every record that failed goes again, and with it every later record of the
// same topic, safe or not, so that the destination ends with the last state. The destination may refuse a whole request
// for the sake of one record in it, so a refusal condemns a record only if it was sent alone; others are sent again
// alone first. References to entries stay valid until the entry is safe and all before it are.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <vector>

#include "emitters/emitter.h"

namespace weir::emitters {

class SendQueue {
 public:
  struct Limits {
    std::size_t records = 0;
    std::size_t bytes = 0;
  };
  struct Entry {
    enum class State { waiting, sent, failed, refused, safe, done };
    Record record;
    event::Position position = 0;
    bool ends = false;
    bool alone = false;  ///< to be sent with nothing else on its way
    State state = State::waiting;
    std::size_t bytes = 0;
    std::string reason;  ///< of the refusal
  };

  explicit SendQueue(Limits limits) : limits_(limits) {}

  /// False, and nothing taken from `batch`, where the limits leave no room. An empty queue takes a batch of any size.
  bool add(std::vector<Record>&& batch, event::Position position, bool ends);

  /// The record to send next; null where there is none, or where something on its way must be waited for.
  Entry* next();
  void sent(Entry& entry);
  /// True where the front of the queue moved on.
  bool acknowledged(Entry& entry);
  /// To be sent again, after `rewind`.
  void failed(Entry& entry);
  /// Refused by the destination: for ever if it was sent alone, else to be sent again, alone.
  void refused(Entry& entry, std::string reason);
  /// Refused for ever before it was sent.
  void reject(Entry& entry, std::string reason);

  /// The destination lost its state: stop, and rewind when nothing is on its way.
  void interrupt() { interrupted_ = true; }
  bool interrupted() const { return interrupted_; }
  /// Also takes for failed what is still on its way.
  void rewind();

  std::size_t on_its_way() const { return on_its_way_; }
  bool empty() const { return entries_.empty(); }
  /// Of all that is in it, about.
  std::size_t bytes() const { return bytes_; }
  /// Nothing left to do but to hand back what was refused.
  bool settled() const { return unsettled_ == 0; }
  event::Position durable_through() const { return durable_; }
  std::vector<Refused> take_refused();

 private:
  void end_sending(Entry& entry);
  void push(Entry entry);
  bool release();

  Limits limits_;
  std::deque<Entry> entries_;
  std::vector<Entry*> refused_;
  std::size_t next_ = 0;  ///< no entry before it is waiting
  std::size_t bytes_ = 0;
  std::size_t on_its_way_ = 0;
  std::size_t unsettled_ = 0;  ///< entries waiting, sent or failed
  bool alone_on_its_way_ = false;
  bool interrupted_ = false;
  event::Position durable_ = 0;
};

}  // namespace weir::emitters
