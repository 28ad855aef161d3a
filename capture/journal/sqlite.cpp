#include "capture/journal/sqlite.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace weir::capture::sqlite {

namespace {

constexpr int busy_milliseconds = 5000;

/// SQLite does not keep errno where a COMMIT fails.
int system_reason(sqlite3* connection) {
  return errno != 0 ? errno : sqlite3_system_errno(connection);
}

bool disk_is_full(sqlite3* connection, int code) {
  if ((code & 0xFF) == SQLITE_FULL) return true;
  if ((code & 0xFF) != SQLITE_IOERR || connection == nullptr) return false;
  const int reason = system_reason(connection);
  return reason == ENOSPC || reason == EDQUOT || reason == EFBIG;
}

const char* advice(int code) {
  switch (code & 0xFF) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return "the file is damaged: stop Weir, and put a copy of it back, or move it aside with all of its journal and "
             "start again; what was not delivered yet is lost then, and `weir journal export` still reads it";
    case SQLITE_CANTOPEN:
      return "check that its directory exists and that Weir may write there";
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return "check the permissions of the file and of its directory";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "another program is writing to it: close its transaction";
    default:
      return "check the disk and the system's log";
  }
}

std::string uri_of(const std::string& path) {
  std::string uri = "file:";
  for (const char byte : path) {
    if (byte == '%' || byte == '?' || byte == '#') {
      uri += byte == '%' ? "%25" : byte == '?' ? "%3f" : "%23";
    } else {
      uri += byte;
    }
  }
  return uri;
}

}  // namespace

Error describe(sqlite3* connection, int code, std::string_view path, std::string_view doing) {
  std::string message = "journal " + std::string(path) + ": could not " + std::string(doing) + ": ";
  message += sqlite3_errstr(code);
  if (connection != nullptr && sqlite3_extended_errcode(connection) == code) {
    const char* detail = sqlite3_errmsg(connection);
    if (std::strcmp(detail, sqlite3_errstr(code)) != 0) message += std::string(" (") + detail + ")";
    if ((code & 0xFF) == SQLITE_IOERR || (code & 0xFF) == SQLITE_CANTOPEN) {
      const int reason = system_reason(connection);
      if (reason != 0) message += std::string(": ") + std::strerror(reason);
    }
  }
  if (disk_is_full(connection, code)) return {message + "; free space on its file system", "53100"};
  if ((code & 0xFF) == SQLITE_TOOBIG) return {message + "; a row larger than 1 GB cannot be journalled", "54000"};
  return {message + "; " + advice(code), "58030"};
}

Statement::Statement(sqlite3* connection, sqlite3_stmt* statement, std::string path, std::string doing)
    : connection_(connection), statement_(statement), path_(std::move(path)), doing_(std::move(doing)) {}

Statement::Statement(Statement&& other) noexcept {
  *this = std::move(other);
}

Statement& Statement::operator=(Statement&& other) noexcept {
  std::swap(connection_, other.connection_);
  std::swap(statement_, other.statement_);
  std::swap(bind_code_, other.bind_code_);
  std::swap(code_, other.code_);
  std::swap(path_, other.path_);
  std::swap(doing_, other.doing_);
  return *this;
}

Result<bool> Statement::step() {
  errno = 0;
  code_ = bind_code_ != SQLITE_OK ? bind_code_ : sqlite3_step(statement_);
  if (code_ == SQLITE_ROW) return true;
  if (code_ == SQLITE_DONE) {
    reset();
    return false;
  }
  Error error = describe(connection_, code_, path_, doing_);
  reset();
  return error;
}

Result<void> Statement::run() {
  const Result<bool> stepped = step();
  if (!stepped) return stepped.error();
  reset();
  return {};
}

std::string_view Statement::text(int column) {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (bytes == nullptr) return {};
  return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

std::optional<std::string> Statement::optional_text(int column) {
  if (is_null(column)) return std::nullopt;
  return std::string(text(column));
}

Database::Database(Database&& other) noexcept {
  *this = std::move(other);
}

Database& Database::operator=(Database&& other) noexcept {
  std::swap(connection_, other.connection_);
  std::swap(path_, other.path_);
  return *this;
}

Result<Database> Database::open_with(const std::string& path, const std::string& uri, int flags) {
  Database database;
  database.path_ = path;
  errno = 0;
  const int code = sqlite3_open_v2(uri.c_str(), &database.connection_, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  if (code != SQLITE_OK) return describe(database.connection_, code, path, "open it");
  sqlite3_extended_result_codes(database.connection_, 1);
  sqlite3_busy_timeout(database.connection_, busy_milliseconds);
  return database;
}

Result<Database> Database::open(const std::string& path) {
  return open_with(path, path, SQLITE_OPEN_READWRITE);
}

Result<Database> Database::look(const std::string& path) {
  auto database = open_with(path, path, SQLITE_OPEN_READONLY);
  if (!database || database->text("PRAGMA schema_version", "read its header")) return database;
  // Without a -wal and -shm, and without the right to make them, it can be read as a file that nobody changes.
  auto unchanging = open_with(path, uri_of(path) + "?immutable=1", SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
  std::error_code failed;
  const bool has_wal = std::filesystem::file_size(path + "-wal", failed) > 0 && !failed;
  return has_wal || !unchanging ? std::move(database) : std::move(unchanging);
}

Result<void> Database::execute(const char* sql, std::string_view doing) {
  errno = 0;
  const int code = sqlite3_exec(connection_, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return describe(connection_, code, path_, doing);
  return {};
}

Result<Statement> Database::prepare(const char* sql, std::string_view doing) {
  sqlite3_stmt* statement = nullptr;
  errno = 0;
  const int code = sqlite3_prepare_v3(connection_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return describe(connection_, code, path_, doing);
  return Statement(connection_, statement, path_, std::string(doing));
}

Result<std::int64_t> Database::integer(const char* sql, std::string_view doing) {
  Result<Statement> statement = prepare(sql, doing);
  if (!statement) return statement.error();
  const Result<bool> row = statement->step();
  if (!row) return row.error();
  return *row ? statement->integer(0) : 0;
}

Result<std::string> Database::text(const char* sql, std::string_view doing) {
  Result<Statement> statement = prepare(sql, doing);
  if (!statement) return statement.error();
  const Result<bool> row = statement->step();
  if (!row) return row.error();
  return *row ? std::string(statement->text(0)) : std::string();
}

}  // namespace weir::capture::sqlite
