#include "capture/event/gap_cause.h"

#include <array>

namespace weir::event {

namespace {

constexpr std::array kCauses = std::to_array<GapCauseRow>({
    {GapCause::view, "view", false, "the client wrote through a view: the event has the view's name",
     "capture the table below it"},
    {GapCause::foreign_table, "foreign table", false, "the table, or a partition of it, is a foreign one",
     "put a Weir in front of the other server"},
    {GapCause::rule, "rule", false, "the table has rules, which decide themselves what runs", "use triggers"},
    {GapCause::row_security, "row-level security", false, "the writer may not read back what he wrote",
     "a SELECT policy that shows writers their rows, or BYPASSRLS"},
    {GapCause::no_select, "no SELECT privilege", false, "the writer may not read the columns of the table",
     "GRANT SELECT on the table: RETURNING needs it"},
    {GapCause::trigger_reads_text, "trigger reads the statement's text", false,
     "a trigger of the table calls current_query(), which would show Weir's columns", ""},
    {GapCause::statement_reads_text, "statement reads its own text", false, "the statement calls current_query()", ""},
    {GapCause::too_many_columns, "too many columns", false, "more than Weir can add to a RETURNING list", ""},
    {GapCause::doubtful_names, "names that the encoding leaves in doubt", false,
     "a column's name cannot be written in the client's encoding", "client_encoding UTF8"},
    {GapCause::unknown_table, "a table that the catalog does not know", false,
     "it was made meanwhile, or its name means another one to the server", ""},
    {GapCause::unknown_keys, "which rows changed their keys is not known", false,
     "before PostgreSQL 18: old and new rows of an UPDATE of the key could not be paired beyond doubt", ""},
    {GapCause::unknown_merge, "which rows were merged is not known", false, "MERGE before PostgreSQL 18", ""},
    {GapCause::key_without_old, "key changed without its old value", false,
     "before PostgreSQL 18: an UPDATE that may change the key in a form that cannot be asked for the old one", ""},
    {GapCause::statement_only, "only the statement is known", false, "TRUNCATE, writes inside WITH, and the like", ""},
    {GapCause::copy, "copy", false, "COPY FROM: the server does not tell which rows it made",
     "load with INSERT, or read the table again behind the load"},
    {GapCause::execute, "execute", false, "EXECUTE of a statement that was prepared in SQL",
     "prepare it with the protocol's Parse, as drivers do"},
    {GapCause::merge, "merge", true, "MERGE with several kinds of action before PostgreSQL 18; behind it how many rows",
     "PostgreSQL 18, or INSERT ... ON CONFLICT"},
    {GapCause::not_split, "query cannot be split", false,
     "the write stood in a Query that has to stay as it is (above)",
     "send the write in a Query of its own, or with parameters"},
    {GapCause::not_planned, "statement was not planned", false,
     "it ran before Weir could ask the catalog about its tables", ""},
    {GapCause::unknown_statement, "unknown statement", false,
     "the server counted rows for a text that Weir's parser does not read, or that is longer than it may be",
     "capture.max_statement_bytes"},
    {GapCause::unknown_catalog, "catalog could not be asked", false, "Weir's question about the table failed",
     "Weir's log has the database's words"},
    {GapCause::other_table, "another table than the catalog had named", false,
     "the table was replaced between Weir's question and the write", ""},
    {GapCause::other_key, "another key than the catalog had named", false,
     "the key was changed between Weir's question and the write", ""},
    {GapCause::long_row, "row is longer than capture.max_row_bytes", false, "what it says",
     "raise capture.max_row_bytes"},
    {GapCause::undefined_value, "a value that its encoding does not define", false,
     "bytes in the database that cannot be converted to UTF-8", "mend the value"},
    {GapCause::unfetched_portal, "rows of a portal were not fetched", false,
     "the client closed a portal of a write before it had read all its rows", "fetch them, or ask for none"},
    {GapCause::unseen_savepoint, "rolled back to a savepoint that was not seen", false,
     "which of the transaction's writes stand is not known", ""},
    {GapCause::not_held, "commit could not be held", false,
     "the transaction committed by itself, before its events were in the journal", "send COMMIT by itself"},
    {GapCause::lost_track, "lost track of the session", true,
     "Weir did not understand what the server or the client sent; behind it where", "report it with the log"},
    {GapCause::in_doubt, "in doubt", false, "nobody can say whether the transaction committed",
     "compare the tables it names with what consumers have"},
    {GapCause::machine_crash, "the machine crashed", true,
     "what was not synced is gone; behind it from when to when commits may be missing",
     "compare the tables with what consumers have; journal.durability: commit"},
    {GapCause::erased, "not in the journal any more when this destination began", true,
     "a destination that is new or comes back; behind it which transactions", "read the tables again for it"},
});

}  // namespace

std::span<const GapCauseRow> gap_causes() {
  return kCauses;
}

const GapCauseRow& row_of(GapCause cause) {
  return kCauses[static_cast<std::size_t>(cause)];
}

const char* to_text(GapCause cause) {
  return row_of(cause).text;
}

std::optional<GapCause> gap_cause_of(std::string_view words) {
  for (const auto& row : kCauses)
    if (words == row.text || (row.has_more && words.starts_with(row.text))) return row.cause;
  return std::nullopt;
}

std::string gap_cause_table() {
  std::string text = "| cause | when | what to do |\n|---|---|---|\n";
  for (const auto& row : kCauses)
    text += std::string("| `") + row.text + (row.has_more ? "…" : "") + "` | " + row.when + " | " + row.advice + " |\n";
  return text;
}

}  // namespace weir::event
