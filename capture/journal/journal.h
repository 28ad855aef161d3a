// A journal is a folder: a log (event_log.h), a book (book.h), and a lock that says whose it is. Opened by one process
// at a time; readers for an operator's eyes may look at it meanwhile (log_scan.h, Book's file).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "capture/journal/book.h"
#include "capture/journal/event_log.h"

namespace weir::capture {

/// What a commit waits for: the table in the README ("Nothing lost").
enum class Durability {
  answer,   ///< the sync, before the client's answer
  commit,   ///< the sync, before the COMMIT is sent
  process,  ///< nothing: what is written survives kill -9
  memory    ///< nothing; a private folder that goes with the process
};

struct JournalOptions {
  std::string path;  ///< the folder; made where it is not there; ignored for Durability::memory
  Durability durability = Durability::answer;
  /// What a segment may take; smaller where max_bytes is small, larger for a record that does not fit.
  std::uint64_t segment_bytes = 64u << 20;
};

struct Journal {
  std::shared_ptr<void> claim;  ///< the exclusive right to the folder
  std::unique_ptr<Book> book;
  std::unique_ptr<EventLog> log;
  std::string warning;  ///< what was wrong with the folder and could be lived with, for the log; empty: nothing
};

/// Claims the folder, opens the book and reads the log once. Fails where another process has it (its pid is named),
/// where the middle of the log is damaged (the place is named; `weir journal check` says more), where a newer Weir
/// wrote it, and where it is a journal of the earlier form, one SQLite file (unless nothing in that is undelivered:
/// then its destinations are taken over and the file stays beside, renamed).
Result<Journal> open_journal(const JournalOptions& options);

}  // namespace weir::capture
