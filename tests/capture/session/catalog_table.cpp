#include "tests/capture/session/catalog_table.h"

#include <boost/algorithm/hex.hpp>
#include <iterator>

namespace weir::testing {
namespace {

std::string in_hex(const std::string& text) {
  std::string out;
  boost::algorithm::hex_lower(text.begin(), text.end(), std::back_inserter(out));
  return out;
}

std::string boolean(bool value) {
  return value ? "true" : "false";
}

}  // namespace

Values Table::no_facts(const std::string& creation_schema) {
  Values row = Table().facts();
  row.assign(row.size(), std::nullopt);
  for (const std::size_t column : {5u, 8u, 13u, 14u}) row[column] = boolean(false);
  for (const std::size_t column : {14u, 17u}) row[column] = boolean(false);
  row[18] = in_hex(creation_schema);
  row[19] = row[21] = boolean(false);
  row[22] = "0";
  row[23] = "1";
  return row;
}

Table Table::without_updates() const {
  Table table = *this;
  table.updates.clear();
  table.digest += "0";
  return table;
}

Values Table::facts() const {
  const auto or_null = [](const std::string& text) {
    return text.empty() ? std::nullopt : std::optional(in_hex(text));
  };
  return {oid,
          in_hex(schema),
          in_hex(table),
          kind,
          persistence,
          boolean(has_rules),
          boolean(row_security),
          boolean(selectable),
          boolean(shows_text),
          or_null(key),
          or_null(columns),
          or_null(leaves),
          or_null(routing),
          boolean(routes_by_expression),
          boolean(logged),
          server_run,
          or_null(updates),
          boolean(has_foreign),
          in_hex(creation_schema),
          boolean(has_update_triggers),
          or_null(types),
          boolean(is_first_in_path),
          digest,
          "1"};
}

}  // namespace weir::testing
