#include "capture/session/commit_questions.h"

#include <array>
#include <cstdlib>
#include <utility>

#include "capture/session/late_name.h"

namespace weir::capture {
namespace {

/// Where an event's row was not seen it has no version, and maybe the transaction no id.
class IdAndVersion final : public CommitQuestion {
 public:
  std::optional<CommitQuery> query(const OpenTransaction& written) const override {
    if (!written.lacks_versions()) return std::nullopt;
    if (written.lacks_needed_xid())
      return CommitQuery{.sql =
                             "SELECT pg_catalog.pg_current_xact_id()::pg_catalog.text, "
                             "pg_catalog.pg_current_wal_insert_lsn()::pg_catalog.text",
                         .is_kept = false};
    return CommitQuery{
        "SELECT pg_catalog.pg_current_xact_id_if_assigned()::pg_catalog.text, "
        "pg_catalog.pg_current_wal_insert_lsn()::pg_catalog.text"};
  }

  void answered(const wire::RowView& row, OpenTransaction& written, const SessionCatalog&) const override {
    if (row.size() == 2 && row[0] && row[1]) {
      written.complete(std::strtoull(std::string(*row[0]).c_str(), nullptr, 10), event::parse_lsn(*row[1]).value_or(0));
    } else {
      written.forget_events();  // no id was given out: nothing was written
    }
  }
};

/// Of a table that somebody past Weir has made or attached, which nobody can rename now: the transaction has written
/// it. One at a time; there is hardly ever another.
class LateNames final : public CommitQuestion {
 public:
  std::optional<CommitQuery> query(const OpenTransaction& written) const override {
    if (written.unnamed().empty()) return std::nullopt;
    const auto& [oid, named] = *written.unnamed().begin();
    return CommitQuery{late_name_query(), {std::to_string(oid), std::to_string(named->oid)}, false};
  }

  void answered(const wire::RowView& row, OpenTransaction& written, const SessionCatalog& catalog) const override {
    const std::optional<LateName> name = read_late_name(row, catalog.server().server_encoding);
    const auto found = name ? written.unnamed().find(name->oid) : written.unnamed().end();
    if (found == written.unnamed().end()) return written.give_up_names();
    const auto named = found->second;
    if (name->logged) written.saw_logged();
    written.name(name->oid, [&](event::ChangeEvent change) {
      return tell_named(std::move(change), *name, *named, catalog.scope());
    });
  }
};

const IdAndVersion kIdAndVersion;
const LateNames kLateNames;
constexpr std::array<const CommitQuestion*, 2> kQuestions = {&kIdAndVersion, &kLateNames};

}  // namespace

CommitQuestions commit_questions() {
  return kQuestions;
}

}  // namespace weir::capture
