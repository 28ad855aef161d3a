// `weir journal …`: what an operator may see and change of a journal. A file for each command, and here what they
// share.
//
// ls, check, show, export and dead-letters only read, also while a Weir runs on the journal; forget and rename take the
// claim of its folder, so they are refused then. Contract of each run_journal_…: subcommand.h.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "capture/journal/sqlite_book.h"

namespace weir::proxy {

int run_journal_ls(const std::vector<std::string>& arguments);
int run_journal_check(const std::vector<std::string>& arguments);
int run_journal_show(const std::vector<std::string>& arguments);
int run_journal_export(const std::vector<std::string>& arguments);
int run_journal_dead_letters(const std::vector<std::string>& arguments);
int run_journal_forget(const std::vector<std::string>& arguments);
int run_journal_rename(const std::vector<std::string>& arguments);

/// A command line that was understood.
struct JournalArguments {
  std::string path;                ///< of the folder, absolute
  std::vector<std::string> words;  ///< before the first flag
  bool json = false;
};

/// What a command takes besides the flags that say which journal.
struct JournalSyntax {
  std::string_view name;  ///< "journal ls"
  std::size_t fewest_words = 0;
  std::size_t most_words = 0;
  bool takes_json = false;
};

/// Nothing where it is to end now with `code`: it has complained, or printed its help.
std::optional<JournalArguments> read_journal_arguments(const JournalSyntax& syntax, std::vector<std::string> arguments,
                                                       int& code);

/// As a JSON string, with its quotes.
std::string json_text(const std::string& text);
/// "192.0 MB".
std::string bytes_text(std::uint64_t bytes);

using BookPointer = std::unique_ptr<capture::SqliteBook>;
/// The book, to read.
Result<BookPointer> look_at_book(const std::string& path);
/// The journal's id: the book's, or where that cannot be read, what the lock remembers.
std::string instance_of(const std::string& path);
/// As it is written in the journal, or as the same destination may be written now; nullptr where it is not there.
const capture::Checkpoint* find_destination(const std::vector<capture::Checkpoint>& destinations,
                                            const std::string& name);
/// Up to where every destination has the stream; 0 where there is no destination. Large transactions up to there may be
/// gone, and more of them while a Weir runs, so it is looked up again where it is not far enough.
class DeliveredEverywhere {
 public:
  explicit DeliveredEverywhere(std::string path) : path_(std::move(path)) {}
  event::Position position();
  bool has(event::Position position) { return position <= last_ || position <= this->position(); }

 private:
  std::string path_;
  event::Position last_ = 0;
};
/// "the journal knows no destination x; it knows stdout, file:/a".
std::string no_such_destination(const std::vector<capture::Checkpoint>& destinations, const std::string& name);

}  // namespace weir::proxy
