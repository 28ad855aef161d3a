// What the journal's file knows of its destinations, and of what it no longer has: read and changed at a start or by an
// operator, a few times in a journal's life. journal.cpp begins and ends the groups; nothing here does.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "capture/journal.h"
#include "capture/sqlite.h"

namespace weir::capture {

Result<std::vector<Checkpoint>> read_checkpoints(sqlite::Database& database);
Result<std::vector<Checkpoint>> read_forgotten(sqlite::Database& database);
Result<Erased> read_erased(sqlite::Database& database);
Result<event::Position> read_last_position(sqlite::Database& database);
Result<event::Lsn> read_last_lsn(sqlite::Database& database);
Result<std::vector<event::Transaction>> read_prepared(sqlite::Database& database, std::int64_t id_below);
Result<std::vector<std::string>> read_server_runs(sqlite::Database& database);

Result<void> forget_destination(sqlite::Database& database, std::string_view emitter);
Result<void> rename_destination(sqlite::Database& database, std::string_view emitter, std::string_view now);

}  // namespace weir::capture
