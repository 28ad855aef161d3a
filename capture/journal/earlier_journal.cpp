#include "capture/journal/earlier_journal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "capture/journal/book_file.h"
#include "capture/journal/folder.h"
#include "capture/journal/sqlite.h"
#include "capture/journal/sqlite_wal.h"

namespace weir::capture {

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t first_version = 1;
constexpr std::int64_t last_version = 3;
constexpr std::int64_t first_with_server_runs = 3;
constexpr const char* what_to_do =
    "; start the earlier version on it once more until all is delivered, then this one, or give this one another path";

constexpr const char* undelivered =
    "SELECT count(*) FROM transactions WHERE state = 'committed'"
    " AND position > ifnull((SELECT min(position) FROM checkpoints), 0)";
constexpr const char* in_doubt = "SELECT count(*) FROM transactions WHERE state IN ('prepared', 'acknowledged')";
constexpr const char* furthest_behind = "SELECT emitter FROM checkpoints ORDER BY position, emitter LIMIT 1";

constexpr const char* hand_over = R"(
INSERT INTO main.destinations (name, position) SELECT emitter, position FROM earlier.checkpoints;
INSERT OR IGNORE INTO main.destinations (name, position, forgotten)
  SELECT substr(name, 11), value, 1 FROM earlier.meta WHERE name GLOB 'forgotten:*';
INSERT INTO main.dead_letters (id, destination, position, topic, key, value, reason, stored_at)
  SELECT id, emitter, position, topic, key, value, reason, stored_at FROM earlier.dead_letters;
UPDATE main.meta SET value = (SELECT value FROM earlier.meta WHERE name = 'instance') WHERE name = 'instance';
UPDATE main.meta SET value = max(
    (SELECT ifnull(max(position), 0) FROM earlier.transactions),
    (SELECT ifnull(max(position), 0) FROM main.destinations),
    (SELECT value FROM earlier.meta WHERE name = 'trimmed_position'))
  WHERE name = 'position';
INSERT INTO main.meta SELECT 'taken_over_id', max(
    (SELECT ifnull(max(id), 0) FROM earlier.transactions),
    (SELECT value - 1 FROM earlier.meta WHERE name = 'next_id'));
INSERT INTO main.meta SELECT 'taken_over_lsn', max(
    (SELECT ifnull(max(last_lsn), 0) FROM earlier.transactions WHERE state = 'committed'),
    (SELECT value FROM earlier.meta WHERE name = 'trimmed_lsn'));
)";
constexpr const char* hand_over_runs =
    "INSERT INTO main.server_runs (id, run) SELECT id, run FROM earlier.server_runs;";

bool is_database(const std::string& path) {
  std::array<char, 16> begins{};
  std::ifstream file(path, std::ios::binary);
  file.read(begins.data(), begins.size());
  return file && std::string_view(begins.data(), begins.size()) == std::string_view("SQLite format 3\0", 16);
}

