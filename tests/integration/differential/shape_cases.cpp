// Every kind of literal in every kind of place and beside every type of column, often enough to be prepared by shape,
// with generic plans. What a parameter would make of it must be what the literal is.
#include <cstdlib>

#include "tests/integration/differential/script.h"

namespace weir::differential {
namespace {

const std::vector<std::string> kTypes = {
    "int2",      "int4",         "int8",        "numeric", "numeric(5,2)", "numeric(3,-2)", "float4",   "text",
    "name",      "varchar(3)",   "char(3)",     "bool",    "date",         "timetz",        "inet",     "interval(0)",
    "timestamp", "timestamp(0)", "timestamptz", "uuid",    "json",         "jsonb",         "bytea",    "text[]",
    "positive",  "mood",         "money",       "oid",     "point2",       "bit(3)",        "\"char\"", "\"Odd Type\""};

const std::vector<std::string> kLiterals = {"0",
                                            "5",
                                            "-5",
                                            "- 5",
                                            "007",
                                            "70000",
                                            "-2147483648",
                                            "2147483648",
                                            "-2147483649",
                                            "9223372036854775807",
                                            "9223372036854775808",
                                            "1.5",
                                            "-0.5",
                                            ".5",
                                            "999.995",
                                            "123456.789",
                                            "1e3",
                                            "'a'",
                                            "'abc'",
                                            "'abcd'",
                                            "'a''b'",
                                            "''",
                                            "'5'",
                                            "'70000'",
                                            "'999.995'",
                                            "'NaN'",
                                            "'t'",
                                            "'2026-01-02'",
                                            "'2026-01-02 03:04:05.678+02'",
                                            "'today'",
                                            "'infinity'",
                                            "'1 day 02:03:04.5'",
                                            "'00000000-0000-0000-0000-000000000001'",
                                            "'{\"a\": 1}'",
                                            "'{a,b}'",
                                            "'{1,2}'",
                                            "'ok'",
                                            "'\\x4142'",
                                            "'a\\b'",
                                            "'10.0.0.1/8'",
                                            "'101'",
                                            "'sp\303\244t \342\202\254'",
                                            "NULL",
                                            "TRUE",
                                            "DEFAULT",
                                            "E'a\\nb'",
                                            "U&'\\0041'",
                                            "$$x$$",
                                            "B'101'",
                                            "'a'\n'b'",
                                            "'x'::text",
                                            "'5'::int",
                                            "5::bigint",
                                            "'2026-01-02'::date",
                                            "'2026-01-02 03:04:05+02' :: timestamptz",
                                            "CAST('5' AS int)",
                                            "date '2026-01-02'",
                                            "interval '1 day'",
                                            "'abcd'::varchar",
                                            "'{\"a\": 1}'::jsonb",
                                            "'00000000-0000-0000-0000-000000000001'::uuid",
                                            "'ok'::mood",
                                            "2147483647 + 1",
                                            "1 / 0",
                                            "'5' || '7'",
                                            "(5)",
                                            "lower('A')"};

/// `?` is the literal.
const std::vector<std::string> kPlaces = {
    "INSERT INTO m (c) VALUES (?) RETURNING *",
    "INSERT INTO m VALUES (DEFAULT, ?), (DEFAULT, ?)",
    "INSERT INTO m (id, c) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET c = ?, n = m.n + 1 WHERE m.n < 1000000",
    "UPDATE m SET c = ? WHERE id = 1 RETURNING *",
    "UPDATE m SET c = ? WHERE id = -1",
    "UPDATE m SET c = c + ? WHERE id = 1",
    "UPDATE m SET c = c || ? WHERE m.id = 1 RETURNING c",
    "UPDATE m AS x SET n = x.n + 1 WHERE x.id = 1 AND x.c = ?",
    "DELETE FROM m WHERE id = -1 AND (c < ? OR c IN (?, ?) OR c BETWEEN ? AND ?)",
    "DELETE FROM m WHERE id = -1 AND c LIKE ?"};

std::string filled(std::string place, const std::string& literal) {
  for (std::size_t at = 0; (at = place.find('?', at)) != std::string::npos; at += literal.size())
    place.replace(at, 1, literal);
  return place;
}

/// All of it takes a quarter of an hour, because a write that fails has the catalog asked again: each type has a fifth
/// of the places, and each place a fifth of the types, unless WEIR_ALL_LITERALS is set.
bool is_played(std::size_t type, std::size_t place) {
  return std::getenv("WEIR_ALL_LITERALS") != nullptr || (type + place) % 5 == 0;
}

void literals_of(Script& s, std::size_t number) {
  const std::string& type = kTypes[number];
  s.connect();
  s.query("CREATE DOMAIN \"Odd Type\" AS varchar(4) CHECK (VALUE <> 'ok')");
  s.query("CREATE TABLE m (id serial PRIMARY KEY, c " + type + ", n int DEFAULT 0)");
  s.query("INSERT INTO m (id) VALUES (-2), (1000000)");
  s.query("INSERT INTO m VALUES (1)");
  s.query("SET plan_cache_mode = force_generic_plan");
  for (std::size_t place = 0; place < kPlaces.size(); ++place) {
    if (!is_played(number, place)) continue;
    for (const std::string& literal : kLiterals) s.query(filled(kPlaces[place], literal));
  }
  s.query("SELECT * FROM m ORDER BY id");
}

/// The same with every value three times, so that each shape that only one of them has is prepared too; with plans for
/// the values.
void repeated(Script& s) {
  s.connect();
  s.query("CREATE TABLE m (id serial PRIMARY KEY, c text, n int2 DEFAULT 0)");
  s.query("INSERT INTO m VALUES (1)");
  for (const std::string& place : kPlaces) {
    for (const std::string& literal : kLiterals) {
      for (int i = 0; i < 3; ++i) s.query(filled(place, literal));
    }
  }
}

void errors(Script& s) {
  s.connect();
  s.query(
      "CREATE TABLE child (id serial PRIMARY KEY, item int REFERENCES items, v varchar(3) CHECK (v <> 'bad'), "
      "u int UNIQUE DEFERRABLE INITIALLY DEFERRED, w int NOT NULL DEFAULT 3)");
  for (const char* generic : {"auto", "force_generic_plan"}) {
    s.query("SET plan_cache_mode = " + std::string(generic));
    for (const char* values : {"1, 'ok', 1, 1", "2, 'ok', 2, 1", "3, 'ok', 3, 1", "999, 'ok', 4, 1", "1, 'bad', 5, 1",
                               "1, 'long', 6, 1", "1, 'ok', 1, 1", "1, 'ok', 7, NULL", "1, 'ok', 70000000000, 1",
                               "1, 'ok', 'x', 1", "4, 'ok', 8, 1", "5, 'ok', 9, 1.4", "nope, 'ok', 10, 1"})
      s.query("INSERT INTO child (item, v, u, w) VALUES (" + std::string(values) + ")");
    for (const char* id : {"1", "2", "3", "2147483648", "'3'", "'x'", "1.5", "1e0"}) {
      s.query("UPDATE child SET w = w / 0 WHERE id = " + std::string(id));
      s.query("UPDATE child SET w = 10 / (w - w) WHERE id = " + std::string(id));
      s.query("UPDATE child SET w = w + 2147483647 WHERE id = " + std::string(id));
      s.query("UPDATE child SET id = 1 WHERE id = " + std::string(id));
      s.query("UPDATE child SET nope = 1 WHERE id = " + std::string(id));
      s.query("UPDATE child SET u = 2 WHERE id = " + std::string(id));
      s.query("DELETE FROM child WHERE id = " + std::string(id) + " RETURNING id / 0");
      s.query("DELETE FROM items WHERE id = " + std::string(id));
    }
    s.query("SELECT * FROM child ORDER BY id");
  }
}

void triggers_and_settings(Script& s) {
  s.connect();
  s.query("SET log_parameter_max_length_on_error = -1");
  for (int i = 10; i < 22; ++i) {
    s.query("INSERT INTO noisy VALUES (" + std::to_string(i) + ", " + std::to_string(i) + ")");
    s.query("UPDATE noisy SET v = " + std::to_string(i) + " WHERE id = " + std::to_string(i));
    s.query("INSERT INTO audited VALUES (" + std::to_string(i) + ", 'x')");
    s.query("INSERT INTO changed VALUES (" + std::to_string(i) + ", 'skip')");
    s.query("INSERT INTO changed VALUES (" + std::to_string(i) + ", 'keep') RETURNING v");
    s.query("INSERT INTO at_commit VALUES (" + std::to_string(i) + ", " + std::to_string(i - 15) + ")");
    s.query("INSERT INTO items (id, name, made) VALUES (" + std::to_string(i) +
            ", 'i', '01/02/2026 10:00') RETURNING made");
    if (i == 14) s.query("SET DateStyle = 'German, DMY'");
    if (i == 16) s.query("SET TimeZone = 'Asia/Tokyo'");
    if (i == 18) s.query("SET standard_conforming_strings = off");
  }
  s.query("INSERT INTO noisy VALUES (13, 1)");
  s.direct("SELECT op, query, image FROM audit ORDER BY seq");
}

void catalog_changes(Script& s) {
  s.connect();
  const auto write = [&](int n) {
    for (int i = 0; i < 3; ++i) {
      s.query("UPDATE nokey SET b = 'v" + std::to_string(n) + "' WHERE a = " + std::to_string(i));
      s.query("UPDATE items SET name = 'v" + std::to_string(n) + "' WHERE id = " + std::to_string(i) + " RETURNING *");
      s.query("INSERT INTO items (id, name) VALUES (" + std::to_string(100 + n * 3 + i) + ", 'x') RETURNING *");
    }
  };
  write(0);
  s.query("ALTER TABLE items ADD COLUMN more int DEFAULT 4");
  write(1);
  s.other_session("ALTER TABLE " + s.schema() + ".items ALTER COLUMN name TYPE varchar(2)");
  s.other_session("ALTER TABLE " + s.schema() + ".items DROP COLUMN more");
  write(2);
  s.query("DISCARD ALL");
  s.query("SET search_path = " + s.schema());
  write(3);
  s.query("DEALLOCATE ALL");
  write(4);
  s.query("DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$");
  write(5);
  s.query("SELECT name, statement FROM pg_prepared_statements");
  write(6);
  s.direct("ALTER TABLE items ALTER COLUMN name TYPE text");
  write(7);
  s.query("CREATE SCHEMA " + s.schema() + "_b CREATE TABLE items (id text PRIMARY KEY, name text)");
  s.query("SELECT set_config('search_path', '" + s.schema() + "_b', false)");
  write(8);
  s.query("SET ROLE other");
  write(9);
}

void beside_the_extended_protocol(Script& s) {
  s.connect();
  for (int i = 0; i < 4; ++i) {
    const std::string id = std::to_string(i);
    s.client().parse("", "SELECT 1").parse("own", "INSERT INTO nokey VALUES ($1, 'own')").sync();
    s.step("statements");
    s.query("UPDATE items SET qty = 3 WHERE id = " + id);
    s.client().bind("", "").execute("").sync();
    s.step("the unnamed one, which the Query has ended");
    s.client().bind("", "own", {.parameters = {id}}).execute("").sync();
    s.step("the named one");
    s.client().query("UPDATE items SET qty = 4 WHERE id = " + id).query("UPDATE items SET qty = -4 WHERE id = " + id);
    s.client().query("UPDATE items SET qty = 5 WHERE id = " + id);
    s.step_until("Queries without waiting", 'Z', 3);
    s.client().close_statement("own").sync();
    s.step("Close");
  }
  s.query("SELECT name, statement FROM pg_prepared_statements");
  s.query("SELECT id, qty FROM items ORDER BY id");
}

}  // namespace

std::vector<WireCase> shape_cases() {
  std::vector<WireCase> cases = {{"shape_repeated", repeated},
                                 {"shape_errors", errors},
                                 {"shape_triggers_and_settings", triggers_and_settings},
                                 {"shape_catalog_changes", catalog_changes},
                                 {"shape_beside_the_extended_protocol", beside_the_extended_protocol}};
  for (std::size_t number = 0; number < kTypes.size(); ++number)
    cases.push_back({"shape_literals_" + std::to_string(number), [number](Script& s) { literals_of(s, number); }});
  return cases;
}

}  // namespace weir::differential
