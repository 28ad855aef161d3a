// Errors inside a block, where nothing of Weir's own can be undone: each must be the one that the client's statement
// raises by itself, with its fields, at its place among the answers.
#include "tests/integration/differential/script.h"

namespace weir::differential {
namespace {

/// The statement fails in a block: by Query, behind another statement of the same Query, in a pipeline behind another
/// one, and behind a savepoint, which the block goes on from.
void fails_in_block(Script& s, const std::string& sql) {
  s.query("BEGIN");
  s.client().query(sql);
  s.step("Query: " + sql);
  s.client().query("ROLLBACK; BEGIN; UPDATE nokey SET b = 'first' WHERE a = 1; /* é */ " + sql + "; SELECT 'never'");
  s.step("behind a write: " + sql);
  s.query("ROLLBACK; BEGIN; SAVEPOINT here");
  s.client().parse("", "UPDATE nokey SET b = 'first' WHERE a = 1").bind("", "").execute("");
  s.client().parse("", sql).describe_statement("").bind("", "").execute("").sync();
  s.step("pipeline: " + sql);
  s.query("ROLLBACK TO here; INSERT INTO nokey VALUES (8, 'after'); COMMIT");
}

void schema_without_usage(Script& s) {
  const std::string hidden = "hidden_" + s.schema();
  s.direct("CREATE SCHEMA " + hidden + "; CREATE TABLE " + hidden + ".t (id int PRIMARY KEY, v text); INSERT INTO " +
           hidden + ".t VALUES (1, 'a'); GRANT ALL ON " + hidden + ".t TO app");
  s.connect("app");
  fails_in_block(s, "INSERT INTO " + hidden + ".t VALUES (2, 'b')");
  fails_in_block(s, "  UPDATE " + hidden + ".t SET id = 3 WHERE id = 1");
  fails_in_block(s, "DELETE FROM \"" + hidden + "\".\"no such table\"");
  fails_in_block(s,
                 "WITH gone AS (DELETE FROM " + hidden + ".t RETURNING *) INSERT INTO items(id) SELECT id FROM gone");
  fails_in_block(s, "WITH gone AS (DELETE FROM " + hidden + ".t RETURNING *) INSERT INTO missing SELECT * FROM gone");
  fails_in_block(s, "TRUNCATE " + hidden + ".t");
  fails_in_block(s, "TRUNCATE items, " + hidden + ".t CASCADE");
  s.query("COPY " + hidden + ".t FROM STDIN");
  s.direct("GRANT USAGE ON SCHEMA " + hidden + " TO app");
  s.query("BEGIN");
  s.query("INSERT INTO " + hidden + ".t VALUES (2, 'b')");
  s.query("COMMIT");
  s.direct("REVOKE USAGE ON SCHEMA " + hidden + " FROM app; SELECT id, v FROM " + hidden + ".t ORDER BY id");
}

void tables_and_columns_denied(Script& s) {
  s.connect("limited");
  fails_in_block(s, "UPDATE items SET id = 9 WHERE id = 1");
  fails_in_block(s, "UPDATE items SET qty = 9 WHERE name = 'one'");
  fails_in_block(s, "INSERT INTO audited(id, v) VALUES (9, 'x')");
  fails_in_block(s, "UPDATE plain_view SET id = 9 WHERE id = 1");
  s.connect("other");
  fails_in_block(s, "UPDATE nokey SET a = 9 WHERE a = 1");
  s.direct(
      "CREATE VIEW open_view AS SELECT * FROM items; GRANT ALL ON open_view TO app; ALTER VIEW open_view OWNER TO "
      "other");
  s.connect("app");
  fails_in_block(s, "UPDATE open_view SET id = 9 WHERE id = 1");
  s.direct("REVOKE SELECT ON orders FROM app");
  fails_in_block(s, "UPDATE items SET id = (SELECT max(item) FROM orders)");
  fails_in_block(s, "UPDATE items SET id = 9 FROM orders WHERE orders.item = items.id");
  s.direct("REVOKE UPDATE ON items FROM app");
  fails_in_block(s, "UPDATE items SET id = (SELECT max(item) FROM orders)");
  fails_in_block(s, "UPDATE items SET id = 9 WHERE 1 / (id - id) = 1");
}

void missing_names(Script& s) {
  s.connect();
  fails_in_block(s, "UPDATE missing SET a = 1");
  fails_in_block(s, "UPDATE nowhere.missing SET a = 1");
  fails_in_block(s, "UPDATE other_database.public.missing SET a = 1");
  fails_in_block(s, "UPDATE items SET missing = 1");
  fails_in_block(s, "UPDATE items SET id = 9 WHERE id = 'x'");
  fails_in_block(s, "UPDATE items SET id = 9 WHERE id = missing(1)");
  fails_in_block(s, "WITH gone AS (DELETE FROM missing RETURNING *) INSERT INTO other_missing SELECT * FROM gone");
}

void where_that_raises(Script& s) {
  s.direct("CREATE FUNCTION halved(i int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN i / 0; END $$");
  s.connect();
  fails_in_block(s, "UPDATE items SET id = 9 WHERE 1 / qty = 1");
  fails_in_block(s, "UPDATE items SET id = 9 WHERE halved(id) = 1");
  fails_in_block(s, "UPDATE items SET id = 9 WHERE name::int = 1");
  fails_in_block(s, "UPDATE items SET id = 9, qty = -1 WHERE id = 1");
  s.query("SET log_parameter_max_length_on_error = -1");
  s.client().parse("w", "UPDATE items SET id = $1 WHERE 1 / (id - $2) = 7").sync();
  s.step("Parse");
  s.query("BEGIN");
  s.client().bind("", "w", {.parameters = {"9", "1"}}).execute("").sync();
  s.step("the parameters are named");
  s.query("ROLLBACK");
  s.query("BEGIN");
  s.client().bind("mine", "w", {.parameters = {"9", "1"}}).execute("mine").sync();
  s.step("and the portal");
  s.query("ROLLBACK");
}

/// A prepared transaction holds the row: all that want it wait until their time is over.
void rows_that_others_hold(Script& s) {
  const std::string gid = "holds_" + s.schema();
  s.direct(
      "CREATE TABLE seen (id int PRIMARY KEY, v text); INSERT INTO seen VALUES (2, 'b'); CREATE FUNCTION sees() "
      "RETURNS "
      "trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER sees BEFORE UPDATE ON seen FOR EACH ROW "
      "EXECUTE FUNCTION sees()");
  s.direct(
      "BEGIN; UPDATE items SET qty = 7 WHERE id = 2; UPDATE parts SET v = 'z' WHERE k = 2; "
      "UPDATE seen SET v = 'z' WHERE id = 2; PREPARE TRANSACTION '" +
      gid + "'");
  s.connect();
  s.query("SET lock_timeout = '50ms'");
  fails_in_block(s, "UPDATE items SET id = 20 WHERE id = 2");
  fails_in_block(s, "UPDATE parts SET k = 20 WHERE k = 2 RETURNING v");
  fails_in_block(s, "UPDATE seen SET id = 20 WHERE id = 2");
  fails_in_block(s, "UPDATE seen SET id = id + 20");
  fails_in_block(s, "DELETE FROM items WHERE id = 2");
  s.query("SET lock_timeout = 0; SET statement_timeout = '500ms'");
  s.query("UPDATE items SET id = 20 WHERE id = 2");
  s.query("SET statement_timeout = 0");
  s.direct("ROLLBACK PREPARED '" + gid + "'");
}

/// Where there is a BEFORE trigger the server locks the row first, also for one that does not fire.
void rows_that_others_hold_from_triggers(Script& s) {
  const std::string gid = "triggers_" + s.schema();
  s.direct("CREATE FUNCTION sees() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'");
  const std::vector<std::string> kinds = {"DISABLE", "ENABLE", "ENABLE REPLICA", "ENABLE ALWAYS"};
  std::string holds = "BEGIN";
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    const std::string table = "held_" + std::to_string(i);
    s.direct("CREATE TABLE " + table + " (id int PRIMARY KEY, v text); INSERT INTO " + table +
             " VALUES (2, 'b'); CREATE TRIGGER sees BEFORE UPDATE OF v ON " + table +
             " FOR EACH ROW EXECUTE FUNCTION sees(); ALTER TABLE " + table + " " + kinds[i] + " TRIGGER sees");
    holds += "; UPDATE " + table + " SET v = 'z'";
  }
  s.direct(holds + "; PREPARE TRANSACTION '" + gid + "'");
  s.connect();
  for (const char* role : {"origin", "replica"}) {
    s.query("SET lock_timeout = '50ms'; SET session_replication_role = " + std::string(role));
    for (std::size_t i = 0; i < kinds.size(); ++i) {
      const std::string table = "held_" + std::to_string(i);
      fails_in_block(s, "UPDATE " + table + " SET id = 20 WHERE id = 2");
      s.query("UPDATE " + table + " SET v = 'x'");
      s.query("UPDATE " + table + " SET id = id + 1");
    }
  }
  s.direct("ROLLBACK PREPARED '" + gid + "'");
}

/// The same outside of a block, and where others have changed the row.
void rows_that_others_changed(Script& s) {
  s.connect();
  s.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
  s.query("SELECT count(*) FROM items");
  s.direct("UPDATE items SET qty = qty + 1 WHERE id = 2");
  s.query("UPDATE items SET id = 20 WHERE id = 2");
  s.query("ROLLBACK");
  s.query("BEGIN READ ONLY");
  s.query("UPDATE items SET id = 20 WHERE id = 2");
  s.query("ROLLBACK");
}

}  // namespace

std::vector<WireCase> block_error_cases() {
  return {{"error_in_block_schema_without_usage", schema_without_usage},
          {"error_in_block_table_or_column_denied", tables_and_columns_denied},
          {"error_in_block_missing_names", missing_names},
          {"error_in_block_where_that_raises", where_that_raises},
          {"error_in_block_rows_that_others_hold", rows_that_others_hold},
          {"error_in_block_rows_that_others_hold_from_triggers", rows_that_others_hold_from_triggers},
          {"error_in_block_rows_that_others_changed", rows_that_others_changed}};
}

}  // namespace weir::differential
