// The ways to send a statement. Each plays one group of the corpus through one door and records what the client saw,
// and then what the tables hold.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/integration/differential/corpus.h"
#include "tests/integration/differential/recording.h"
#include "tests/integration/differential/two_doors.h"

namespace weir::differential {

struct Mode {
  std::string name;
  std::function<void(const Door&, const std::string& schema, const Group&, Recording&)> play;
};

/// libpq_simple, libpq_repeated, libpq_extended, libpq_binary, libpq_prepared, libpq_pipeline, and by hand:
/// many_in_one_query, pipeline_of_syncs, one_sync_for_four, described_statements, row_limits.
const std::vector<Mode>& modes();

/// Makes the schema with its tables through the door, as a migration of the application would.
void make_schema(const Door& door, const std::string& schema, const std::string& more);
/// Contents of all tables and states of all sequences of the schema, seen past the door.
void record_contents(const Door& door, const std::string& schema, Recording& recording);

}  // namespace weir::differential
