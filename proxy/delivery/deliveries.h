// All destinations of this Weir, each with its thread: opened and started, changed while others go on, paused, stopped.
//
// A change comes in two steps. prepare() does all that can fail: it opens what is new, checks what is to be opened
// anew, and gives new ones their places in the journal; nothing that runs is touched, and a Change that is destroyed
// leaves all as it was. carry_out() cannot fail: what is left out or changed gets kLongestLeave to confirm what is
// under way and ends, then the others begin where they were. One that is left out keeps its place in the journal, and
// so its events, until it comes back or forget(). What is paused stays so, over changes too, until this object ends.
//
// open(), start(), prepare(), carry_out(), forget() and stop() are for one thread; all else may come from any.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/notice.h"
#include "base/result.h"
#include "proxy/commit/committer.h"
#include "proxy/commit/subscriptions.h"
#include "proxy/counts/destination_counts.h"
#include "proxy/delivery/delivery.h"
#include "proxy/delivery/open_destination.h"
#include "proxy/settings/settings.h"

namespace weir::proxy {

class Deliveries {
 public:
  static constexpr std::chrono::milliseconds kLongestLeave{5'000};

  struct Options {
    std::string instance;  ///< of the journal
    std::string journal;   ///< what it is called in messages: its path
    Tell tell = [](const Notice&) {};
    /// The only destination is a stdout that nobody reads any more; on its thread, once; may be empty.
    std::function<void()> on_output_gone = {};
    /// Makes who is told up to where a destination of this name and kind has everything; may be empty.
    std::function<std::function<void(event::Position)>(const std::string& name, const std::string& kind)> tell_durable =
        {};
  };
  class Change;

  /// `subscriptions` outlive it.
  Deliveries(Subscriptions& subscriptions, Options options)
      : subscriptions_(subscriptions), options_(std::move(options)) {}
  ~Deliveries();

  /// All of a start, before the committer is there.
  Result<void> open(const Settings& settings);
  /// They begin. The committer outlives their threads.
  void start(Committer& committer);
  std::vector<std::string> names() const;

  Result<std::unique_ptr<Change>> prepare(const Settings& settings);
  void carry_out(std::unique_ptr<Change> change);
  /// The journal keeps nothing more for one that was left out. 42704: there is none; 55000: it is in use.
  Result<void> forget(const std::string& name);

  /// 42704: there is no such destination.
  Result<void> pause(const std::string& name, bool is_paused);
  /// It has everything up to here. 42704: there is no such destination.
  Result<event::Position> stands(const std::string& name) const;
  /// A stretch of the stream (delivery.h).
  Result<void> send_again(const std::string& name, Delivery::Again again);
  /// Each has something to look after.
  void wake();
  /// Those that run, and those that were left out.
  std::vector<DestinationCounts::Value> values() const;
  /// They confirm what is under way, and begin no more.
  void leave(std::chrono::milliseconds at_most);
  /// True: they have everything.
  bool stop(std::chrono::milliseconds at_most);

 private:
  struct Running {
    DestinationSpec spec;
    std::unique_ptr<Delivery> delivery;
  };
  struct Begin {
    DestinationSpec spec;
    std::string before;      // its name until now; empty: it did not run
    OpenDestination opened;  // without an emitter: to be opened late
  };
  using Counts = std::shared_ptr<DestinationCounts>;

  Result<Running> make(const DestinationSpec& spec, OpenDestination opened, Counts counts);
  DeliveryLoop::Sinks sinks_of(const std::string& name, Counts counts);
  const Running* find(const std::string& name) const;
  Running take(const std::string& name);
  void put(Running one);
  void end_all(const Change& change);
  void replace(Change& change, Begin& begin);
  void leave_out(Running one);
  Counts take_counts(const std::string& before, const std::string& name);
  void rename_paused(const std::string& before, const std::string& name);
  void tell(Notice::Level level, const std::string& text) { options_.tell({level, text}); }

  Subscriptions& subscriptions_;
  const Options options_;
  // Of the one thread that changes them.
  Committer* committer_ = nullptr;
  std::atomic<std::size_t> count_ = 0;
  std::atomic<bool> gone_told_ = false;
  mutable std::mutex mutex_;  // of what follows, which only that thread changes
  std::vector<Running> running_;
  std::map<std::string, Counts> left_;  // out
  std::set<std::string> paused_;
};

/// What a change does to each destination; made by prepare().
class Deliveries::Change {
 public:
  explicit Change(Committer& committer) : committer_(committer) {}
  ~Change();
  Change(const Change&) = delete;
  Change& operator=(const Change&) = delete;

 private:
  friend class Deliveries;

  Committer& committer_;
  std::vector<Begin> begin_;
  std::vector<std::string> left_out_;
  capture::command::ChangeDestinations places_;  // that were noted
  std::map<std::string, event::Position> checkpoints_;
  bool noted_ = false;
};

}  // namespace weir::proxy
