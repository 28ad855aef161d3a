// The syncer's thread: makes the log durable, one sync for all that wait, while the database commits. Whoever must wait
// says for which place of the log, and is called on the syncer's thread when it is durable.
//
// While syncs fail nothing becomes durable, and nobody is told; it is tried again and again. Any thread may call
// everything but start and stop.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/notice.h"
#include "capture/journal/event_log.h"
#include "proxy/counts/histogram.h"

namespace weir::proxy {

class Syncer {
 public:
  /// `on_synced` is called after each sync that succeeded, on the syncer's thread, and so is `tell`. The log outlives
  /// the syncer.
  explicit Syncer(
      capture::EventLog& log, std::function<void()> on_synced, Tell tell = [](const Notice&) {},
      Histogram* times = nullptr)
      : log_(log), on_synced_(std::move(on_synced)), tell_(std::move(tell)), times_(times) {}
  ~Syncer() { stop(); }
  Syncer(const Syncer&) = delete;
  Syncer& operator=(const Syncer&) = delete;

  void start();
  /// Syncs what was asked for, once, and ends. What waits still is not called any more.
  void stop();

  /// The log is to be durable up to here, soon.
  void want(capture::Place end);
  /// Why the last sync failed; empty: it did not.
  std::string trouble() const;
  /// True: it is, and `durable` is not called.
  bool is_durable_or_tell(capture::Place end, std::function<void()> durable);

 private:
  struct Waiting {
    capture::Place end;
    std::function<void()> durable;
  };

  void run();
  bool sync();
  void tell();
  void show_trouble(const std::string& trouble);

  capture::EventLog& log_;
  std::function<void()> on_synced_;
  Tell tell_;
  Histogram* times_;  // how long syncs take; null: nobody asks
  bool trouble_told_ = false;
  mutable std::mutex trouble_mutex_;
  std::string trouble_;

  std::atomic<capture::Place> wanted_{0};
  std::atomic<bool> sleeping_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Waiting> waiting_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace weir::proxy
