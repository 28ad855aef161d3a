#include "capture/session/commit_questions.h"

#include <array>
#include <cstdlib>

namespace weir::capture {
namespace {

/// Where an event's row was not seen it has no version, and maybe the transaction no id.
class IdAndVersion final : public CommitQuestion {
 public:
  std::optional<CommitQuery> query(const OpenTransaction& written) const override {
    if (!written.incomplete()) return std::nullopt;
    if (written.lacks_needed_xid())
      return CommitQuery{.sql =
                             "SELECT pg_catalog.pg_current_xact_id()::pg_catalog.text, "
                             "pg_catalog.pg_current_wal_insert_lsn()::pg_catalog.text",
                         .is_kept = false};
    return CommitQuery{
        "SELECT pg_catalog.pg_current_xact_id_if_assigned()::pg_catalog.text, "
        "pg_catalog.pg_current_wal_insert_lsn()::pg_catalog.text"};
  }

  void answered(const wire::RowView& row, OpenTransaction& written) const override {
    if (row.size() == 2 && row[0] && row[1]) {
      written.complete(std::strtoull(std::string(*row[0]).c_str(), nullptr, 10), event::parse_lsn(*row[1]).value_or(0));
    } else {
      written.forget_events();  // no id was given out: nothing was written
    }
  }
};

const IdAndVersion kIdAndVersion;
constexpr std::array<const CommitQuestion*, 1> kQuestions = {&kIdAndVersion};

}  // namespace

CommitQuestions commit_questions() {
  return kQuestions;
}

}  // namespace weir::capture
