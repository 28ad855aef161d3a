#include "capture/session/simple_query.h"

#include <algorithm>

#include "capture/session/captured_portals.h"
#include "capture/session/commit_point.h"
#include "capture/session/planner.h"
#include "capture/session/run_steps.h"
#include "capture/sql/plain_read.h"

namespace weir::capture {
namespace {

bool any_of_kind(const ParsedText& text, std::initializer_list<StatementKind> kinds) {
  return std::any_of(text.statements.begin(), text.statements.end(), [kinds](const Statement& statement) {
    return std::find(kinds.begin(), kinds.end(), statement.kind) != kinds.end();
  });
}

bool any_reads_portal(const ParsedText& text) {
  return std::any_of(text.statements.begin(), text.statements.end(),
                     [](const Statement& statement) { return statement.fetch || statement.move; });
}

bool any_needs_plan(const ParsedText& text) {
  return std::any_of(text.statements.begin(), text.statements.end(), needs_plan);
}

/// Behind a COPY that a Query commits by itself. It runs in the same transaction, just before the commit; behind the
/// mark that is cut off where a session looks at the texts that run.
const std::string kWhichTransaction = std::string(kSpliceMark) +
                                      ";SELECT pg_catalog.pg_current_xact_id_if_assigned()::pg_catalog.text, "
                                      "pg_catalog.pg_current_wal_insert_lsn()::pg_catalog.text";

}  // namespace

Took SimpleQuery::take_query(const Frame& frame) {
  if (session_.run && session_.run->finished()) {
    if (!wait_for_answers()) return Took::nothing;
    session_.run.reset();
  }
  if (session_.run) return RunSteps(*this).step_run(frame);
  if (session_.block.skips_for_own()) {
    // A statement of Weir's own failed in the Query's place and the client has seen the error: end the exchange.
    session_.block.stop_skipping();
    session_.catalog.set_failed(false);
    send().sync({});
    return Took::frame;
  }
  if (!frame.whole() && frame.size <= kLargestHeldFrame) return Took::nothing;
  const auto query = frame.whole() ? wire::read_string(frame.body()) : std::nullopt;
  if (query && relay_plain_read(*query, frame)) return Took::frame;
  const auto text =
      query ? session_.texts->find_or_parse(*query, session_.catalog.lexer()) : std::make_shared<const ParsedText>();
  // The server names the Query in the COPY's error; where the COPY has failed already, it runs, and a write is a gap.
  if (session_.copy.reads_sync() || session_.block.pipeline().is_in_limbo())
    return relay_query(frame, text, Plans(text->statements.size()));
  if (!CapturedPortals(*this).drain_unnamed(*text) || !end_own_pipeline(*text)) return Took::nothing;
  // What the names of portals mean must be known.
  if (session_.queue.under_way().syncs > 0 && any_reads_portal(*text) && !wait_for_answers()) return Took::nothing;
  if (text->only_reads() && !CommitPoint(*this).holds_writes()) {
    return relay_expecting(frame, CapturedPortals(*this).replacing_unnamed(!text->statements.empty()));
  }
  const auto plans = plan_query(text);
  if (!plans) return Took::nothing;
  if (RunSteps(*this).can_run(*text, *plans)) {
    if (can_splice(*text, *plans)) {
      if (text->statements[0].shows_statements && !Planner(*this).hide_own_statements()) return Took::nothing;
      return splice_query(text, *plans);
    }
    if (!goes_on_behind(*text, session_)) {
      session_.run = std::make_unique<QueryRun>(text, *plans);
      return RunSteps(*this).step_run(frame);
    }
  }
  if (session_.retained.checks()) {
    // It is relayed after all, so the question is to have an exchange of its own.
    send().sync({.purpose = Purpose::facts});
    session_.at_hand.asks_alone = true;
    wait_for_answers();
    return Took::nothing;
  }
  const bool ends = !text->parsed || any_of_kind(*text, {StatementKind::commit, StatementKind::prepare_transaction});
  // BEGIN makes a block of the implicit transaction that outstanding messages opened: then nothing is committed.
  const bool opens = !ends && any_of_kind(*text, {StatementKind::begin});
  const bool holds = ends ? CommitPoint(*this).holds_writes_of_block() : CommitPoint(*this).holds_writes();
  const bool knowable = !text->commits_behind_rollback_to();
  if (holds && session_.catalog.server().version >= kKeepsPipelines && !wait_for_answers()) return Took::nothing;
  const bool may_commit = ends || !session_.block.is_open() || session_.queue.under_way().control > 0;
  if (holds && !opens && knowable && may_commit && !goes_on_behind(*text, session_)) {
    if (!CommitPoint(*this).ready_to_commit(ends, text->parsed)) return Took::nothing;
    if (session_.transaction.is_refused()) return CommitPoint(*this).refuse_commit(frame);
  }
  const auto shows = [](const Statement& statement) { return statement.shows_statements; };
  if (std::any_of(text->statements.begin(), text->statements.end(), shows) && !Planner(*this).hide_own_statements())
    return Took::nothing;
  session_.transaction.sent();
  if (can_tell_transaction(*text, *plans)) return relay_copy(text, *plans);
  return relay_query(frame, text, *plans);
}

/// The shortest way through, for reads whose texts are new every time.
bool SimpleQuery::relay_plain_read(std::string_view query, const Frame& frame) {
  const bool commits_writes =
      CommitPoint(*this).holds_writes() && (!session_.block.is_open() || session_.queue.under_way().control > 0);
  const Names::PortalPtr& portal = session_.queue.names().find_portal({});
  if (commits_writes || session_.block.pipeline().is_of_weir() || (portal && portal->suspended) ||
      !is_plain_read(query))
    return false;
  relay_expecting(frame, CapturedPortals(*this).replacing_unnamed(true));
  return true;
}

/// The plans of all statements, null where a statement needs none; nothing while facts are being asked.
std::optional<QueryRun::Plans> SimpleQuery::plan_query(const std::shared_ptr<const ParsedText>& text) {
  Plans plans(text->statements.size());
  if (!any_needs_plan(*text) && !text->commits_behind_rollback_to()) return plans;
  if (!wait_for_answers()) return std::nullopt;
  if (session_.block.is_failed()) return plans;
  // A text with DDL or the like before its writes is planned again when it is the statement's turn (step_run).
  const auto changes = [](const Statement& statement) { return changes_catalog(statement.kind); };
  const bool late = std::any_of(text->statements.begin(), text->statements.end(), changes);
  // In a block asking takes a snapshot, and SET TRANSACTION, or LOCK under a higher isolation level, must come before.
  const Statement& first = text->statements[0];
  const bool ahead = !session_.block.is_open() || (!late && (first.select || needs_plan(first)));
  for (std::size_t i = 0; i < plans.size(); ++i) {
    if (!needs_plan(text->statements[i]) || (i > 0 && !ahead)) continue;
    auto plan = Planner(*this).find_plan(text, text->statements[i]);
    if (!plan) return std::nullopt;
    if (!late || i == 0 || plan->text_is_read) plans[i] = std::move(plan);
  }
  return plans;
}

/// Where Weir alone has executed something since the last Sync, a question to the catalog, the Query would go on to
/// the next Sync, too. False: that is being ended.
bool SimpleQuery::end_own_pipeline(const ParsedText& text) {
  if (!session_.block.pipeline().is_of_weir() || session_.block.is_open()) return true;
  const Statement* only = text.single();
  const bool controls = only != nullptr && controls_transaction(only->kind);
  if (session_.catalog.server().version < kKeepsPipelines || controls || text.statements.size() > 1) return true;
  if (!wait_for_answers()) return false;
  send().sync({.purpose = Purpose::tidy});
  return wait_for_answers();
}

/// Inside a block a Query commits nothing, so it can stay one: what is sent is the client's text and the splice.
bool SimpleQuery::can_splice(const ParsedText& text, const Plans& plans) const {
  if (!session_.block.is_open() && !goes_on_behind_query(session_)) return false;
  if (session_.block.is_failed() || text.statements.size() > 1) return false;
  return plans[0] && plans[0]->how == Plan::How::returning && plans[0]->lock_query.empty();
}

Took SimpleQuery::splice_query(std::shared_ptr<const ParsedText> text, Plans plans) {
  const Statement& statement = text->statements[0];
  const auto plan = plans[0];
  const std::string spliced = text->text.substr(0, statement.end) + plan->suffix;
  Pending pending = CapturedPortals(*this).replacing_unnamed(true);
  pending.spliced = true;
  pending.execution = std::make_shared<Execution>(
      Execution{.text = std::move(text), .statement = &statement, .plan = plan, .plans = std::move(plans)});
  send().query(spliced, std::move(pending));
  return Took::frame;
}

Took SimpleQuery::relay_query(const Frame& frame, std::shared_ptr<const ParsedText> text, Plans plans) {
  auto execution = std::make_shared<Execution>(Execution{.text = text, .plans = std::move(plans)});
  CapturedPortals(*this).find_cursors(*text, *execution);
  const Statement* only = text->single();
  if (only != nullptr && only->closes_portal && !CapturedPortals(*this).drain_closed(*only)) return Took::nothing;
  // One that cannot be read may run.
  Pending pending = CapturedPortals(*this).replacing_unnamed(!text->parsed || !text->statements.empty());
  const bool session = any_of_kind(*text, {StatementKind::session});
  for (const Statement& statement : text->statements) {
    pending.scrubs |= statement.shows_text;
    if (session) pending.changes.push_back(session_.queue.names().end_mark());
    if (statement.kind == StatementKind::session)
      pending.mark = std::max(pending.mark, CapturedPortals(*this).apply_session_statement(statement));
  }
  // Not in steps, but with nothing beside it: what is known of it is known all the same.
  const bool alone = only != nullptr && goes_on_behind(*text, session_) && needs_plan(*only) && execution->plans[0];
  if (alone && execution->plans[0]->how != Plan::How::returning) {
    execution->statement = only;
    execution->plan = execution->plans[0];
  }
  pending.execution = execution;
  if (CapturedPortals(*this).read_cursors(*execution)) return relay_expecting(frame, std::move(pending));
  session_.queue.leave_own_unnamed();
  pending.execution = nullptr;
  send().sync(std::move(pending));
  return Took::frame;
}

/// Whether what a COPY wrote can be told with its transaction: the Query commits by itself, and nobody reads its text.
bool SimpleQuery::can_tell_transaction(const ParsedText& text, const Plans& plans) const {
  const Statement* only = text.single();
  if (only == nullptr || only->kind != StatementKind::copy_from || only->shows_text) return false;
  if (session_.block.is_open() || goes_on_behind_query(session_) || !session_.queue.empty() || plans.empty() ||
      !plans[0] || plans[0]->how == Plan::How::none)
    return false;
  return !plans[0]->inner.empty() && !plans[0]->text_is_read;
}

Took SimpleQuery::relay_copy(std::shared_ptr<const ParsedText> text, Plans plans) {
  const std::string told = text->text.substr(0, text->statements[0].end) + kWhichTransaction;
  Pending pending = CapturedPortals(*this).replacing_unnamed(true);
  pending.tells_transaction = true;
  pending.execution = std::make_shared<Execution>(Execution{.text = std::move(text), .plans = std::move(plans)});
  send().query(told, std::move(pending));
  return Took::frame;
}

}  // namespace weir::capture
