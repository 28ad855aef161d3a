// The journal's place on disk: who may use it, what is in it, and whether it is whole. Everything that happens once,
// before the first transaction is written; journal.cpp does the rest.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
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

  /// From here on check() knows which files these are: the database, its WAL and the WAL's index.
  Result<void> watch();
  /// Fails where one of them was removed, replaced or cut off since. `wal_bytes`: what the WAL holds at least. A stat
  /// for each.
  Result<void> check(std::uint64_t wal_bytes);
  /// Writes into PATH.lock which journal this is, so that the next start knows whether it is still there.
  Result<void> remember(const std::string& instance) const;
  /// See Journal::warning.
  const std::string& warning() const { return warning_; }

 private:
  friend Result<sqlite::Database> open_journal_database(JournalFile& file, Journal::Durability durability);
  struct Seen {
    dev_t device = 0;
    ino_t inode = 0;
  };
  Result<void> check_wal_at_start();
  Result<void> compare_with_lock(bool there);

  std::string path_;
  std::string temporary_directory_;
  std::string warning_;
  bool booted_since_ = false;  // the machine, since then
  std::array<Seen, 3> seen_;
  std::uint64_t size_ = 0;  // the database's file only grows
  int lock_ = -1;
};

/// Creates the tables in a new file; refuses a file that is damaged, is no journal, or is from a newer Weir.
Result<sqlite::Database> open_journal_database(JournalFile& file, Journal::Durability durability);

}  // namespace weir::capture
