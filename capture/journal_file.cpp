#include "capture/journal_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "capture/journal_reader.h"
#include "capture/journal_wal.h"

namespace weir::capture {

namespace {

constexpr std::int64_t application_id = 0x57656972;  // "Weir", for file(1) and against opening another program's file
constexpr std::int64_t format_version = 3;
// About a second of reading. What is larger is checked where Weir did not end cleanly, and as it is read.
constexpr std::uintmax_t always_check_below = 256 << 20;
constexpr std::array<const char*, 3> suffixes{"", "-wal", "-shm"};
constexpr std::uint64_t wal_header_bytes = 32;
// The database's header, SQLite's manual, "Database File Format".
constexpr std::size_t header_bytes = 100;
constexpr std::size_t page_size_at = 16;
constexpr std::size_t page_count_at = 28;
// Above this the WAL is cut back when it starts anew; below, its space is used again, which is faster.
constexpr const char* settings =
    "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 67108864;"
    "PRAGMA cache_size = -16384; PRAGMA foreign_keys = OFF;";

constexpr const char* schema = R"(
CREATE TABLE meta (
  name TEXT PRIMARY KEY,
  value NOT NULL
) WITHOUT ROWID;
CREATE TABLE transactions (
  id INTEGER PRIMARY KEY,
  state TEXT NOT NULL,                         -- open, prepared, acknowledged (place not known yet), committed
  xid INTEGER NOT NULL DEFAULT 0,
  position INTEGER,                            -- place in the stream; only of committed ones
  event_count INTEGER NOT NULL DEFAULT 0,
  first_lsn INTEGER NOT NULL DEFAULT 0,
  last_lsn INTEGER NOT NULL DEFAULT 0,
  resolved INTEGER NOT NULL DEFAULT 0,
  prepared_us INTEGER NOT NULL DEFAULT 0,      -- microseconds since the epoch
  committed_us INTEGER NOT NULL DEFAULT 0,
  database TEXT,
  user TEXT,
  application_name TEXT,
  client TEXT,
  session TEXT,
  server_run TEXT                              -- capture/server_run.h
);
CREATE UNIQUE INDEX transactions_position ON transactions (position) WHERE position IS NOT NULL;
CREATE TABLE events (
  transaction_id INTEGER NOT NULL,
  ordinal INTEGER NOT NULL,
  op TEXT NOT NULL,                            -- c, u, d, t, g (gap)
  fidelity TEXT NOT NULL,                      -- row, input, statement
  table_schema TEXT NOT NULL,
  table_name TEXT NOT NULL,
  lsn INTEGER NOT NULL,
  statement_order INTEGER NOT NULL,
  key TEXT,
  old_key TEXT,
  before TEXT,
  after TEXT,
  inserted INTEGER,
  updated INTEGER,
  deleted INTEGER,
  cause TEXT,
  statement TEXT,
  tags TEXT,
  checksum INTEGER,                            -- CRC-32C of the rest
  PRIMARY KEY (transaction_id, ordinal)
) WITHOUT ROWID;
CREATE TABLE checkpoints (
  emitter TEXT PRIMARY KEY,
  position INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE server_runs (                     -- of the database's server, in the order in which they were seen
  id INTEGER PRIMARY KEY,
  run TEXT NOT NULL UNIQUE
);
CREATE TABLE dead_letters (
  id INTEGER PRIMARY KEY,
  emitter TEXT NOT NULL,
  position INTEGER NOT NULL,
  topic TEXT NOT NULL,
  key TEXT,
  value TEXT,
  reason TEXT NOT NULL,
  stored_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
-- For people. Generated columns would be computed at every UPDATE.
CREATE VIEW readable_transactions AS
SELECT id, state, xid, position, event_count, printf('%X/%X', last_lsn >> 32, last_lsn & 4294967295) AS lsn,
  strftime('%Y-%m-%dT%H:%M:%fZ', nullif(prepared_us, 0) / 1000000.0, 'unixepoch') AS prepared_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', nullif(committed_us, 0) / 1000000.0, 'unixepoch') AS committed_at,
  database, user, application_name, client, session
FROM transactions;
CREATE VIEW readable_events AS
SELECT transaction_id, ordinal, xid, state, op, fidelity, table_schema || '.' || table_name AS table_name,
  printf('%X/%X', lsn >> 32, lsn & 4294967295) AS lsn, key, before, after
FROM events LEFT JOIN transactions ON id = transaction_id;
)";

Error system_error(const std::string& path, const std::string& doing, int reason) {
  const bool full = reason == ENOSPC || reason == EDQUOT;
  return {"journal " + path + ": could not " + doing + ": " + std::strerror(reason) +
              (full ? "; free space on its file system"
                    : "; check that its directory exists and that Weir may write there"),
          full ? "53100" : "58030"};
}

/// Of this run of the machine; empty where the system does not say.
std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

/// What PATH.lock says: the owner's pid, the machine's boot, the journal's instance; each in a line.
std::array<std::string, 3> read_lock(int lock) {
  std::array<char, 256> text{};
  const ssize_t size = pread(lock, text.data(), text.size(), 0);
  std::istringstream lines(std::string(text.data(), size > 0 ? std::size_t(size) : 0));
  std::array<std::string, 3> read;
  for (auto& line : read) std::getline(lines, line);
  return read;
}

Result<void> write_lock(int lock, const std::string& path, const std::string& instance) {
  const std::string text = std::to_string(getpid()) + "\n" + boot_id() + "\n" + instance + "\n";
  if (ftruncate(lock, 0) == 0 && pwrite(lock, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()))
    return {};
  return system_error(path, "write " + path + ".lock", errno);
}

Result<int> lock_beside(const std::string& path) {
  const std::string lock_path = path + ".lock";
  const int lock = open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0) return system_error(path, "open " + lock_path, errno);
  if (flock(lock, LOCK_EX | LOCK_NB) == 0) return lock;
  const int reason = errno;
  const std::string pid = read_lock(lock)[0];
  close(lock);
  if (reason != EWOULDBLOCK) return system_error(path, "lock " + lock_path, reason);
  return Error{"journal " + path + ": in use by " + (pid.empty() ? "another process" : "process " + pid) +
                   "; stop it, or give this Weir a journal of its own",
               "58030"};
}

/// SQLite gives its -wal and -shm files the mode of this one: images of rows are nobody else's business.
Result<void> create_file(const std::string& path) {
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return system_error(path, "open it", errno);
  close(file);
  const std::string directory = std::filesystem::path(path).parent_path();
  const int handle = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (handle < 0) return system_error(path, "open " + directory, errno);
  const int synced = fsync(handle);
  const int reason = errno;
  close(handle);
  if (synced != 0 && reason != EINVAL) return system_error(path, "sync " + directory, reason);
  return {};
}

Result<std::string> temporary_directory() {
  const char* parent = std::getenv("TMPDIR");
  std::string name = std::string(parent != nullptr && *parent != '\0' ? parent : "/tmp") + "/weir-journal-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) return system_error(name, "create it", errno);
  return name;
}

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

Result<void> create_tables(sqlite::Database& database) {
  const std::string meta = "INSERT INTO meta VALUES ('format_version', " + std::to_string(format_version) +
                           "), ('instance', '" + random_id() +
                           "'), ('next_id', 1), ('trimmed_position', 0), ('trimmed_lsn', 0);"
                           "PRAGMA application_id = " +
                           std::to_string(application_id) + ";";
  const std::string sql = std::string("BEGIN IMMEDIATE;") + schema + meta + "COMMIT;";
  return database.execute(sql.c_str(), "create its tables");
}

Error damaged(const std::string& path, const std::string& how) {
  Error error = sqlite::describe(nullptr, SQLITE_CORRUPT, path, "use it");
  error.message += " (" + how + ")";
  return error;
}

Result<void> check_integrity(sqlite::Database& database) {
  const auto verdict = database.text("PRAGMA quick_check(1)", "check it");
  if (!verdict) return verdict.error();
  if (*verdict != "ok") return damaged(database.path(), "quick_check: " + *verdict);
  return check_events(database);
}

/// Whether the file has all the pages that its header counts. Cheap, so it is done whatever the size.
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

/// Before anything is changed in it. True where it is new.
Result<bool> is_new(sqlite::Database& database) {
  const auto id = database.integer("PRAGMA application_id", "read its header");
  if (!id) return id.error();
  const auto tables = database.integer("SELECT count(*) FROM sqlite_schema", "read its header");
  if (!tables) return tables.error();
  if (*id == 0 && *tables == 0) return true;
  if (*id == application_id) return false;
  return Error{"journal " + database.path() + ": is an SQLite database of another program; give Weir another path",
               "58030"};
}

/// What it takes to bring a file of that format to the next one.
constexpr std::array<const char*, 2> upgrades{
    "ALTER TABLE events ADD COLUMN checksum INTEGER;",
    "ALTER TABLE transactions ADD COLUMN server_run TEXT;"
    "CREATE TABLE server_runs (id INTEGER PRIMARY KEY, run TEXT NOT NULL UNIQUE);"};
static_assert(upgrades.size() + 1 == format_version);

Result<void> check_version(sqlite::Database& database) {
  const auto version = database.integer("SELECT value FROM meta WHERE name = 'format_version'", "read its version");
  if (!version) return version.error();
  if (*version > format_version || *version < 1) {
    return Error{"journal " + database.path() + ": has format version " + std::to_string(*version) +
                     ", this Weir knows up to " + std::to_string(format_version) +
                     "; run the newer Weir until its events are delivered",
                 "58030"};
  }
  for (std::int64_t next = *version + 1; next <= format_version; ++next) {
    const std::string sql = std::string("BEGIN IMMEDIATE; ") + upgrades[static_cast<std::size_t>(next) - 2] +
                            "UPDATE meta SET value = " + std::to_string(next) +
                            " WHERE name = 'format_version'; COMMIT;";
    const Result<void> done = database.execute(sql.c_str(), "take it over from an older Weir");
    if (!done) return done;
  }
  return {};
}

Result<void> use_wal(sqlite::Database& database, Journal::Durability durability) {
  const auto mode = database.text("PRAGMA journal_mode = WAL", "open it");
  if (!mode) return mode.error();
  if (*mode != "wal") {
    return Error{
        "journal " + database.path() + ": its file system cannot share memory between processes; use a local disk",
        "58030"};
  }
  const Result<void> done = database.execute(settings, "open it");
  if (!done || durability != Journal::Durability::memory) return done;
  return database.execute("PRAGMA synchronous = OFF", "open it");
}

}  // namespace

Result<JournalFile> JournalFile::claim(const Journal::Options& options) {
  JournalFile file;
  if (options.durability == Journal::Durability::memory) {
    Result<std::string> directory = temporary_directory();
    if (!directory) return directory.error();
    file.temporary_directory_ = *directory;
    file.path_ = *directory + "/journal.sqlite";
  } else {
    std::error_code failed;
    const auto absolute = std::filesystem::weakly_canonical(std::filesystem::absolute(options.path), failed);
    if (failed) return system_error(options.path, "find it", failed.value());
    file.path_ = absolute.string();
  }
  Result<int> lock = lock_beside(file.path_);
  if (!lock) return lock.error();
  file.lock_ = *lock;
  std::error_code ignored;
  const Result<void> compared = file.compare_with_lock(std::filesystem::exists(file.path_, ignored));
  if (!compared) return compared.error();
  const Result<void> created = create_file(file.path_);
  if (!created) return created.error();
  return file;
}

JournalFile::JournalFile(JournalFile&& other) noexcept {
  *this = std::move(other);
}

JournalFile& JournalFile::operator=(JournalFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(temporary_directory_, other.temporary_directory_);
  std::swap(warning_, other.warning_);
  std::swap(booted_since_, other.booted_since_);
  std::swap(seen_, other.seen_);
  std::swap(size_, other.size_);
  std::swap(lock_, other.lock_);
  return *this;
}

JournalFile::~JournalFile() {
  if (lock_ >= 0) close(lock_);  // the file stays: removing it would let two processes lock two files of one name
  std::error_code ignored;
  if (!temporary_directory_.empty()) std::filesystem::remove_all(temporary_directory_, ignored);
}

/// What the last Weir on this path left there, against what is there now.
Result<void> JournalFile::compare_with_lock(bool there) {
  const auto [pid, boot, instance] = read_lock(lock_);
  booted_since_ = boot != boot_id();
  std::error_code ignored;
  if (there && !instance.empty() && std::filesystem::file_size(path_, ignored) == 0)
    return damaged(path_, "it is empty, and was a journal before");
  if (!there && !instance.empty())
    warning_ = "journal " + path_ + ": the journal that was here (instance " + instance +
               ") is gone, with what was not delivered; a new one begins";
  return remember(there ? instance : "");
}

Result<void> JournalFile::remember(const std::string& instance) const {
  return write_lock(lock_, path_, instance);
}

Result<void> JournalFile::watch() {
  for (std::size_t i = 0; i < suffixes.size(); ++i) {
    struct stat status {};
    const std::string path = path_ + suffixes[i];
    if (stat(path.c_str(), &status) != 0) return system_error(path, "look at it", errno);
    seen_[i] = {status.st_dev, status.st_ino};
  }
  return {};
}

Result<void> JournalFile::check(std::uint64_t wal_bytes) {
  for (std::size_t i = 0; i < suffixes.size(); ++i) {
    struct stat status {};
    const std::string path = path_ + suffixes[i];
    const bool there = stat(path.c_str(), &status) == 0;
    const auto size = there ? std::uint64_t(status.st_size) : 0;
    std::string what;
    if (!there) {
      what = errno == ENOENT ? "was removed" : std::string("cannot be looked at (") + std::strerror(errno) + ")";
    } else if (status.st_dev != seen_[i].device || status.st_ino != seen_[i].inode) {
      what = "was replaced by another file";
    } else if (i == 0 ? size < size_ : i == 1 && wal_bytes > 0 && size < wal_bytes + wal_header_bytes) {
      what = "was cut off by another program";
    }
    if (i == 0 && what.empty()) size_ = size;
    if (what.empty()) continue;
    return Error{"journal " + path_ + ": " + path + " " + what +
                     " while Weir uses it; put it back, or let the destinations take what they still can and restart "
                     "Weir with another journal",
                 "58030"};
  }
  return {};
}

/// Before SQLite reads the WAL, and takes what is behind damage for never written.
Result<void> JournalFile::check_wal_at_start() {
  const std::string path = path_ + "-wal";
  const WalState state = look_at_wal(path);
  if (!state.damaged) return {};
  if (!booted_since_) return damaged(path_, path + ": damaged behind frame " + std::to_string(state.whole_frames));
  // The system may have written later blocks before earlier ones, of what nobody had been promised yet.
  warning_ = "journal " + path_ + ": " + path + " is damaged behind frame " + std::to_string(state.whole_frames) +
             ", and what follows is cut off. After a power loss that is what was not synced yet; if there was none, "
             "transactions are missing";
  return {};
}

Result<sqlite::Database> open_journal_database(JournalFile& file, Journal::Durability durability) {
  const std::string& path = file.path();
  std::error_code ignored;
  const std::uintmax_t wal_size = std::filesystem::file_size(path + "-wal", ignored);
  const bool clean = ignored || wal_size == 0;
  const std::uintmax_t size = std::filesystem::file_size(path, ignored);
  Result<void> done = size == 0 ? Result<void>() : file.check_wal_at_start();
  if (done && clean) done = check_length(path, size);
  if (!done) return done.error();
  Result<sqlite::Database> database = sqlite::Database::open(path);
  if (!database) return database;
  const Result<bool> created = is_new(*database);
  if (!created) return created.error();
  done = use_wal(*database, durability);
  if (done && *created) done = create_tables(*database);
  if (done) done = check_version(*database);
  if (done && !*created && (!clean || size < always_check_below)) done = check_integrity(*database);
  if (!done) return done.error();
  return database;
}

}  // namespace weir::capture
