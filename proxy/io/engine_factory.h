// What the I/O side asks of the rest of Weir for each session: an engine, made from what the StartupMessage said.
//
// SessionHandle is how another thread (the journal's, for example) gets back to a session: post() may be called from
// any thread, at any time, also long after the session is gone (then nothing happens). The function runs on the
// session's own worker thread, gets the session's engine and a turn, and its turn's bytes are written; if it ended a
// stall, the client bytes kept meanwhile are offered to the engine again. Functions posted by one thread run in the
// order they were posted. A handle owns no session and may be copied freely.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "proxy/io/counter.h"
#include "wire/engine.h"

namespace weir::proxy {

class Mailbox;
class Session;

class SessionHandle {
 public:
  using Function = std::function<void(wire::Turn&)>;

  SessionHandle() = default;
  SessionHandle(std::shared_ptr<Mailbox> mailbox, std::weak_ptr<Session> session)
      : mailbox_(std::move(mailbox)), session_(std::move(session)) {}

  void post(Function function) const;
  /// On the session's own thread only: `function` is called there once all events at hand are handled and their bytes
  /// are sent, also when the session is gone by then.
  void at_rest(std::function<void()> function) const;

 private:
  std::shared_ptr<Mailbox> mailbox_;
  std::weak_ptr<Session> session_;  // locked on the worker's thread only, so that a session never dies elsewhere
};

/// What a session did, for the log and whoever looks. Written on its worker's thread.
struct SessionCounts {
  Counter client_bytes;               ///< received
  Counter upstream_bytes;             ///< received
  Counter transactions;               ///< committed, with captured changes
  Counter events;                     ///< of those
  std::atomic<bool> captured{false};  ///< its engine captures
};

struct SessionInfo {
  std::uint64_t id = 0;  ///< unique within one run of Weir
  unsigned worker = 0;   ///< 0 .. ServerOptions::workers - 1: the thread that this session lives on
  std::string user;
  std::string database;  ///< the user's name where the StartupMessage names none, as the server does it
  std::string application_name;
  std::string options;  ///< the StartupMessage's "options" (GUC settings on the command line), verbatim
  bool replication = false;
  std::string client;  ///< "10.0.0.7:51234"; "[local]" by a Unix socket
  /// It asked for the console's database (ServerOptions::console_database).
  bool console = false;
  /// The client answered what it was asked for, a password or the like, or showed this user's certificate.
  bool proved = false;
  std::optional<unsigned> local_user = {};  ///< by a Unix socket: the user of the machine at its other end
  SessionHandle handle;
  SessionCounts* counts = nullptr;  ///< the session's; outlives the engine
};

/// Called on the session's worker thread once the database has said AuthenticationOk; from then on the engine gets
/// every byte of both peers, the next message of the database first. Never called for logins that fail. The engine is
/// destroyed on the same thread, after upstream_gone().
using EngineFactory = std::function<std::unique_ptr<wire::Engine>(const SessionInfo&)>;

}  // namespace weir::proxy
