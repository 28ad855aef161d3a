// How rows of the journal's tables become transactions and events again. Used by the journal itself (what is in
// doubt) and by its readers; each reader has a connection of its own.
#pragma once

#include <memory>
#include <string>

#include "capture/journal.h"
#include "capture/sqlite.h"

namespace weir::capture {

/// SELECT of all that read_transaction needs, and what comes behind FROM.
std::string select_transactions(std::string_view rest);
event::Transaction read_transaction(sqlite::Statement& row);

/// Reads all events and compares their checksums.
Result<void> check_events(sqlite::Database& database);

Result<std::unique_ptr<JournalReader>> open_journal_reader(const std::string& path);

}  // namespace weir::capture
