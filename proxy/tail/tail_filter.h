// Which events a reader gets, and what of them: the tables that he asked for, without columns that are not to be
// captured. Pure.
//
// A gap is for everybody whose tables it may be about: one that names no table is for all.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "capture/event/change_event.h"
#include "capture/scope.h"

namespace weir::proxy {

class TailFilter {
 public:
  /// Patterns of tables; none: all.
  explicit TailFilter(std::vector<std::string> tables) : tables_(std::move(tables)) {}

  bool wants(const event::ChangeEvent& change) const;

 private:
  const std::vector<std::string> tables_;
};

/// Whether something of it would be left out.
bool has_excluded(const capture::Scope& scope);
event::ChangeEvent without_excluded(event::ChangeEvent change, const capture::Scope& scope);

}  // namespace weir::proxy
