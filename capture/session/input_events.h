// Events of fidelity `input`: the columns of INSERT … VALUES as the client sent them, where the rows cannot be
// returned. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "capture/event/change_event.h"
#include "capture/plan.h"
#include "capture/scope.h"
#include "capture/session/pending.h"

namespace weir::capture {

struct InputOf {
  const Execution& execution;
  const Statement& statement;
  const Plan& plan;
  std::int64_t rows;  ///< that it wrote, by its tag
  const Scope& scope;
  const ServerSettings& server;
};
/// Nothing where a value is not plain or the counts differ: then only the statement is known.
std::optional<std::vector<event::ChangeEvent>> input_events(const InputOf& input);

}  // namespace weir::capture
