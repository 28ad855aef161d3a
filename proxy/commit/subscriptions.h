// Readers of the stream that come and go while Weir runs: destinations, and whoever else looks on.
//
// A subscription is a StreamReader, and ends with it. It begins at any position: what the newest end of the stream has
// in memory comes from there, what is older from the journal, and what the journal has erased as one gap. With
// `keep_after` it has a say in what the journal keeps, for as long as it lives: it then reports checkpoints as
// destinations do. Those destinations whose places are in the book have their say anyway.
//
// subscribe() and the end of a subscription may come from any thread, also before the committer starts; released() is
// called by whoever does the stream's turn (committer.h). Outlives its subscriptions.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/result.h"
#include "capture/journal/event_log.h"
#include "capture/journal/stream_command.h"
#include "capture/journal/tail.h"

namespace weir::proxy {

class Subscriptions {
 public:
  struct Options {
    /// Something was released. Called by whoever does the stream's turn, not after the subscription's end; must not
    /// block.
    std::function<void()> wake = [] {};
    std::string name = {};  ///< for those with a say: no other has it at the time
    /// Has a say: nothing behind this position is erased from when the stream hears of it, at once.
    std::optional<event::Position> keep_after = {};
  };
  using Tell = std::function<void(capture::StreamCommand)>;

  /// `tell` brings a command to the stream; the log outlives the subscriptions.
  Subscriptions(capture::EventLog& log, Tell tell) : log_(log), tell_(std::move(tell)) {}

  Result<std::unique_ptr<capture::StreamReader>> subscribe(Options options);
  /// For the committer, which adds what it releases.
  capture::Tail& tail() { return tail_; }
  /// Wakes all.
  void released();

 private:
  friend class Subscription;
  void end(std::uint64_t number, const Options& options);

  capture::EventLog& log_;
  Tell tell_;
  capture::Tail tail_;
  std::mutex mutex_;
  std::map<std::uint64_t, std::function<void()>> wake_;
  std::uint64_t last_ = 0;
};

}  // namespace weir::proxy
