// One destination's thread. It does what its DeliveryLoop says and decides nothing itself.
//
// wake() may be called from any thread; it is how the journal's thread says that something was released. stop() gives
// the destination so long to take what was released before it, closes it and joins the thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "proxy/commit/committer.h"
#include "proxy/delivery/delivery_loop.h"
#include "proxy/delivery/lag_reminder.h"

namespace weir::proxy {

class Delivery {
 public:
  /// `format` is null where the destination wants events.
  Delivery(std::unique_ptr<emitters::Emitter> emitter, std::unique_ptr<emitters::Format> format,
           DeliveryLoop::Sinks sinks, std::chrono::milliseconds pace = std::chrono::milliseconds(0))
      : emitter_(std::move(emitter)), format_(std::move(format)), sinks_(std::move(sinks)), pace_(pace) {}
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
  /// So that several can end at the same time: ask all, then stop all.
  void ask_to_stop(std::chrono::milliseconds at_most);
  /// True: the destination has everything.
  bool stop(std::chrono::milliseconds at_most);
  const std::string& name() const { return emitter_->name(); }
  bool wants_events() const { return format_ == nullptr; }
  /// Behind stop(): the destination has everything up to here.
  event::Position durable() const { return durable_; }
  /// Null where nobody counts.
  const std::shared_ptr<DestinationCounts>& counts() const { return sinks_.counts; }

 private:
  using Clock = DeliveryLoop::Clock;

  void run(DeliveryLoop::Start start);
  void tell(DeliveryLoop& loop);
  bool is_over(DeliveryLoop& loop);
  bool rest_paused(DeliveryLoop& loop);
  void remind();
  void follow(DeliveryLoop& loop, DeliveryLoop::Next next);
  void sleep(std::chrono::microseconds at_most, std::size_t releases);

  std::unique_ptr<emitters::Emitter> emitter_;
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
  LagReminder reminder_;
  bool complete_ = false;
  event::Position durable_ = 0;
  std::thread thread_;
};

}  // namespace weir::proxy
