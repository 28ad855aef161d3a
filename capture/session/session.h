// One client's session as PostgreSQL's server sees it: which statements run in which transaction, which rows they
// wrote, when a commit is about to be sent, and what became of it. Rewrites writes so that their rows can be seen and
// removes every trace from the answers. An Engine: see wire/engine.h for the contract of bytes.
//
// Owned by its proxy session, used on that session's thread only. Talks to the journal through CommitGate.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "capture/event/change_event.h"
#include "capture/gate.h"
#include "wire/engine.h"

namespace weir::capture {

class StatementCache;
struct CaptureSettings;
class SettingsInForce;

class QuestionSource;

struct SessionOptions {
  StatementCache* statements = nullptr;       ///< of this worker; outlives the session
  const CaptureSettings* settings = nullptr;  ///< which tables are captured, and how; outlives the session
  /// Where that may change while the session lives: `settings` is the first of these. Null: it stays.
  const SettingsInForce* in_force = nullptr;
  CommitGate* gate = nullptr;  ///< outlives the session
  /// Counts DDL seen by any session: what they know of the catalog is then asked anew. Outlives the session.
  std::atomic<std::uint64_t>* catalog_epoch = nullptr;
  QuestionSource* questions = nullptr;  ///< null: there are none; outlives the session
  /// A clock that only goes forward; without one what the catalog said does not age.
  std::function<std::chrono::milliseconds()> clock;
  /// How the statements and portals that the session makes for itself are called in front: so that neither its client
  /// nor another session has the same, where a pooler gives both the same backend.
  std::string own_names = "weir:";
  std::string database;  ///< from the StartupMessage
  event::Context context;
};

/// What Weir itself wants to know of the database: one statement that only reads. The client's search_path and role
/// hold, so every name and operator in it is schema-qualified.
struct Question {
  using Row = std::vector<std::optional<std::string>>;
  std::string sql;
  std::vector<std::string> parameters;  ///< as text
  /// Called once, on the session's thread. An error has the server's SQLSTATE, or none where the session ended first.
  std::function<void(Result<std::vector<Row>>)> answered;
};

/// Questions that wait for a session in which they can be asked. Any thread may ask it.
class QuestionSource {
 public:
  virtual ~QuestionSource() = default;
  /// Cheap: sessions look whenever a transaction has ended, and when they have just logged in.
  virtual bool has_question() const = 0;
  virtual std::optional<Question> take_question() = 0;
};

/// An engine that starts with the bytes the database sends after AuthenticationOk.
class CaptureEngine : public wire::Engine {
 public:
  /// The answer to CommitGate::prepare that comes later; on an error the commit is refused with its SQLSTATE. Its
  /// turn's bytes are sent.
  virtual void on_prepared(Result<void> result, wire::Turn& turn) = 0;
  /// CommitGate::may_be_told is true now: what the database said of the commit, and all behind it, can be shown.
  virtual void on_durable() = 0;
  /// Asks between two transactions of the client, in one of its own; what the client sends meanwhile waits. False where
  /// the session does not stand there: `question` is as it was. Texts must be ASCII: the client's encoding holds.
  virtual bool ask(Question& question, wire::Turn& turn) = 0;
};

std::unique_ptr<CaptureEngine> make_session(const SessionOptions& options);

}  // namespace weir::capture
