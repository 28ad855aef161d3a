// What can be captured of each table, and why not: for a write of each kind capture's own plan, and beside it what no
// plan can see: triggers, cascades, a missing key.
//
// The writes are made up (one row, one column); they are parsed and planned, never sent. Rights, policies and names are
// those of the role that asks. Blocking.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "proxy/check/plan_preview.h"

namespace weir::proxy {

struct TableCheck {
  struct Write {
    std::string what;      ///< "insert", "update", "update of the key", "delete"
    std::string fidelity;  ///< "row", "input", "statement", "gap"
    std::string cause;     ///< as events name it; empty where it is row
  };
  std::string database;
  std::string name;  ///< "public.orders"
  std::vector<std::string> key;
  std::vector<Write> writes;
  std::vector<std::string> notes;  ///< what else is not in its events

  bool is_whole() const;  ///< all its writes give rows
};

/// Those that the scope captures, in the order of their names.
Result<std::vector<TableCheck>> check_tables(AskableDatabase& database, PlanPreview& plans, const std::string& name);

/// Of one table: planned by `plans`. Nothing where it is not captured.
struct ListedTable {
  std::string schema;
  std::string name;
  std::vector<std::string> triggers;  ///< not internal, enabled
  std::vector<std::string>
      cascades;  ///< tables that a write of this one writes too: "public.lines (ON DELETE CASCADE)"
};
Result<std::optional<TableCheck>> check_table(PlanPreview& plans, const ListedTable& table);

}  // namespace weir::proxy
