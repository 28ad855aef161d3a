// SQLite, as much of it as the book needs: a connection, cached prepared statements, and errors a person can act on.
//
// The one place, with the book's own sources, that includes sqlite3.h. A Database outlives its Statements. Every
// statement is reset as soon as it has no more rows or failed, so that no snapshot is kept between calls (an old
// snapshot keeps SQLite from reusing its WAL). Bound text is not copied: it must live until the statement is reset.
#pragma once

#include <sqlite3.h>

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace weir::capture::sqlite {

/// What SQLite reports, with what was being done, which file, and what to do. SQLSTATE 53100 where the disk is full,
/// 54000 where a value is larger than SQLite takes (1 GB), 58030 otherwise.
Error describe(sqlite3* connection, int code, std::string_view path, std::string_view doing);

class Statement {
 public:
  Statement() = default;
  Statement(sqlite3* connection, sqlite3_stmt* statement, std::string path, std::string doing);
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;
  ~Statement() { sqlite3_finalize(statement_); }

  /// Binds all parameters in their order.
  template <typename... Values>
  Statement& bind(const Values&... values) {
    bind_code_ = SQLITE_OK;
    int index = 0;
    (keep(bind_one(++index, values)), ...);
    return *this;
  }
  /// True: a row is there. After the last one, and on an error, the statement is reset.
  Result<bool> step();
  /// For statements without rows.
  Result<void> run();
  void reset() { sqlite3_reset(statement_); }
  /// SQLite's code of the last step.
  int code() const { return code_; }

  std::int64_t integer(int column) { return sqlite3_column_int64(statement_, column); }
  bool is_null(int column) { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
  /// Valid until the next step or reset.
  std::string_view text(int column);
  std::optional<std::string> optional_text(int column);

 private:
  template <std::integral Integer>
  int bind_one(int index, Integer value) {
    return sqlite3_bind_int64(statement_, index, static_cast<sqlite3_int64>(value));
  }
  int bind_one(int index, std::nullptr_t) { return sqlite3_bind_null(statement_, index); }
  int bind_one(int index, std::string_view text) {
    return sqlite3_bind_text64(statement_, index, text.data() == nullptr ? "" : text.data(), text.size(), SQLITE_STATIC,
                               SQLITE_UTF8);
  }
  int bind_one(int index, const std::string& text) { return bind_one(index, std::string_view(text)); }
  template <typename Value>
  int bind_one(int index, const std::optional<Value>& value) {
    return value ? bind_one(index, *value) : bind_one(index, nullptr);
  }
  void keep(int code) {
    if (bind_code_ == SQLITE_OK) bind_code_ = code;
  }

  sqlite3* connection_ = nullptr;
  sqlite3_stmt* statement_ = nullptr;
  int bind_code_ = SQLITE_OK;
  int code_ = SQLITE_OK;
  std::string path_;
  std::string doing_;
};

class Database {
 public:
  Database() = default;
  Database(Database&& other) noexcept;
  Database& operator=(Database&& other) noexcept;
  ~Database() { sqlite3_close(connection_); }

  /// An existing file, to read and write. Waits up to some seconds where another process writes.
  static Result<Database> open(const std::string& path);
  /// An existing file, to read; also one that another process writes, or that lies where nothing may be written.
  static Result<Database> look(const std::string& path);

  /// Statements without parameters and rows. `doing` is the verb of the error: "create", "check", …
  Result<void> execute(const char* sql, std::string_view doing);
  Result<Statement> prepare(const char* sql, std::string_view doing);
  /// The first column of the first row; 0 where there is none.
  Result<std::int64_t> integer(const char* sql, std::string_view doing);
  /// The same as text.
  Result<std::string> text(const char* sql, std::string_view doing);

  sqlite3* connection() const { return connection_; }
  const std::string& path() const { return path_; }

 private:
  static Result<Database> open_with(const std::string& path, const std::string& uri, int flags);

  sqlite3* connection_ = nullptr;
  std::string path_;
};

}  // namespace weir::capture::sqlite
