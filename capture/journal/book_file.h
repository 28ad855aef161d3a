// The book's file: made where it is not there, checked where it is, before anything is changed in it.
//
// One SQLite file in WAL mode, with its -wal and -shm beside it. README.md has its tables. The book's sources only.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <string>

#include "base/result.h"
#include "capture/journal/sqlite.h"

namespace weir::capture {

constexpr std::int64_t book_application_id = 0x57656972;  // "Weir", for file(1) and against another program's file
constexpr std::int64_t book_format_version = 1;

struct OpenedBookFile {
  sqlite::Database database;
  bool is_new = false;
  std::string warning;  ///< what was wrong and could be lived with
};

/// Makes file and tables where there are none. Refuses a file that is damaged or cut off, of another program, or of a
/// newer Weir; also a WAL that is damaged in its middle, unless the machine has booted since it was written: then its
/// end is cut off, and the warning says so. `synced`: durably.
Result<OpenedBookFile> open_book_file(const std::string& path, bool booted_since, bool synced);
/// Of a book that somebody may be using; changes nothing in it.
Result<sqlite::Database> look_at_book_file(const std::string& path);

/// Reads all of it; fails where it is damaged.
Result<void> check_book(sqlite::Database& database);

/// Finds out whether a file that is open was removed, replaced or cut off. A stat for each of the three.
class BookFileWatch {
 public:
  /// From here on the files are these.
  Result<void> begin(const std::string& path);
  Result<void> look();

 private:
  struct Seen {
    dev_t device = 0;
    ino_t inode = 0;
  };
  std::string path_;
  std::array<Seen, 3> seen_;
  std::uint64_t size_ = 0;  // the database's file only grows
};

}  // namespace weir::capture
