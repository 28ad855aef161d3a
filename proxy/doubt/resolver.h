// Finds out how transactions in doubt ended: after a crash of Weir, or when a session lost the database behind its
// COMMIT.
//
// One thread that asks until it knows, over a side connection (libpq.h) to any database of the cluster, or where it
// cannot log in in the sessions of clients (askable_sessions.h); the question itself is outcome_lookup.h. While nobody
// can be asked it tries again, ever more slowly; while a transaction is in progress it asks again soon. What nobody can
// know any more is given up: it becomes gap events that say how many rows of which tables it concerns. add() may be
// called from any thread.
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

#include "base/notice.h"
#include "capture/gate.h"
#include "capture/journal/stream_command.h"
#include "proxy/doubt/askable_sessions.h"
#include "proxy/doubt/libpq.h"
#include "proxy/doubt/outcome_lookup.h"

namespace weir::proxy {

class Resolver {
 public:
  struct Options {
    Upstream upstream;
    Credentials credentials;              ///< empty fields: the transactions' own users and databases
    AskableSessions* sessions = nullptr;  ///< outlive the resolver; null: there are none
    /// What was seen of the server. Outlives the resolver.
    std::function<ServerRuns&()> runs;
    std::function<void(std::int64_t id, capture::Outcome outcome)> resolve;
    std::function<void(std::int64_t id, std::vector<event::ChangeEvent> gaps)> give_up;
    /// How many transactions that committed wait for those in doubt; for the log.
    std::function<std::size_t()> waiting = [] { return std::size_t{0}; };
    /// How often it is said what waits, and how long a transaction may be in progress before that.
    std::chrono::milliseconds remind_every = std::chrono::minutes(1);
    std::chrono::milliseconds remind_after = std::chrono::seconds(10);
    Tell tell = [](const Notice&) {};  ///< on the resolver's thread
  };

  Resolver(Options options, std::unique_ptr<capture::JournalReader> reader);
  ~Resolver() { stop(); }
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  struct Doubts {
    std::size_t transactions = 0;
    std::int64_t oldest_us = 0;  ///< when the oldest was written, since the epoch; 0: there is none
    std::string reason;          ///< why nobody has answered yet; may be empty
  };

  void start();
  /// What is in doubt now. Any thread.
  Doubts doubts() const;
  void add(std::vector<capture::Doubt> doubts);
  /// Returns when nothing is in doubt any more, or when the time is over.
  void drain(std::chrono::milliseconds at_most);
  /// Waits for a question under way, at most as long as a connection takes to fail. Returns how many transactions are
  /// in doubt still: they are asked about at the next start.
  std::size_t stop();

 private:
  using Clock = std::chrono::steady_clock;
  struct Open {
    capture::Doubt doubt;
    Clock::time_point since;
    Clock::time_point ask_at;
    std::chrono::milliseconds delay;
    bool ended = false;
  };

  void run();
  void ask_due();
  Result<void> ask_about(const std::vector<Open*>& due);
  Result<void> ask_about(const std::vector<Open*>& due, AskableDatabase& database);
  Result<void> connect();
  std::vector<Credentials> places_to_log_in() const;
  bool end(Open& open, const Verdict& verdict);
  bool give_up(Open& open, const Verdict& verdict);
  Result<std::vector<event::ChangeEvent>> gaps_of(const event::Transaction& transaction);
  void remind();
  void show();
  std::string reason() const;
  std::string upstream_text() const;

  Options options_;
  std::unique_ptr<capture::JournalReader> reader_;
  std::optional<SideConnection> connection_;
  std::vector<Open> open_;
  std::optional<Error> trouble_;  // why the last question was not answered
  std::optional<Clock::time_point> reminded_at_;

  mutable std::mutex shown_mutex_;
  Doubts shown_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  std::vector<capture::Doubt> added_;
  bool busy_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace weir::proxy
