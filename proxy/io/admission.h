// Who may come in: how many clients there may be, how many of them may be logging in at once, and how many there may be
// of one address. So neither silent sockets nor one busy client keep everybody else out, and descriptors never run out.
//
// A Ticket stands for one accepted socket, from accept to close, and gives its places back when it is destroyed. Limits
// of clients are judged at the StartupMessage (begin_session), because a client understands no error before it. Logins
// are judged before the accept: where all their places are taken, the listener leaves clients in the kernel's queue,
// and the oldest login that has kept its place for longer than its stage needs gives way (take_victim). No clock, no
// I/O, no thread of its own; may be used by all threads, each Ticket by one at a time. Outlives its tickets.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace weir::proxy {

/// 0: as many as descriptors allow; of connections_per_client: no limit.
struct ConnectionLimits {
  std::uint64_t connections = 0;
  std::uint64_t logins = 0;
  std::uint64_t connections_per_client = 0;
};

/// What descriptors allow of `wanted`, with no zero left but that of connections_per_client. A client needs two
/// descriptors, and so may a login; `kept_free` of `allowed` stay for everything else that is opened later.
ConnectionLimits fit_limits(const ConnectionLimits& wanted, std::uint64_t allowed, std::uint64_t in_use,
                            std::uint64_t kept_free);

class Admission {
 public:
  using Clock = std::chrono::steady_clock;

  enum class Verdict { welcome, too_many, too_many_of_address };

  /// How far a login has come. Later stages may keep their place for longer (kPatience in the source).
  enum class Stage {
    silent,          ///< nothing was received: what a client sends comes right behind its connect
    negotiating,     ///< its first message, TLS
    authenticating,  ///< the database may wait for its password
    refused,         ///< it has been told, and is to close
    connecting,      ///< it waits for the database, not the other way round: never gives way
  };

 private:
  struct Login {
    Clock::time_point since;
    Stage stage = Stage::silent;
    bool chosen = false;
    std::function<void()> give_way;
  };

 public:
  class Ticket {
   public:
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;
    ~Ticket();

    /// Judged at the StartupMessage; welcome takes a client's place for as long as the ticket lives.
    Verdict begin_session(const std::string& address);
    void enter(Stage stage);
    /// The place among the logins is free again.
    void logged_in();
    /// How whoever holds the ticket is asked to give way; called on the listener's thread.
    void on_victim(std::function<void()> give_way);

   private:
    friend class Admission;
    explicit Ticket(Admission& admission) : admission_(admission) {}

    Admission& admission_;
    std::list<Login>::iterator login_;
    bool logging_in_ = true;
    bool has_place_ = false;
    std::string address_;
  };

  explicit Admission(const ConnectionLimits& limits) : limits_(limits) {}

  /// Null where all places for logins are taken.
  std::unique_ptr<Ticket> open(Clock::time_point now);
  /// The login that has to give way, by what its holder said to on_victim; empty where all may stay.
  std::function<void()> take_victim(Clock::time_point now);
  ConnectionLimits limits() const;
  /// For those that come from now on; nobody who has a place loses it.
  void change(const ConnectionLimits& limits);

 private:
  ConnectionLimits limits_;
  mutable std::mutex mutex_;
  std::list<Login> logins_;  // the oldest first
  std::uint64_t connections_ = 0;
  std::map<std::string, std::uint64_t> of_address_;
};

}  // namespace weir::proxy
