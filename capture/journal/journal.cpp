#include "capture/journal/journal.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "capture/journal/earlier_journal.h"
#include "capture/journal/folder.h"
#include "capture/journal/segment_log.h"
#include "capture/journal/sqlite_book.h"

namespace weir::capture {

namespace {

namespace fs = std::filesystem;

/// In the book: there was a log beside it.
constexpr const char* log_begun = "log_begun";

void add_warning(std::string& warnings, const std::string& warning) {
  if (!warnings.empty() && !warning.empty()) warnings += "; ";
  warnings += warning;
}

Result<std::shared_ptr<Folder>> claim_folder(const JournalOptions& options, std::string& warnings) {
  if (options.durability == Durability::memory) return Folder::temporary();
  const auto path = absolute_path(options.path);
  if (!path) return path.error();
  const auto taken_over = take_over_earlier_journal(*path);
  if (!taken_over) return taken_over.error();
  add_warning(warnings, *taken_over);
  return Folder::claim(*path);
}

Result<std::unique_ptr<SqliteBook>> open_book(const Folder& folder, bool synced, std::string& warnings) {
  const auto has_book = folder.has_book();
  if (!has_book) return has_book.error();
  auto book = SqliteBook::open(folder, synced);
  if (!book) return book;
  add_warning(warnings, folder.compare((*book)->instance()));
  add_warning(warnings, (*book)->warning());
  const auto remembered = folder.remember((*book)->instance());
  if (!remembered) return remembered.error();
  return book;
}

/// A log that begins anew beside an old book would give out ids of events that destinations have seen.
Result<void> check_log_is_there(SqliteBook& book, const std::string& path) {
  const auto begun = book.number(log_begun);
  if (!begun) return begun.error();
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(path + "/log", failed))
    if (Segments::place_of(entry.path().filename().string())) return {};
  if (*begun == 0) return {};
  return Error{"journal " + path + ": its log is gone (no segment in " + path +
                   "/log); put it back, or move the folder aside and start again: what was not delivered is lost then",
               "58030"};
}

Result<LogStart> start_of_log(SqliteBook& book) {
  const auto id = book.number(taken_over_id);
  if (!id) return id.error();
  const auto lsn = book.number(taken_over_lsn);
  if (!lsn) return lsn.error();
  const auto position = book.highest_position();
  if (!position) return position.error();
  return LogStart{*id, *position, static_cast<event::Lsn>(*lsn), book.booted_since()};
}

Result<std::unique_ptr<EventLog>> open_log(SqliteBook& book, const JournalOptions& options) {
  const auto there = check_log_is_there(book, options.path);
  if (!there) return there.error();
  const auto start = start_of_log(book);
  if (!start) return start.error();
  auto log = open_segment_log(options, system_files(), *start);
  if (!log) return log;
  const auto begun = book.number(log_begun);
  const auto noted = begun && *begun != 0 ? Result<void>() : book.set_number(log_begun, 1);
  if (!noted) return noted.error();
  return log;
}

}  // namespace

Result<Journal> open_journal(const JournalOptions& options) {
  Journal journal;
  const auto folder = claim_folder(options, journal.warning);
  if (!folder) return folder.error();
  journal.claim = *folder;
  auto book = open_book(**folder, options.durability != Durability::memory, journal.warning);
  if (!book) return book.error();
  JournalOptions in_folder = options;
  in_folder.path = (*folder)->path();
  auto log = open_log(**book, in_folder);
  if (!log) return log.error();
  journal.book = std::move(*book);
  journal.log = std::move(*log);
  return journal;
}

}  // namespace weir::capture
