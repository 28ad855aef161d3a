// A journal of the earlier form, one SQLite file that held events and all else, becomes a folder: only where nothing in
// it is undelivered, so no events have to be brought over.
#pragma once

#include <string>

#include "base/result.h"

namespace weir::capture {

/// Where `path` is such a file: makes the folder with a book that has its instance, destinations, dead letters, runs of
/// the server, and the highest id, position and lsn that it ever gave out (SqliteBook::number); the file is PATH.old
/// then. Fails where something in it is undelivered or in doubt, or a Weir runs on it. A crash in between is made good
/// by the next call. Returns what was done, for the log; empty, and nothing is touched, where `path` is something else.
Result<std::string> take_over_earlier_journal(const std::string& path);

/// Numbers that the book keeps for the log, which goes on behind them.
constexpr const char* taken_over_id = "taken_over_id";
constexpr const char* taken_over_lsn = "taken_over_lsn";

}  // namespace weir::capture
