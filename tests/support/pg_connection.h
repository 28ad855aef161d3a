// A libpq connection for tests, and every libpq answer as text that can be compared.
//
// `rows` and `run` throw on an error: they are for what must work. The recording functions never throw: an error is
// part of what is recorded. One connection belongs to one thread at a time.
#pragma once

#include <libpq-fe.h>

#include <optional>
#include <string>
#include <vector>

namespace weir::test_support {

using Row = std::vector<std::optional<std::string>>;

class PgConnection {
 public:
  explicit PgConnection(const std::string& conninfo);
  PgConnection(PgConnection&& other) noexcept;
  PgConnection& operator=(PgConnection&&) = delete;
  ~PgConnection();

  PGconn* raw() const { return connection_; }
  /// One statement; its rows in text format.
  std::vector<Row> rows(const std::string& sql) const;
  /// The first column of the first row; empty for NULL.
  std::string value(const std::string& sql) const;
  /// Any number of statements without interest in their answers.
  void run(const std::string& sql) const;
  /// SQLSTATE; "00000" where it worked, "08000" where the connection is gone.
  std::string try_run(const std::string& sql) const;

 private:
  PGconn* connection_;
};

/// The fields of an error or notice, but for file, line and routine.
std::string render_error(const PGresult* result);
/// Everything a result shows a client, but for file, line and routine of an error: one line for each part.
std::vector<std::string> render(const PGresult* result);

}  // namespace weir::test_support
