#include "capture/session/gated_transaction.h"

#include <algorithm>

#include "capture/event/gap_cause.h"

namespace weir::capture {
namespace {

/// Events kept in a session before they are streamed to the journal.
constexpr std::size_t kLargestKeptBytes = 1u << 20;
/// And where they wait for the name of a table, which is asked for before the commit.
constexpr std::size_t kMostUnnamedBytes = 32u << 20;

}  // namespace

void GatedTransaction::announce() {
  std::int64_t& id = is_sent() ? next_id_ : id_;
  if (id == 0) id = gate_->open();
}

/// What the gate has of it may be added to, or cut.
bool GatedTransaction::may_change() {
  return rules_->require(commit_ == Commit::open, "nothing is appended or cut between prepare and reopen");
}

void GatedTransaction::truncate(std::uint32_t first_ordinal) {
  if (id_ != 0 && may_change()) gate_->truncate(id_, first_ordinal);
}

OpenTransaction::RolledBack GatedTransaction::rollback_to(std::string_view savepoint) {
  const OpenTransaction::RolledBack back = written_.rollback_to(savepoint);
  if (!back.known) written_.make_gaps(to_text(event::GapCause::unseen_savepoint));
  truncate(back.first_ordinal);
  return back;
}

void GatedTransaction::take_back(std::uint32_t first_ordinal) {
  written_.take_back(first_ordinal);
  truncate(first_ordinal);
}

void GatedTransaction::stream_if_large() {
  if (written_.bytes() >= kMostUnnamedBytes) written_.give_up_names();
  if (written_.bytes() < kLargestKeptBytes || written_.incomplete() || !may_change()) return;
  announce();
  gate_->append(id_, written_.take_events());
}

event::Transaction GatedTransaction::described() const {
  event::Transaction described;
  described.id = id_;
  described.xid = written_.xid();
  described.database = database_;
  described.first_lsn = written_.first_lsn();
  described.last_lsn = written_.last_lsn();
  described.event_count = written_.event_count();
  described.server_run = written_.logged() ? run_of_logged_ : run_of_unlogged_;
  described.context = context_;
  return described;
}

/// What is reported after the fact comes behind all that this session committed before.
event::Transaction GatedTransaction::described_report() const {
  event::Transaction report = described();
  if (report.last_lsn == 0 && last_lsn_ != 0) report.first_lsn = report.last_lsn = last_lsn_ + 1;
  return report;
}

bool GatedTransaction::prepare() {
  const bool may = rules_->require(commit_ == Commit::open, "a transaction is prepared once") &&
                   rules_->require(!written_.incomplete(), "no incomplete transaction is prepared");
  if (!may) return false;
  announce();
  commit_ = Commit::preparing;
  gathers_ = true;
  const event::Transaction whole = described();
  const std::optional<Result<void>> answer = gate_->prepare(whole, written_.take_events());
  return answer && prepared(*answer);
}

bool GatedTransaction::prepared(const Result<void>& result) {
  if (commit_ != Commit::preparing) return false;
  commit_ = result ? Commit::prepared : Commit::refused;
  if (!result) refusal_ = result.error();
  return true;
}

void GatedTransaction::sent() {
  if (commit_ == Commit::prepared) commit_ = Commit::sent;
}

void GatedTransaction::sent_by_itself(bool may_go_on) {
  commits_itself_ = may_go_on && is_sent();
  gathers_ = gathers_ && !commits_itself_;
}

void GatedTransaction::reopen() {
  if (!rules_->require(is_sent(), "what is reopened was sent to be committed")) return;
  commit_ = Commit::open;
  reopened_ = true;
  gathers_ = false;
  gate_->reopen(id_);
  if (next_id_ != 0) conclude(next_id_, Outcome::aborted);
}

void GatedTransaction::doubt_prepared() {
  if (!reopened_) return;
  truncate(1);
  written_.forget_events();
  event::ChangeEvent gap;
  gap.op = event::Op::gap;
  gap.fidelity = event::Fidelity::statement;
  gap.cause = to_text(event::GapCause::unseen_savepoint);
  written_.add(std::move(gap));
}

void GatedTransaction::conclude(std::int64_t& id, Outcome outcome) {
  gate_->outcome(std::exchange(id, 0), outcome);
}

void GatedTransaction::ended(Outcome outcome, bool goes_on) {
  gathers_ = false;
  // Where all of it was taken back there is nothing to tell.
  const bool told = (is_prepared() || is_sent()) && !written_.empty();
  if (id_ != 0) conclude(id_, told ? outcome : Outcome::aborted);
  // Behind what was prepared, or where nothing could be.
  if (outcome != Outcome::aborted && !written_.events().empty()) report_uncontrolled();
  last_lsn_ = std::max(last_lsn_, written_.last_lsn());
  written_ = {};
  expects_more_ = reopened_ = commits_itself_ = false;
  rules_->require(id_ == 0, "every id of the gate has one outcome");
  id_ = std::exchange(next_id_, 0);
  commit_ = Commit::open;
  // What is under way now belongs to the next transaction.
  if (goes_on) announce();
}

/// It committed where Weir could not hold it: after the fact all that can be said is what was missed.
void GatedTransaction::report_uncontrolled() {
  const event::Transaction described = described_report();
  written_.give_up_names();
  written_.make_gaps(to_text(event::GapCause::not_held));
  for (event::ChangeEvent& gap : written_.take_events()) gate_->report(described, std::move(gap));
}

void GatedTransaction::report(std::string cause) {
  event::ChangeEvent gap;
  gap.op = event::Op::gap;
  gap.cause = std::move(cause);
  gap.ordinal = written_.event_count() + 1;
  gap.statement_order = written_.statement() + 1;
  gate_->report(described_report(), std::move(gap));
}

void GatedTransaction::lost() {
  gathers_ = false;
  const Outcome outcome = is_sent() ? Outcome::unknown : Outcome::aborted;
  if (id_ != 0) conclude(id_, outcome);
  if (next_id_ != 0) conclude(next_id_, Outcome::aborted);
}

bool GatedTransaction::must_hold() {
  if (!is_sent()) return false;
  holds_ = !gate_->may_be_told(id_);
  return holds_;
}

void GatedTransaction::set_server_run(std::string logged, std::string unlogged) {
  run_of_logged_ = std::move(logged);
  run_of_unlogged_ = std::move(unlogged);
}

}  // namespace weir::capture
