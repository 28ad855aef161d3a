// One destination's thread. It does what its DeliveryLoop says and decides nothing itself.
//
// wake() may be called from any thread; it is how the journal's thread says that something was released. stop() gives
// the destination so long to take what was released before it, closes it and joins the thread.
// What is sent again (replay.h) goes between two transactions, once the destination has all that was begun: it is
// closed and opened anew for it, and again for what comes behind. Its checkpoint stays where it is meanwhile.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "proxy/commit/committer.h"
#include "proxy/delivery/delivery_loop.h"
#include "proxy/delivery/lag_reminder.h"
#include "proxy/delivery/open_destination.h"
#include "proxy/delivery/replay.h"

namespace weir::proxy {

class Delivery {
 public:
  /// `format` is null where the destination wants events.
  Delivery(std::unique_ptr<emitters::Emitter> emitter, std::unique_ptr<emitters::Format> format,
           DeliveryLoop::Sinks sinks, std::chrono::milliseconds pace = std::chrono::milliseconds(0))
      : name_(emitter->name()),
        wants_events_(format == nullptr),
        emitter_(std::move(emitter)),
        format_(std::move(format)),
        sinks_(std::move(sinks)),
        pace_(pace) {}
  ~Delivery() { stop(std::chrono::milliseconds(0)); }
  Delivery(const Delivery&) = delete;
  Delivery& operator=(const Delivery&) = delete;

  /// Reads from here. Before start(); may be woken from now on.
  void attach(std::unique_ptr<capture::StreamReader> reader) { reader_ = std::move(reader); }
  /// `after`: the last position that the destination has; `newest`: the stream's at the start.
  void start(event::Position after, event::Position newest);
  void wake();
  /// Nothing is offered from here on, until it is resumed; what was offered is still confirmed. Not remembered beyond
  /// this run.
  void pause(bool is_paused);
  /// Gives the destination so long to confirm what is under way, and begins nothing more; what is left waits in the
  /// journal. stop() then waits for it, and is true where all of that was confirmed.
  void leave(std::chrono::milliseconds at_most);
  /// How it is opened anew, and its format, for events of these tables (none: all).
  using OpenAnew = std::function<OpenDestination(const std::vector<std::string>& tables)>;
  void open_anew_with(OpenAnew open_anew) { repetition_.open_anew = std::move(open_anew); }
  struct Again {
    Replay what;
    std::unique_ptr<capture::StreamReader> stream;
    std::function<void(event::Position)> done_through = [](event::Position) {};  ///< it has so much of it
  };
  /// Any thread; what becomes of it is told. Fails where another one is under way (55000).
  Result<void> send_again(Again again);
  /// So that several can end at the same time: ask all, then stop all.
  void ask_to_stop(std::chrono::milliseconds at_most);
  /// True: the destination has everything.
  bool stop(std::chrono::milliseconds at_most);
  const std::string& name() const { return name_; }
  bool wants_events() const { return wants_events_; }
  /// Behind stop(): the destination has everything up to here.
  event::Position durable() const { return durable_; }
  /// Null where nobody counts.
  const std::shared_ptr<DestinationCounts>& counts() const { return sinks_.counts; }

 private:
  using Clock = DeliveryLoop::Clock;

  void run(DeliveryLoop::Start start);
  void work(DeliveryLoop& loop, const std::function<bool()>& is_done);
  bool close(DeliveryLoop& loop);
  bool may_send_again(DeliveryLoop& loop);
  Again take_again();
  void drop_again();
  void run_again(event::Position stands);
  Result<void> send_through(Again again, event::Position to);
  bool takes_it_twice();
  void open_anew(const std::vector<std::string>& tables);
  void tell(DeliveryLoop& loop);
  bool is_over(DeliveryLoop& loop);
  bool rest_paused(DeliveryLoop& loop);
  void look_at_next(const DeliveryLoop& loop);
  void remind();
  void follow(DeliveryLoop& loop, DeliveryLoop::Next next);
  void sleep(std::chrono::microseconds at_most, std::size_t releases);

  const std::string name_;
  const bool wants_events_;
  std::unique_ptr<emitters::Emitter> emitter_;  // of the thread, once it is started; the format too
  std::unique_ptr<emitters::Format> format_;
  std::unique_ptr<capture::StreamReader> reader_;
  DeliveryLoop::Sinks sinks_;
  const std::chrono::milliseconds pace_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::size_t released_ = 0;         // calls of wake() that the loop has not heard of
  std::size_t releases_wanted_ = 0;  // so many end the thread's sleep; 0: it does not sleep, or not for them
  std::optional<Clock::time_point> stop_at_;
  bool leaving_ = false;
  bool paused_ = false;
  struct Repetition {
    OpenAnew open_anew;
    std::optional<Again> asked_for;
    bool is_on = false;  // asked for, or under way
  };
  Repetition repetition_;
  LagReminder reminder_;
  bool complete_ = false;
  event::Position durable_ = 0;
  std::thread thread_;
};

/// As it was opened at first, late where it cannot be at once.
Delivery::OpenAnew opens_anew(const DestinationSpec& spec, const std::string& instance, bool wants_events);

}  // namespace weir::proxy
