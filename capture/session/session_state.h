// What the engine of one session is made of, and what the classes that decide work on. The parts keep their own rules;
// who decides has no state but this, and lives for one turn: ExtendedQuery, SimpleQuery and RunSteps take the client's
// messages, ServerAnswers and ServerErrors the database's, and CommitPoint, Planner, CapturedPortals and TransactionEnd
// are asked by them.
//
// Waiting works by coming back: a handler that cannot go on sends what it needs, sets `wait` and takes nothing. When
// the answers are in, the same frame is offered again and the handler finds the next thing to do. So every handler may
// be entered again: it is a list of conditions, and there is no state for "where were we" but what these look at.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "capture/session/block.h"
#include "capture/session/command_queue.h"
#include "capture/session/commit_questions.h"
#include "capture/session/copy_in.h"
#include "capture/session/gated_transaction.h"
#include "capture/session/own_exchange.h"
#include "capture/session/own_statements.h"
#include "capture/session/query_run.h"
#include "capture/session/retained.h"
#include "capture/session/row_events.h"
#include "capture/session/sender.h"
#include "capture/session/session.h"
#include "capture/session/session_catalog.h"
#include "capture/sql/statement_cache.h"
#include "wire/message.h"

namespace weir::capture {

/// One message of a peer, as far as it is there.
struct Frame {
  char type;
  std::size_t size;           ///< of the whole frame
  std::string_view received;  ///< what there is of it, header included
  bool whole() const { return received.size() == size; }
  std::string_view body() const { return received.substr(wire::kHeaderSize); }
};

/// What a handler did with the frame at the front: all there is of it (the rest of a long one is then passed through as
/// it comes), or nothing, because it is incomplete or must wait.
enum class Took : std::uint8_t { frame, nothing };

/// Frames above this are not read as a whole, only passed through: texts and parameters of that size are not captured.
constexpr std::size_t kLargestHeldFrame = 64u << 20;
/// The version from which on a Query may leave an implicit transaction open.
constexpr int kKeepsPipelines = 18;

enum class Wait : std::uint8_t { nothing, answers, journal };

/// The bytes of one peer.
struct Incoming {
  std::size_t skip = 0;        ///< bytes of a frame that is only passed through
  bool drops = false;          ///< these are not shown either
  bool is_broken = false;      ///< it sent a frame that cannot be; nothing behind it has a meaning
  std::size_t frame_size = 0;  ///< of the incomplete frame at the front, or 0
};

/// The client's message at hand.
struct AtHand {
  bool is_whole = false;
  bool will_be_whole = false;  ///< or can be waited for
  bool asks_alone = false;     ///< facts for it are asked for in an exchange of their own
  std::uint64_t own_text = 0;  ///< the number of one whose shape was refused
};

/// Whether the session is still known.
enum class Track : std::uint8_t {
  kept,
  lost,   ///< an answer made no sense: only relay from here on
  closed  ///< and what the client may not see could be among the rest: nothing more is shown
};

struct SessionState {
  explicit SessionState(const SessionOptions& options)
      : texts(options.statements),
        catalog(*options.settings, *options.catalog_epoch, options.clock, options.in_force),
        own(options.own_names),
        transaction(*options.gate, options.database, options.context, rules),
        question(options.questions) {}
  SessionState(const SessionState&) = delete;
  SessionState& operator=(const SessionState&) = delete;

  StatementCache* texts;
  Incoming client;
  Incoming upstream;
  Track track = Track::kept;
  Wait wait = Wait::nothing;
  AtHand at_hand;
  Rules rules;
  CommandQueue queue{rules};
  CopyIn copy{queue};
  Block block;
  SessionCatalog catalog;
  OwnStatements own;
  GatedTransaction transaction;
  RowEvents rows{transaction, catalog, queue};
  wire::RowView row;  ///< reused
  std::unique_ptr<QueryRun> run;
  ToldSettings told;
  Retained retained;
  OwnExchange question;
  CommitQuestions commit_questions = capture::commit_questions();
};

/// The session and the turn at hand: what every class that decides begins with.
class InTurn {
 public:
  InTurn(SessionState& session, wire::Turn& turn) : session_(session), turn_(turn) {}

 protected:
  using Plans = QueryRun::Plans;

  Sender send() const {
    return {turn_.to_upstream, session_.queue, session_.copy, session_.transaction, session_.catalog};
  }
  /// True when nothing is under way; else asks the server for its answers and waits.
  bool wait_for_answers() const;
  Took relay_client(const Frame& frame) const;
  Took relay_expecting(const Frame& frame, Pending pending) const;
  void relay_upstream(const Frame& frame) const;
  /// Something of what is under way is: maybe the last.
  void answered() const;
  bool runs_on() const { return session_.run && !session_.run->finished(); }

  SessionState& session_;
  wire::Turn& turn_;
};

/// The answers do not fit what was sent, or a part's rule did not hold: from here on the session is only relayed, and
/// what it had open is reported. Once it has had anything of Weir's own nobody can say what of the rest is, and it ends
/// instead.
void lose_track(std::string_view why, SessionState& session, wire::Turn& turn);
/// Behind each turn: where a rule did not hold the session loses track. What did not hold may be in what this turn was
/// to send, so where Weir has sent anything of its own nothing more goes.
void heed_rules(SessionState& session, wire::Turn& turn);
/// From PostgreSQL 18 on what was executed since the last Sync goes on behind a Query of one statement, or of none.
bool goes_on_behind_query(const SessionState& session);
bool goes_on_behind(const ParsedText& text, const SessionState& session);
/// A Sync behind a Query is not answered: it is not known whether what comes next can run.
bool may_be_in_limbo(const SessionState& session);
/// No transaction is open and nothing is under way.
bool is_idle(const SessionState& session);
/// Nothing more is known of the session: whoever waits for it hears so.
void leave(const char* why, SessionState& session);

}  // namespace weir::capture
