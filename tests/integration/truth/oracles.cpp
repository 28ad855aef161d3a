#include "tests/integration/truth/oracles.h"

#include <boost/json.hpp>
#include <stdexcept>

#include "tests/integration/truth/workload.h"

namespace weir::truth {
namespace {

using test_support::canonical;
using test_support::Members;
using test_support::members_of;
using test_support::Oracle;
using test_support::PgConnection;

std::string root_of(const std::string& table) {
  const auto found = partition_roots().find(table);
  return found == partition_roots().end() ? table : found->second;
}

std::string key_of(const std::string& table, const Members& row) {
  const auto& columns = key_columns().at(table);
  if (columns.empty()) return "";
  Members key;
  for (const auto& column : columns) key[column] = row.at(column);
  return canonical(key);
}

/// A change of the key is a delete of the old and a create of the new one, as consumers see it.
void add_change(Oracle& oracle, std::uint64_t xid, const std::string& table, char op, const Members& before,
                const Members& after, const std::string& image) {
  if (op == 'd') return oracle.add(xid, {table, 'd', key_of(table, before), ""});
  const auto key = key_of(table, after);
  if (op == 'u' && !before.empty() && key_of(table, before) != key) {
    oracle.add(xid, {table, 'd', key_of(table, before), ""});
    op = 'c';
  }
  oracle.add(xid, {table, op, key, canonical(after)}, image);
}

Members members_or_none(const std::string& text) {
  return text.empty() ? Members{} : members_of(text);
}

/// The JSON string's content.
std::string unquoted(const std::string& token) {
  return std::string(boost::json::parse(token).as_string());
}

/// [{"name":"id","type":"integer","value":1},…]
Members columns_of_wal2json(const Members& line, const char* member) {
  Members columns;
  if (line.count(member) == 0) return columns;
  for (const auto& element : test_support::elements_of(line.at(member))) {
    const auto column = members_of(element);
    columns[unquoted(column.at("name"))] = column.at("value");
  }
  return columns;
}

void add_wal2json(Oracle& oracle, std::uint64_t xid, const std::string& data) {
  const auto line = members_of(data);
  const auto action = unquoted(line.at("action"));
  if (action != "I" && action != "U" && action != "D") return;
  const auto table = unquoted(line.at("schema")) + "." + unquoted(line.at("table"));
  if (key_columns().count(root_of(table)) == 0) return;
  const char op = action == "I" ? 'c' : action == "U" ? 'u' : 'd';
  add_change(oracle, xid, root_of(table), op, columns_of_wal2json(line, "identity"),
             columns_of_wal2json(line, "columns"), "");
}

/// "table public.hot: UPDATE: old-key: id[integer]:1 new-tuple: id[integer]:2 …"
void add_test_decoding(Oracle& oracle, std::uint64_t xid, const std::string& data) {
  if (data.compare(0, 6, "table ") != 0) return;
  const auto name_end = data.find(": ");
  const auto table = data.substr(6, name_end - 6);
  if (key_columns().count(root_of(table)) == 0) return;
  const auto action_end = data.find(": ", name_end + 2);
  const auto action = data.substr(name_end + 2, action_end - name_end - 2);
  auto rest = data.substr(action_end + 2);
  Members old_key;
  if (rest.compare(0, 9, "old-key: ") == 0) {
    const auto split = rest.find(" new-tuple: ");
    old_key = columns_of_test_decoding(rest.substr(9, split - 9));
    rest = rest.substr(split + 12);
  }
  const auto row = columns_of_test_decoding(rest);
  const char op = action == "INSERT" ? 'c' : action == "UPDATE" ? 'u' : 'd';
  add_change(oracle, xid, root_of(table), op, op == 'd' ? row : old_key, row, "");
}

/// Takes "'it''s' more" apart; `at` is behind the opening quote and ends behind the closing one.
std::string quoted(const std::string& text, std::size_t& at) {
  std::string value;
  for (; at < text.size(); ++at) {
    if (text[at] != '\'') {
      value.push_back(text[at]);
    } else if (at + 1 < text.size() && text[at + 1] == '\'') {
      value.push_back(text[at++]);
    } else {
      ++at;
      return value;
    }
  }
  throw std::runtime_error("test_decoding: no end of a string in " + text);
}

}  // namespace

Members columns_of_test_decoding(const std::string& text) {
  Members row;
  std::size_t at = 0;
  while (at < text.size()) {
    const auto type = text.find('[', at);
    const auto value = text.find("]:", type);
    if (type == std::string::npos || value == std::string::npos) throw std::runtime_error("test_decoding: " + text);
    const auto name = text.substr(at, type - at);
    at = value + 2;
    if (text[at] == '\'') {
      row[name] = boost::json::serialize(boost::json::value(quoted(text, ++at)));
    } else {
      const auto end = std::min(text.find(' ', at), text.size());
      row[name] = text.substr(at, end - at);
      at = end;
    }
    ++at;
  }
  return row;
}

Oracle oracle_of_history(const PgConnection& connection) {
  Oracle oracle;
  for (const auto& row : connection.rows("SELECT xid, tab, op, before, after FROM history ORDER BY seq")) {
    const char op = row[2] == "i" ? 'c' : row[2]->at(0);
    const auto image = row[4].value_or("");
    add_change(oracle, std::stoull(*row[0]), root_of("public." + *row[1]), op, members_or_none(row[3].value_or("")),
               members_or_none(image), image);
  }
  return oracle;
}

void make_slot(const PgConnection& connection, int version) {
  connection.run(std::string("SELECT pg_create_logical_replication_slot('oracle', '") +
                 (version == 15 ? "wal2json" : "test_decoding") + "')");
}

Oracle oracle_of_decoding(const PgConnection& connection, int version) {
  Oracle oracle;
  const std::string options = version == 15 ? ", 'format-version', '2'" : "";
  for (const auto& row :
       connection.rows("SELECT xid, data FROM pg_logical_slot_get_changes('oracle', NULL, NULL" + options + ")")) {
    (version == 15 ? add_wal2json : add_test_decoding)(oracle, std::stoull(*row[0]), *row[1]);
  }
  return oracle;
}

}  // namespace weir::truth
