#include "tests/support/pg_connection.h"

#include <memory>
#include <stdexcept>
#include <utility>

#include "tests/support/raw_client.h"

namespace weir::test_support {
namespace {

constexpr int error_fields[] = {PG_DIAG_SEVERITY,           PG_DIAG_SEVERITY_NONLOCALIZED,
                                PG_DIAG_SQLSTATE,           PG_DIAG_MESSAGE_PRIMARY,
                                PG_DIAG_MESSAGE_DETAIL,     PG_DIAG_MESSAGE_HINT,
                                PG_DIAG_STATEMENT_POSITION, PG_DIAG_INTERNAL_POSITION,
                                PG_DIAG_INTERNAL_QUERY,     PG_DIAG_CONTEXT,
                                PG_DIAG_SCHEMA_NAME,        PG_DIAG_TABLE_NAME,
                                PG_DIAG_COLUMN_NAME,        PG_DIAG_DATATYPE_NAME,
                                PG_DIAG_CONSTRAINT_NAME};

struct ClearResult {
  void operator()(PGresult* result) const { PQclear(result); }
};

std::string render_field(const PGresult* result, int column) {
  // The columns of a COPY have formats, but no names.
  const char* name = PQfname(result, column);
  return "field " + printable(name == nullptr ? "" : name) + " table " + render_oid(PQftable(result, column)) + "." +
         std::to_string(PQftablecol(result, column)) + " type " + render_oid(PQftype(result, column)) + " size " +
         std::to_string(PQfsize(result, column)) + " mod " + std::to_string(PQfmod(result, column)) + " format " +
         std::to_string(PQfformat(result, column));
}

std::string render_row(const PGresult* result, int row) {
  std::string out = "row";
  for (int column = 0; column < PQnfields(result); ++column) {
    const auto size = static_cast<std::size_t>(PQgetlength(result, row, column));
    out += PQgetisnull(result, row, column) ? " NULL" : " '" + printable({PQgetvalue(result, row, column), size}) + "'";
  }
  return out;
}

}  // namespace

std::string render_error(const PGresult* result) {
  std::string out;
  for (const int field : error_fields) {
    if (const char* value = PQresultErrorField(result, field)) {
      out += std::string(" ") + static_cast<char>(field) + "=" + printable(value);
    }
  }
  // Errors of libpq itself (a lost connection) have no fields.
  return out.empty() ? " " + printable(PQresultErrorMessage(result)) : out;
}

PgConnection::PgConnection(const std::string& conninfo) : connection_(PQconnectdb(conninfo.c_str())) {
  if (PQstatus(connection_) == CONNECTION_OK) return;
  const std::string message = PQerrorMessage(connection_);
  PQfinish(connection_);
  throw std::runtime_error(message);
}

PgConnection::PgConnection(PgConnection&& other) noexcept : connection_(std::exchange(other.connection_, nullptr)) {}

PgConnection::~PgConnection() {
  PQfinish(connection_);
}

std::vector<Row> PgConnection::rows(const std::string& sql) const {
  const std::unique_ptr<PGresult, ClearResult> result(PQexec(connection_, sql.c_str()));
  const auto status = PQresultStatus(result.get());
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK && status != PGRES_EMPTY_QUERY) {
    throw std::runtime_error(sql.substr(0, 300) + ": " + PQerrorMessage(connection_));
  }
  std::vector<Row> rows(static_cast<std::size_t>(PQntuples(result.get())));
  for (int r = 0; r < PQntuples(result.get()); ++r) {
    for (int c = 0; c < PQnfields(result.get()); ++c) {
      const auto size = static_cast<std::size_t>(PQgetlength(result.get(), r, c));
      auto& row = rows[static_cast<std::size_t>(r)];
      if (PQgetisnull(result.get(), r, c)) {
        row.emplace_back();
      } else {
        row.emplace_back(std::string(PQgetvalue(result.get(), r, c), size));
      }
    }
  }
  return rows;
}

std::string PgConnection::value(const std::string& sql) const {
  const auto found = rows(sql);
  if (found.empty() || found[0].empty()) throw std::runtime_error(sql + ": no row");
  return found[0][0].value_or("");
}

void PgConnection::run(const std::string& sql) const {
  rows(sql);
}

std::string PgConnection::try_run(const std::string& sql) const {
  const std::unique_ptr<PGresult, ClearResult> result(PQexec(connection_, sql.c_str()));
  const auto status = PQresultStatus(result.get());
  if (status != PGRES_FATAL_ERROR && status != PGRES_BAD_RESPONSE) return "00000";
  const char* sqlstate = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
  return sqlstate == nullptr ? "08000" : sqlstate;
}

std::vector<std::string> render(const PGresult* result) {
  const auto status = PQresultStatus(result);
  std::vector<std::string> lines{std::string(PQresStatus(status)) + " tag '" +
                                 PQcmdStatus(const_cast<PGresult*>(result)) + "' oid " +
                                 std::to_string(PQoidValue(result)) + " parameters"};
  for (int i = 0; i < PQnparams(result); ++i) lines[0] += " " + render_oid(PQparamtype(result, i));
  if (status == PGRES_FATAL_ERROR || status == PGRES_NONFATAL_ERROR || status == PGRES_BAD_RESPONSE) {
    lines.push_back("error" + render_error(result));
  }
  for (int column = 0; column < PQnfields(result); ++column) lines.push_back(render_field(result, column));
  for (int row = 0; row < PQntuples(result); ++row) lines.push_back(render_row(result, row));
  return lines;
}

}  // namespace weir::test_support
