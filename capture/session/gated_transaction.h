// The open transaction and what the gate knows of it: from the announcement of its first captured statement to the one
// outcome that it has. Knows nothing of messages, portals or the catalog. Used on its session's thread.
//
// Rules: every id that the gate gave has one outcome. Nothing is appended or cut between prepare and reopen. No
// transaction is prepared of which an event lacks its version or the whole its id. Where a rule would not hold the gate
// is not called.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "capture/event/change_event.h"
#include "capture/gate.h"
#include "capture/session/rules.h"
#include "capture/session/transaction.h"

namespace weir::capture {

class GatedTransaction {
 public:
  GatedTransaction(CommitGate& gate, std::string database, event::Context context, Rules& rules)
      : gate_(&gate), database_(std::move(database)), context_(std::move(context)), rules_(&rules) {}

  /// What was written. Of it rolled back, taken back and handed out is by the functions below only.
  OpenTransaction& written() { return written_; }
  const OpenTransaction& written() const { return written_; }
  /// Rows were written whose events come when the statement has ended.
  void expect_more() { expects_more_ = true; }
  OpenTransaction::RolledBack rollback_to(std::string_view savepoint);
  /// What was given out of a statement from this ordinal on is not so.
  void take_back(std::uint32_t first_ordinal);
  /// A transaction of any size takes bounded memory: its events go to the journal as they come.
  void stream_if_large();

  /// The gate hears of a transaction before its first captured statement is sent. Until it has ended, what the stream
  /// promises ("no event with an lsn up to here any more") stays below what that statement may write.
  void announce();
  bool is_announced() const { return id_ != 0; }

  /// There is something to commit: events, or what the journal has to hear of once more.
  bool has_something() const { return !written_.empty() || reopened_; }
  /// Something is to be committed that was not yet sent to be.
  bool waits_for_commit() const { return (has_something() || expects_more_) && !is_sent(); }
  bool is_open() const { return commit_ == Commit::open; }
  bool is_prepared() const { return commit_ == Commit::prepared; }
  bool is_refused() const { return commit_ == Commit::refused; }
  bool is_sent() const { return commit_ == Commit::sent; }
  const Error& refusal() const { return refusal_; }

  /// True where the gate has answered at once; else `prepared` comes later.
  bool prepare();
  /// False where nobody waits for it any more.
  bool prepared(const Result<void>& result);
  /// What commits what was prepared is sent; without anything prepared nothing changes.
  void sent();
  /// What is sent may commit by itself and then go on, in a pipeline: what comes next waits until that is known.
  void sent_by_itself(bool may_go_on);
  bool commits_itself() const { return commits_itself_; }
  void forget_commits_itself() { commits_itself_ = false; }
  /// What was to commit failed, or was none, and the block is still there.
  void reopen();
  /// Behind reopen, where something was rolled back that nobody saw: of what was prepared nobody knows what stands.
  void doubt_prepared();
  /// `goes_on`: captured statements of the next transaction are under way.
  void ended(Outcome outcome, bool goes_on);
  /// Nothing more is known of the session.
  void lost();
  /// One gap by itself, behind all that this session committed before.
  void report(std::string cause);

  /// From the gate's question to the commit's answer: what the client is shown before goes along with that.
  bool gathers() const { return gathers_; }
  void stop_gathering() { gathers_ = false; }
  /// What may tell the client that it committed, while a crash of the machine could still take its events away, stays
  /// where it is until `durable`.
  bool must_hold();
  bool holds() const { return holds_; }
  void durable() { holds_ = false; }

  /// The server's run, as it is kept with transactions that wrote a logged table, and with the others.
  void set_server_run(std::string logged, std::string unlogged);
  void set_application_name(std::string_view name) { context_.application_name = name; }
  bool outcome_is_unknown() const { return is_sent() && !commits_itself_; }

 private:
  enum class Commit : std::uint8_t { open, preparing, prepared, refused, sent };

  event::Transaction described() const;
  event::Transaction described_report() const;
  bool may_change();
  void truncate(std::uint32_t first_ordinal);
  void conclude(std::int64_t& id, Outcome outcome);
  void report_uncontrolled();

  CommitGate* gate_;
  std::string database_;
  event::Context context_;
  std::string run_of_logged_;  // empty: not asked yet
  std::string run_of_unlogged_;
  Rules* rules_;
  OpenTransaction written_;
  event::Lsn last_lsn_ = 0;   // of the transactions before it
  std::int64_t id_ = 0;       // 0: the gate does not know of it yet
  std::int64_t next_id_ = 0;  // of the transaction behind the one whose commit is on its way
  Error refusal_;
  Commit commit_ = Commit::open;
  bool expects_more_ = false;
  bool reopened_ = false;  // the journal has it as prepared before it went on
  bool commits_itself_ = false;
  bool gathers_ = false;
  bool holds_ = false;
};

}  // namespace weir::capture
