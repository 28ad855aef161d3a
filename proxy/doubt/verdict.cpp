#include "proxy/doubt/verdict.h"

#include <algorithm>
#include <optional>
#include <vector>

namespace weir::proxy {

namespace {

using Kind = Verdict::Kind;

/// The run that followed the one the transaction was written in, as far as is known, or null where that one goes on.
/// Its recovery decides: later ones could only lose what it had left. Statistics that are reset and clean restarts, one
/// after the other, change all that is said of a run, but not at once.
const capture::ServerRun* next_run(const capture::ServerRun& written, const Evidence& evidence) {
  std::vector<const capture::ServerRun*> same = {&written};
  const auto goes_on = [&same](const capture::ServerRun& run) {
    return std::any_of(same.begin(), same.end(), [&run](const auto* one) { return same_run(*one, run); });
  };
  for (const auto& run : evidence.later) {
    if (!goes_on(run)) return &run;
    same.push_back(&run);
  }
  return goes_on(evidence.run) ? nullptr : &evidence.run;
}

/// The log came back as far as the transaction's rows: then its id was not given out again. An unlogged row leaves no
/// mark in the log.
bool log_reached(const event::Transaction& transaction, const capture::ServerRun& written,
                 const capture::ServerRun& next) {
  const bool follows = next.timeline == written.timeline || next.timeline == written.timeline + 1;
  return follows && written.logged && next.recovered >= transaction.last_lsn;
}

/// A log did not come back as far as the transaction's last row, behind which its commit would stand. A session behind
/// a pooler may have been with the server as it was only after that.
bool log_was_cut(const event::Transaction& transaction, const capture::ServerRun& written,
                 const capture::ServerRun& run) {
  return !written.pooled && run.recovered != 0 && run.recovered < transaction.last_lsn;
}

Verdict judge_committed(const event::Transaction& transaction, const capture::ServerRun& written,
                        const capture::ServerRun& next) {
  if (log_reached(transaction, written, next))
    return {Kind::committed, "the server has recovered since, and its log reached beyond it"};
  if (!written.logged)
    return {Kind::unknowable, "the server has recovered since, and the tables it wrote are unlogged"};
  return {Kind::unknowable,
          "the server has recovered since, and nothing says whether its log reached this transaction: its id may have "
          "been given out again"};
}

}  // namespace

Verdict judge(const event::Transaction& transaction, XactStatus status, const Evidence& evidence) {
  const auto written = capture::read_server_run(transaction.server_run);
  const auto& now = evidence.run;
  if (written && written->system != now.system)
    return {Kind::unknowable, "the server that answers belongs to another cluster"};
  if (status == XactStatus::not_given_out) return {Kind::aborted, "the server never heard of its id"};
  if (evidence.log_end < transaction.last_lsn)
    return {Kind::aborted, "the server's log ends before it: a crash or a failover lost it"};
  // Whoever has the id now: had this transaction committed, it would be committed.
  if (status == XactStatus::aborted) return {Kind::aborted, ""};
  const auto* next = written ? next_run(*written, evidence) : nullptr;
  for (const auto* run : {next, &now}) {
    if (next != nullptr && log_was_cut(transaction, *written, *run))
      return {Kind::aborted,
              "the server's log was recovered up to " + event::to_text(run->recovered) + " only, before it"};
  }
  if (status == XactStatus::in_progress) return {Kind::in_progress, ""};
  if (status == XactStatus::too_old) return {Kind::unknowable, "the server has forgotten its id"};
  if (!written) return {Kind::unknowable, "it is not known which run of the server it was written in"};
  return next == nullptr ? Verdict{Kind::committed, ""} : judge_committed(transaction, *written, *next);
}

}  // namespace weir::proxy
