// Which spans a committed transaction is: one for its commit, whose parent is the application's span, and below that
// one for each destination, from the commit until the destination has it.
//
// A transaction has spans where the first of its statements with a traceparent says that its trace is sampled; other
// spans of the application that wrote in it are links. Nothing of a row and no SQL text goes into a span.
// What waits for a destination is bounded: the oldest is given up, and counted. Sans-I/O, for one thread; the ids come
// from whoever makes it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "capture/event/change_event.h"
#include "proxy/tracing/span.h"
#include "proxy/tracing/trace_context.h"

namespace weir::proxy {

class TransactionSpans {
 public:
  /// Of one destination, that are not delivered yet.
  static constexpr std::size_t kMostOpen = 4'096;
  static constexpr std::size_t kMostLinks = 16;

  /// `random` gives 64 new bits with every call.
  explicit TransactionSpans(std::function<std::uint64_t()> random) : random_(std::move(random)) {}

  /// Transactions that are told of from now on go there. `system` is the kind: "kafka", "file".
  /// A destination that is opened anew may begin again before its end: it is over with its last end.
  void begin_destination(const std::string& name, const std::string& system);
  void end_destination(const std::string& name);

  /// In the order of the stream. `events` are its first ones; those that have no place here may have traces too.
  void committed(const event::Transaction& transaction, std::span<const event::ChangeEvent> events,
                 std::vector<Span>& spans);
  /// The destination has everything up to here.
  void delivered(const std::string& destination, event::Position through, std::int64_t at_us, std::vector<Span>& spans);

  /// Spans that were given up.
  std::uint64_t given_up() const { return given_up_; }

 private:
  struct Open {
    event::Position position;
    std::int64_t committed_us;
    std::int64_t events;
    std::string trace_id;
    std::string parent_id;
    std::string state;
  };
  struct Destination {
    std::string system;
    int begun = 0;
    std::deque<Open> open;
  };

  std::string new_id();

  std::function<std::uint64_t()> random_;
  std::map<std::string, Destination> destinations_;
  std::uint64_t given_up_ = 0;
};

}  // namespace weir::proxy