/// The lock beside the file, which a Weir of the earlier version has while it runs. Closed with this object.
class EarlierLock {
 public:
  EarlierLock() = default;
  EarlierLock(EarlierLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
  ~EarlierLock() {
    if (file_ >= 0) close(file_);
  }

  static Result<EarlierLock> take(const std::string& path) {
    EarlierLock lock;
    lock.file_ = open((path + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock.file_ < 0) return system_error(path, "open its lock", errno);
    if (flock(lock.file_, LOCK_EX | LOCK_NB) == 0) return lock;
    if (errno != EWOULDBLOCK) return system_error(path, "lock it", errno);
    std::string pid;
    std::ifstream text(path + ".lock");
    std::getline(text, pid);
    return Error{"journal " + path + ": in use by " + (pid.empty() ? "another process" : "process " + pid) +
                     "; stop it, or give this Weir a journal of its own",
                 "58030"};
  }

 private:
  int file_ = -1;
};

Error refused(const std::string& path, const std::string& why, const char* advice = what_to_do) {
  return {"journal " + path + ": is a journal of an earlier version, one file, and " + why + advice, "58030"};
}

Result<std::int64_t> version_of(sqlite::Database& database) {
  const auto version = database.integer("SELECT value FROM meta WHERE name = 'format_version'", "read its version");
  if (!version || (*version >= first_version && *version <= last_version)) return version;
  return refused(database.path(), "has format version " + std::to_string(*version) + ", which nobody knows",
                 "; give this Weir another path");
}

/// Nothing in it may be on its way to anybody.
Result<void> check_delivered(sqlite::Database& database) {
  const auto behind = database.integer(undelivered, "read it");
  if (!behind) return behind.error();
  if (*behind > 0) {
    const auto who = database.text(furthest_behind, "read it");
    if (!who) return who.error();
    const bool is_one = *behind == 1;
    return refused(database.path(), counted(static_cast<std::uint64_t>(*behind), "transaction") + " in it " +
                                        (is_one ? "is" : "are") + " not delivered" +
                                        (who->empty() ? "" : " to " + *who));
  }
  const auto doubtful = database.integer(in_doubt, "read it");
  if (!doubtful) return doubtful.error();
  if (*doubtful == 0) return {};
  return refused(database.path(), "how " + counted(static_cast<std::uint64_t>(*doubtful), "transaction") +
                                      " in it ended is not known yet");
}

/// Opens it where it is whole and nothing is undelivered, with all of it in the file itself.
Result<sqlite::Database> open_delivered(const std::string& path) {
  if (sqlite::look_at_wal(path + "-wal").damaged) return refused(path, "its -wal is damaged");
  auto database = sqlite::Database::open(path);
  if (!database) return database;
  const auto version = version_of(*database);
  if (!version) return version.error();
  const auto verdict = database->text("PRAGMA quick_check(1)", "check it");
  if (!verdict) return verdict.error();
  if (*verdict != "ok") return refused(path, "is damaged (quick_check: " + *verdict + ")");
  if (const auto delivered = check_delivered(*database); !delivered) return delivered.error();
  const auto is_busy = database->integer("PRAGMA wal_checkpoint(TRUNCATE)", "close it");
  if (!is_busy) return is_busy.error();
  if (*is_busy != 0) return refused(path, "another program has it open", "; close it there");
  return database;
}

Result<void> write_book(const std::string& folder, const std::string& earlier, std::int64_t version) {
  auto file = open_book_file(folder + "/book.sqlite", false, true);
  if (!file) return file.error();
  auto attach = file->database.prepare("ATTACH ? AS earlier", "take over");
  if (!attach) return attach.error();
  Result<void> done = attach->bind(earlier).run();
  const std::string sql = std::string("BEGIN IMMEDIATE;") + hand_over +
                          (version >= first_with_server_runs ? hand_over_runs : "") + "COMMIT;";
  if (done) done = file->database.execute(sql.c_str(), "take over");
  return done;
}

Result<void> rename_durably(const std::string& from, const std::string& to) {
  if (rename(from.c_str(), to.c_str()) != 0) return system_error(from, "rename it to " + to, errno);
  return sync_folder(fs::path(to).parent_path());
}

Result<std::string> take_over(const std::string& path, const std::string& made, const std::string& old) {
  std::error_code failed;
  if (fs::exists(old, failed)) return refused(path, old + " is in the way", "; move that away");
  auto database = open_delivered(path);
  if (!database) return database.error();
  const auto version = version_of(*database);
  if (!version) return version.error();
  fs::remove_all(made, failed);
  if (mkdir(made.c_str(), 0700) != 0) return system_error(made, "make it", errno);
  Result<void> done = write_book(made, path, *version);
  if (done) done = sync_folder(made);
  *database = sqlite::Database();  // its -wal and -shm go with the last who has it open
  if (done) done = rename_durably(path, old);
  if (done) done = rename_durably(made, path);
  if (!done) return done.error();
  (void)rename((path + ".lock").c_str(), (old + ".lock").c_str());
  return "journal " + path +
         ": was one file of an earlier version, with nothing undelivered in it; its destinations go on "
         "in a folder of that name, and the file is " +
         old + " now";
}

}  // namespace

Result<std::string> take_over_earlier_journal(const std::string& path) {
  const std::string made = path + ".taking-over";
  const std::string old = path + ".old";
  std::error_code failed;
  if (!fs::exists(path, failed) && fs::exists(made + "/book.sqlite", failed) && fs::exists(old, failed)) {
    const auto done = rename_durably(made, path);
    return done ? Result<std::string>("") : done.error();
  }
  if (!fs::is_regular_file(path, failed) || !is_database(path)) return std::string();
  const auto lock = EarlierLock::take(path);
  if (!lock) return lock.error();
  if (!fs::is_regular_file(path, failed)) return std::string();  // somebody else has just done it
  {
    auto looked = sqlite::Database::open(path);
    if (!looked) return looked.error();
    const auto id = looked->integer("PRAGMA application_id", "read its header");
    if (!id) return id.error();
    if (*id != book_application_id)
      return Error{"journal " + path + ": is an SQLite database of another program; give Weir another path", "58030"};
  }
  return take_over(path, made, old);
}

}  // namespace weir::capture
