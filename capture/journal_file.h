// The journal's place on disk: who may use it, what is in it, and whether it is whole. Everything that happens once,
// before the first transaction is written; journal.cpp does the rest.
#pragma once

#include <string>

#include "capture/journal.h"
#include "capture/sqlite.h"

namespace weir::capture {

/// The exclusive right to one journal, for the life of this object: a lock on PATH.lock, which names the owner's pid.
/// For Durability::memory a private directory, which is removed with all that is in it.
class JournalFile {
 public:
  static Result<JournalFile> claim(const Journal::Options& options);
  JournalFile() = default;
  JournalFile(JournalFile&& other) noexcept;
  JournalFile& operator=(JournalFile&& other) noexcept;
  ~JournalFile();

  const std::string& path() const { return path_; }

 private:
  std::string path_;
  std::string temporary_directory_;
  int lock_ = -1;
};

/// Creates the tables in a new file; refuses a file that is damaged, is no journal, or is from a newer Weir.
Result<sqlite::Database> open_journal_database(const std::string& path, Journal::Durability durability);

}  // namespace weir::capture
