// Finds out how transactions in doubt ended: after a crash of Weir, or when a session lost the database behind its
// COMMIT.
//
// One thread that asks until it knows, over side connections (libpq.h), or where it cannot log in in the sessions of
// clients; the question itself is inquiry.h. While nobody can be asked it tries again, ever more slowly; while a
// transaction is in progress it asks again soon. What nobody can know any more is given up: it becomes gap events that
// say how many rows of which tables it concerns.
// add() may be called from any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "capture/gate.h"
#include "capture/journal.h"
#include "proxy/client_sessions.h"
#include "proxy/command.h"
#include "proxy/inquiry.h"
#include "proxy/libpq.h"

namespace weir::proxy {

class Resolver {
 public:
  struct Options {
    Upstream upstream;
    Credentials credentials;                   ///< empty fields: the transaction's own user and database
    const ClientSessions* sessions = nullptr;  ///< outlive the resolver; null: there are none
    std::function<void(std::int64_t id, capture::Outcome outcome)> resolve;
    std::function<void(std::int64_t id, std::vector<event::ChangeEvent> gaps)> give_up;
  };

  Resolver(Options options, std::unique_ptr<capture::JournalReader> reader);
  ~Resolver() { stop(); }
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  void start();
  void add(std::vector<Doubt> doubts);
  /// Returns when nothing is in doubt any more, or when the time is over.
  void drain(std::chrono::milliseconds at_most);
  /// Waits for a question under way, at most as long as a connection takes to fail. Returns how many transactions are
  /// in doubt still: they are asked about at the next start.
  std::size_t stop();

 private:
  using Clock = std::chrono::steady_clock;
  struct Open {
    Doubt doubt;
    Clock::time_point ask_at;
    std::chrono::milliseconds delay;
    Clock::time_point tell_at;  ///< when it is said that it is still in progress
  };
  using Place = std::pair<std::string, std::string>;  // user, database

  void run();
  void ask_due();
  bool ask(Open& open);
  bool ask(Open& open, Questions& questions);
  Result<SideConnection*> connection_for(const event::Transaction& transaction);
  bool end(Open& open, const Verdict& verdict);
  void tell_in_progress(Open& open);
  Result<std::vector<event::ChangeEvent>> gaps_of(const event::Transaction& transaction);
  void complain(const event::Transaction& transaction, const Error& error);
  std::string upstream_text() const;

  Options options_;
  std::unique_ptr<capture::JournalReader> reader_;
  std::map<Place, SideConnection> connections_;
  std::vector<Open> open_;
  Clock::time_point complained_at_{};
  bool complained_ = false;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  std::vector<Doubt> added_;
  bool busy_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace weir::proxy
