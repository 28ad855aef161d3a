// Why something that was written is known only by its statement, or only by a gap: all the causes there are, with the
// words that stand in events, in the log and in README.md's table. Plain values; depends on nothing else of Weir.
//
// A ChangeEvent carries the words, because consumers and journals do; whoever makes one takes them from here. Some have
// more behind them ("lost track of the session: …", "merge of 3 rows"), so whoever counts asks gap_cause_of.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace weir::event {

enum class GapCause {
  view,
  foreign_table,
  rule,
  row_security,
  no_select,
  trigger_reads_text,
  statement_reads_text,
  too_many_columns,
  doubtful_names,
  unknown_table,
  unknown_keys,
  unknown_merge,
  key_without_old,
  statement_only,
  copy,
  execute,
  merge,
  not_split,
  not_planned,
  unknown_statement,
  unknown_catalog,
  other_table,
  other_key,
  long_row,
  undefined_value,
  unfetched_portal,
  unseen_savepoint,
  not_held,
  lost_track,
  in_doubt,
  machine_crash,
  erased
};

struct GapCauseRow {
  GapCause cause;
  const char* text;  ///< what the words begin with; most are nothing more
  bool has_more;     ///< behind the text stands what only the moment knew
  const char* when;
  const char* advice;  ///< empty: there is nothing to do
};

/// In the order of the enum.
std::span<const GapCauseRow> gap_causes();
const GapCauseRow& row_of(GapCause cause);
const char* to_text(GapCause cause);
/// Nothing for words that are none of these: those of a journal that an earlier Weir wrote.
std::optional<GapCause> gap_cause_of(std::string_view words);
/// The causes in Markdown, as they stand in README.md.
std::string gap_cause_table();

}  // namespace weir::event
