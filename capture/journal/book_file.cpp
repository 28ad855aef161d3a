#include "capture/journal/book_file.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

#include "capture/journal/folder.h"
#include "capture/journal/sqlite_wal.h"

namespace weir::capture {

namespace {

namespace fs = std::filesystem;

constexpr std::array<const char*, 3> suffixes{"", "-wal", "-shm"};
// A damaged page of dead letters is found when they are read; at every start a second of reading is the most.
constexpr std::uintmax_t always_check_below = 256 << 20;
// The database's header, SQLite's manual, "Database File Format".
constexpr std::size_t header_bytes = 100;
constexpr std::size_t page_size_at = 16;
constexpr std::size_t page_count_at = 28;

constexpr const char* settings =
    "PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 4194304; PRAGMA foreign_keys = OFF;";

constexpr const char* schema = R"(
CREATE TABLE meta (
  name TEXT PRIMARY KEY,
  value NOT NULL
) WITHOUT ROWID;
CREATE TABLE destinations (
  name TEXT PRIMARY KEY,
  position INTEGER NOT NULL,                   -- of the last transaction that it has
  forgotten INTEGER NOT NULL DEFAULT 0         -- 1: the journal keeps nothing for it
) WITHOUT ROWID;
CREATE TABLE server_runs (                     -- of the database's server, in the order in which they were seen
  id INTEGER PRIMARY KEY,
  run TEXT NOT NULL UNIQUE
);
CREATE TABLE dead_letters (
  id INTEGER PRIMARY KEY,
  destination TEXT NOT NULL,
  position INTEGER NOT NULL,
  topic TEXT NOT NULL,
  key TEXT,
  value TEXT,
  reason TEXT NOT NULL,
  stored_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
)";

std::string random_id() {
  std::array<unsigned char, 16> bytes{};
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) std::abort();
  std::string text;
  for (const unsigned char byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

Error damaged(const std::string& path, const std::string& how) {
  Error error = sqlite::describe(nullptr, SQLITE_CORRUPT, path, "use it");
  error.message += " (" + how + ")";
  return error;
}

/// SQLite gives its -wal and -shm files the mode of this one.
Result<void> create_file(const std::string& path) {
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return system_error(path, "open it", errno);
  close(file);
  return {};
}

/// Whether the file has all the pages that its header counts.
Result<void> check_length(const std::string& path, std::uintmax_t size) {
  std::array<unsigned char, header_bytes> header{};
  std::ifstream file(path, std::ios::binary);
  if (!file.read(reinterpret_cast<char*>(header.data()), header.size())) return {};
  if (std::memcmp(header.data(), "SQLite format 3", 16) != 0) return {};  // SQLite will say what it is not
  const auto byte = [&](std::size_t at) { return std::uint64_t(header[at]); };
  const auto page = byte(page_size_at) << 8 | byte(page_size_at + 1);
  const auto pages = byte(page_count_at) << 24 | byte(page_count_at + 1) << 16 | byte(page_count_at + 2) << 8 |
                     byte(page_count_at + 3);
  const auto expected = pages * (page == 1 ? 65536 : page);
  if (size >= expected) return {};
  return damaged(path, "it has " + std::to_string(size) + " of its " + std::to_string(expected) + " bytes");
}

/// True where it is new.
Result<bool> is_new(sqlite::Database& database) {
  const auto id = database.integer("PRAGMA application_id", "read its header");
  if (!id) return id.error();
  const auto tables = database.integer("SELECT count(*) FROM sqlite_schema", "read its header");
  if (!tables) return tables.error();
  if (*id == 0 && *tables == 0) return true;
  if (*id == book_application_id) return false;
  return Error{"journal " + database.path() + ": is an SQLite database of another program; give Weir another path",
               "58030"};
}

Result<void> check_version(sqlite::Database& database) {
  const auto version = database.integer("SELECT value FROM meta WHERE name = 'format_version'", "read its version");
  if (!version) return version.error();
  if (*version == book_format_version) return {};
  return Error{"journal " + database.path() + ": has format version " + std::to_string(*version) +
                   ", this Weir knows up to " + std::to_string(book_format_version) +
                   "; run the newer Weir until its events are delivered",
               "58030"};
}

Result<void> create_tables(sqlite::Database& database) {
  const std::string sql =
      std::string("BEGIN IMMEDIATE;") + schema + "INSERT INTO meta VALUES ('format_version', " +
      std::to_string(book_format_version) + "), ('instance', '" + random_id() + "'), ('boot', '" + boot_id() +
      "'), ('position', 0); PRAGMA application_id = " + std::to_string(book_application_id) + "; COMMIT;";
  return database.execute(sql.c_str(), "create its tables");
}

Result<void> use_wal(sqlite::Database& database, bool synced) {
  const auto mode = database.text("PRAGMA journal_mode = WAL", "open it");
  if (!mode) return mode.error();
  if (*mode != "wal") {
    return Error{
        "journal " + database.path() + ": its file system cannot share memory between processes; use a local disk",
        "58030"};
  }
  const auto done = database.execute(settings, "open it");
  if (!done) return done;
  return database.execute(synced ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = OFF", "open it");
}

/// The system may have written later blocks before earlier ones, of what nobody had been promised yet.
std::string cut_off_warning(const std::string& path, std::uint64_t frames) {
  return "journal " + path + ": its -wal is damaged behind frame " + std::to_string(frames) +
         ", and what follows is cut off: destinations may get again what they have. After a power loss that is what "
         "was "
         "not synced yet; if there was none, look at the disk";
}

/// Before SQLite reads the WAL, and takes what is behind damage for never written.
Result<std::string> check_wal(const std::string& path, bool booted_since) {
  const auto wal = sqlite::look_at_wal(path + "-wal");
  if (!wal.damaged) return std::string();
  if (!booted_since) return damaged(path, path + "-wal: damaged behind frame " + std::to_string(wal.whole_frames));
  return cut_off_warning(path, wal.whole_frames);
}

}  // namespace

Result<OpenedBookFile> open_book_file(const std::string& path, bool booted_since, bool synced) {
  OpenedBookFile opened;
  Result<void> done = create_file(path);
  if (!done) return done.error();
  std::error_code ignored;
  const auto size = fs::file_size(path, ignored);
  const auto wal_size = fs::file_size(path + "-wal", ignored);
  const bool is_clean = ignored || wal_size == 0;
  auto warning = size == 0 ? Result<std::string>("") : check_wal(path, booted_since);
  if (!warning) return warning.error();
  opened.warning = std::move(*warning);
  if (is_clean) done = check_length(path, size);
  if (!done) return done.error();
  auto database = sqlite::Database::open(path);
  if (!database) return database.error();
  const auto fresh = is_new(*database);
  if (!fresh) return fresh.error();
  done = use_wal(*database, synced);
  if (done && *fresh) done = create_tables(*database);
  if (done) done = check_version(*database);
  if (done && !*fresh && (!is_clean || size < always_check_below)) done = check_book(*database);
  if (!done) return done.error();
  opened.database = std::move(*database);
  opened.is_new = *fresh;
  return opened;
}

Result<sqlite::Database> look_at_book_file(const std::string& path) {
  auto database = sqlite::Database::look(path);
  if (!database) return database;
  const auto fresh = is_new(*database);
  if (!fresh) return fresh.error();
  if (*fresh) return damaged(path, "it has no tables");
  const auto done = check_version(*database);
  if (!done) return done.error();
  return database;
}

Result<void> check_book(sqlite::Database& database) {
  const auto verdict = database.text("PRAGMA quick_check(1)", "check it");
  if (!verdict) return verdict.error();
  if (*verdict != "ok") return damaged(database.path(), "quick_check: " + *verdict);
  return {};
}

Result<void> BookFileWatch::begin(const std::string& path) {
  path_ = path;
  for (std::size_t i = 0; i < suffixes.size(); ++i) {
    struct stat status {};
    const auto file = path_ + suffixes[i];
    if (stat(file.c_str(), &status) != 0) return system_error(file, "look at it", errno);
    seen_[i] = {status.st_dev, status.st_ino};
  }
  return {};
}

Result<void> BookFileWatch::look() {
  for (std::size_t i = 0; i < suffixes.size(); ++i) {
    struct stat status {};
    const auto file = path_ + suffixes[i];
    const bool there = stat(file.c_str(), &status) == 0;
    const auto size = there ? std::uint64_t(status.st_size) : 0;
    std::string what;
    if (!there) {
      what = errno == ENOENT ? "was removed" : std::string("cannot be looked at (") + std::strerror(errno) + ")";
    } else if (status.st_dev != seen_[i].device || status.st_ino != seen_[i].inode) {
      what = "was replaced by another file";
    } else if (i == 0 && size < size_) {
      what = "was cut off by another program";
    }
    if (i == 0 && what.empty()) size_ = size;
    if (what.empty()) continue;
    return Error{"journal: " + file + " " + what +
                     " while Weir uses it; put it back, or let the destinations take what they still can and restart "
                     "Weir with another journal",
                 "58030"};
  }
  return {};
}

}  // namespace weir::capture
