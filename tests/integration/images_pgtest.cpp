// Promises 1 and 2 where the catalog or an encoding makes it hard: an event has the stored value or says that it has
// not, an excluded column never leaves the database, and no write fails because of its image.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "tests/integration/image_stage.h"
#include "tests/support/raw_client.h"

namespace weir::images {
namespace {

class Images : public testing::TestWithParam<int> {
 protected:
  int version() const { return GetParam(); }
};

INSTANTIATE_TEST_SUITE_P(Servers, Images, testing::Values(15, 18),
                         [](const auto& info) { return "pg" + std::to_string(info.param); });

TEST_P(Images, AnExcludedColumnNeverLeavesWhateverTheEncoding) {
  Stage stage(version(), "UTF8",
              {"--capture.exclude_columns", "public.*.secret", "--capture.exclude_columns", "public.*.geheim*",
               "--capture.exclude_columns", "public.*.gehüt*"});
  stage.direct().run(
      "CREATE TABLE t (id int PRIMARY KEY, \"größe\" text, secret text, \"gehütet\" text);"
      "CREATE TABLE \"Ω\" (id int PRIMARY KEY, \"表\" text, \"geheimё\" text)");
  for (const char* encoding : {"LATIN1", "WIN1252", "LATIN9", "UTF8", "SQL_ASCII"}) {
    const auto client = stage.through(encoding);
    client.run("INSERT INTO t VALUES (1, 'a', 'hidden', 'hidden')");
    client.run("UPDATE t SET secret = 'hidden too'");
    execute(client, "INSERT INTO t VALUES ($1, 'a', $2, 'hidden')", {"2", "hidden"});
    client.run("BEGIN; UPDATE t SET id = id + 10, secret = 'hidden'; COMMIT");
    client.run("DELETE FROM t");
  }
  for (const char* encoding : {"SJIS", "EUC_JP"}) {
    const auto client = stage.through("UTF8");
    client.run(std::string("SET client_encoding = '") + encoding + "'");
    const std::string omega = encoding == std::string("SJIS") ? "\x83\xb6" : "\xa6\xb8";
    client.run("INSERT INTO \"" + omega + "\" VALUES (1, 'a', 'hidden')");
    client.run("DELETE FROM \"" + omega + "\"");
  }
  const std::string output = stage.output();
  EXPECT_EQ(output.find("hidden"), std::string::npos) << output;
  const auto events = stage.events();
  const std::set<std::string> seen(events.begin(), events.end());
  EXPECT_TRUE(seen.contains(R"(insert public.t {"id":1} {"id":1,"größe":"a"} row)")) << output;
  EXPECT_TRUE(seen.contains(R"(insert public.Ω {"id":1} {"id":1,"表":"a"} row)")) << output;
}

TEST_P(Images, NamesAndValuesOfClientsInOtherEncodings) {
  struct Client {
    const char* encoding;
    std::string table, key, value;
  };
  const Client clients[] = {{"LATIN1",
                             "Stra\xdf"
                             "e",
                             "schl\xfcssel", "caf\xe9"},
                            {"WIN1252",
                             "Stra\xdf"
                             "e",
                             "schl\xfcssel", "caf\xe9"},
                            {"SJIS", "\x95\x5c", "\x83\x5c", "\x95\x5c"},
                            {"EUC_JP", "\xc9\xbd", "\xa5\xbd", "\xc9\xbd"}};
  Stage stage(version());
  stage.direct().run(
      "CREATE TABLE \"Straße\" (\"schlüssel\" text PRIMARY KEY, n int);"
      "CREATE TABLE \"表\" (\"ソ\" text PRIMARY KEY, n int)");
  for (const Client& one : clients) {
    const bool latin = one.table.size() > 3;
    const std::string table = latin ? "Straße" : "表";
    const std::string key = latin ? "schlüssel" : "ソ";
    const std::string value = latin ? "café" : "表";
    const auto client = stage.through(one.encoding);
    const auto object = [&](const std::string& of, int n) {
      return "{\"" + key + "\":\"" + of + "\"" + (n < 0 ? "" : ",\"n\":" + std::to_string(n)) + "}";
    };
    client.run("INSERT INTO \"" + one.table + "\" VALUES ('" + one.value + "', 1)");
    execute(client, "UPDATE \"" + one.table + "\" SET n = 2 WHERE \"" + one.key + "\" = $1", {one.value.c_str()});
    client.run("UPDATE \"" + one.table + "\" SET \"" + one.key + "\" = 'x" + one.value + "' WHERE n = 2");
    client.run("DELETE FROM \"" + one.table + "\" AS \"" + one.key + "\"");
    const std::string where = " public." + table + " ";
    const auto events = stage.events();
    ASSERT_GE(events.size(), 4u) << one.encoding;
    EXPECT_EQ(events[0], "insert" + where + object(value, -1) + " " + object(value, 1) + " row") << one.encoding;
    EXPECT_EQ(events[1], "update" + where + object(value, -1) + " " + object(value, 2) + " row") << one.encoding;
    EXPECT_EQ(events.back(), "delete" + where + object("x" + value, -1) + " " + object("x" + value, 2) + " row")
        << one.encoding;
  }
}

/// A schema with an operator and a function for (nearly) each of pg_catalog's, and types and views by their names, all
/// of which fail.
const char* const kShadows = R"(
CREATE SCHEMA shadow;
CREATE FUNCTION shadow.fails() RETURNS void LANGUAGE plpgsql AS $f$ BEGIN RAISE EXCEPTION 'shadowed'; END $f$;
DO $$ DECLARE it record; n int := 0; BEGIN
  FOR it IN SELECT oprname AS name, oprleft::regtype AS l, oprright::regtype AS r, oprresult::regtype AS res FROM pg_operator
            WHERE oprnamespace = 'pg_catalog'::regnamespace AND oprkind = 'b' LOOP
    BEGIN
      n := n + 1;
      EXECUTE format('CREATE FUNCTION shadow.o%s(%s, %s) RETURNS %s LANGUAGE plpgsql AS
                      $f$ BEGIN PERFORM shadow.fails(); RETURN NULL; END $f$', n, it.l, it.r, it.res);
      EXECUTE format('CREATE OPERATOR shadow.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = shadow.o%s)', it.name, it.l, it.r, n);
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
  END LOOP;
  FOR it IN SELECT proname AS name, pg_get_function_identity_arguments(oid) AS args, pg_get_function_result(oid) AS res
            FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind = 'f' AND NOT proretset
            AND proname ~ '^(row_to_json|to_json|encode|decode|convert_to|format|array_|pg_|has_|to_reg|parse_ident|quote_|cardinality|string_|json|unnest|coalesce|md5|substr|lower|upper|length|regexp_|current_)' LOOP
    BEGIN
      EXECUTE format('CREATE FUNCTION shadow.%I(%s) RETURNS %s LANGUAGE plpgsql AS
                      $f$ BEGIN PERFORM shadow.fails(); RETURN NULL; END $f$', it.name, it.args, it.res);
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
  END LOOP;
  FOR it IN SELECT unnest(ARRAY['pg_class','pg_attribute','pg_namespace','pg_index','pg_type','pg_proc','pg_trigger','pg_inherits']) AS name LOOP
    EXECUTE format('CREATE VIEW shadow.%I AS SELECT 1 AS shadowed', it.name);
  END LOOP;
  FOR it IN SELECT unnest(ARRAY['text','oid','name','xid8','regclass','jsonb','bool','char','int4']) AS name LOOP
    EXECUTE format('CREATE TYPE shadow.%I AS ENUM (''shadowed'')', it.name);
  END LOOP;
END $$)";

TEST_P(Images, NothingInASearchPathIsRunByWeirsQuestions) {
  Stage stage(version());
  const auto direct = stage.direct();
  direct.run(kShadows);
  ASSERT_GT(std::stoi(direct.value("SELECT count(*) FROM pg_operator WHERE oprnamespace = 'shadow'::regnamespace")),
            300);
  direct.run(
      "CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE child (id int PRIMARY KEY, t int REFERENCES t);"
      "CREATE TABLE p (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);"
      "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10); CREATE TABLE p2 PARTITION OF p DEFAULT");
  const char* const path = "SET search_path = shadow, pg_catalog, public";
  for (const char* around : {"", "BEGIN"}) {
    const auto client = stage.through();
    client.run(path);
    if (*around) client.run(around);
    for (const char* write :
         {"INSERT INTO t VALUES ('1', 'a')", "UPDATE t SET v = 'b'", "UPDATE t SET id = '2'",
          "INSERT INTO p VALUES ('1', 'a')", "UPDATE p SET id = '11'", "DELETE FROM p", "TRUNCATE t CASCADE"})
      client.run(write);
    if (*around) client.run("COMMIT");
    const Lines lines = stage.events();
    EXPECT_GE(lines.size(), 8u) << testing::PrintToString(lines);
    for (const auto& line : lines) EXPECT_EQ(line.find("gap"), std::string::npos) << line;
  }
}

/// ParameterStatus comes with ReadyForQuery; what stands before it in the same pipeline is in the new encoding already.
TEST_P(Images, AnEncodingThatChangesInsideOfAPipeline) {
  Stage stage(version());
  stage.direct().run(
      "CREATE TABLE t (id int PRIMARY KEY, v text);"
      "CREATE FUNCTION change() RETURNS text LANGUAGE sql AS $$SELECT set_config('client_encoding', 'LATIN1', "
      "false)$$");
  const auto events = [&stage](const std::string& change, const std::vector<std::optional<std::string>>& values = {}) {
    test_support::RawClient client(stage.weir_port(), std::chrono::seconds(10));
    client.startup({{"user", "postgres"}, {"database", stage.database()}, {"client_encoding", "UTF8"}});
    client.read_until_ready();
    client.parse("", change).bind("", "", {.parameters = values}).execute("");
    client.parse("", "INSERT INTO t VALUES (1, 'caf\xe9')").bind("", "").execute("").sync();
    client.read_until_ready();
    client.parse("", "INSERT INTO t VALUES (2, 'caf\xe9')").bind("", "").execute("").sync();
    client.query("DELETE FROM t").read_until_ready();
    const auto lines = stage.events();
    return Lines(lines.begin(), lines.begin() + std::min<std::ptrdiff_t>(2, std::ssize(lines)));
  };
  const std::string second = R"(insert public.t {"id":2} {"id":2,"v":"café"} row)";
  const Lines rows = {R"(insert public.t {"id":1} {"id":1,"v":"café"} row)", second};
  EXPECT_EQ(events("SET client_encoding = 'LATIN1'"), rows);
  EXPECT_EQ(events("SELECT set_config('client_encoding', 'LATIN1', false)"), rows);
  EXPECT_EQ(events("SELECT set_config($1, $2, false)", {"client_encoding", "LATIN1"}), rows);
  // What a function does nobody has seen; the row's bytes are not what they would have to be.
  EXPECT_EQ(events("SELECT change()"), (Lines{"insert public.t - - statement", second}));
}

TEST_P(Images, InputEventsHaveTheValueOrDoNotClaimIt) {
  Stage stage(version());
  stage.direct().run(
      "DROP ROLE IF EXISTS writer; CREATE ROLE writer LOGIN; CREATE TABLE \"größe\" (\"é\" text PRIMARY KEY, v text);"
      "GRANT INSERT ON \"größe\" TO writer");
  const auto client = stage.through("LATIN1", "writer");
  client.run(
      "INSERT INTO \"gr\xf6\xdf"
      "e\" VALUES ('caf\xe9', 'a'), ('caf\xe8', NULL)");
  execute(client,
          "INSERT INTO \"gr\xf6\xdf"
          "e\" (v, \"\xe9\") VALUES ('\xe4', $1)",
          {"\xf1"});
  client.run(
      "INSERT INTO \"gr\xf6\xdf"
      "e\" VALUES (E'x\\xC3\\xA9', 'a')");
  EXPECT_EQ(stage.events(),
            (Lines{R"(insert public.größe {"é":"café"} {"é":"café","v":"a"} input)",
                   R"(insert public.größe {"é":"cafè"} {"é":"cafè","v":null} input)",
                   R"(insert public.größe {"é":"ñ"} {"v":"ä","é":"ñ"} input)", "insert public.größe - - statement"}));
  stage.direct().run("DROP OWNED BY writer; DROP ROLE writer");
}

// A byte that its encoding does not define converts to nothing: 22P05.
TEST_P(Images, AByteWithoutMeaningFailsNoWrite) {
  Stage stage(version(), "WIN1252");
  stage.direct("UTF8").run("CREATE TABLE \"été\" (id int PRIMARY KEY, \"clé\" text, n int)");
  stage.direct("WIN1252").run("INSERT INTO \"\xe9t\xe9\" VALUES (1, 'a\x9d', 1), (2, 'caf\xe9 \x80', 1)");
  const auto client = stage.through("UTF8");
  client.run("UPDATE \"été\" SET n = n + 1");
  client.run("INSERT INTO \"été\" SELECT id + 10, \"clé\", n FROM \"été\" WHERE id = 1");
  EXPECT_EQ(client.value("DELETE FROM \"été\" WHERE id = 11 RETURNING id"), "11");
  client.run("UPDATE \"été\" SET id = 3 WHERE id = 2");
  stage.through("WIN1252").run("UPDATE \"\xe9t\xe9\" SET n = 7 WHERE id = 3");
  const auto events = stage.events();
  ASSERT_GE(events.size(), 6u);
  EXPECT_EQ(events[0], "update public.été - - statement");
  EXPECT_EQ(events[1], R"(update public.été {"id":2} {"id":2,"clé":"café €","n":2} row)");
  EXPECT_EQ(events[2], "insert public.été - - statement");
  EXPECT_EQ(events[3], "delete public.été - - statement");
  EXPECT_EQ(events.back(), R"(update public.été {"id":3} {"id":3,"clé":"café €","n":7} row)");
  EXPECT_EQ(stage.output().find("\xef\xbf\xbd"), std::string::npos) << "a replacement character";
}

TEST_P(Images, DatabasesInOtherEncodings) {
  Stage japanese(version(), "EUC_JP", {"--capture.exclude_columns", "*.*.秘*"});
  japanese.direct("UTF8").run("CREATE TABLE \"表\" (\"鍵\" text PRIMARY KEY, v text, \"秘密\" text)");
  for (const char* encoding : {"UTF8", "EUC_JP", "SJIS"}) {
    const bool utf8 = encoding == std::string("UTF8");
    const std::string name = utf8 ? "表" : encoding == std::string("SJIS") ? "\x95\x5c" : "\xc9\xbd";
    const auto client = japanese.through(encoding);
    client.run("INSERT INTO \"" + name + "\" VALUES ('" + name + "', 'v', 'hidden')");
    client.run("DELETE FROM \"" + name + "\"");
    EXPECT_EQ(japanese.events(), (Lines{R"(insert public.表 {"鍵":"表"} {"鍵":"表","v":"v"} row)",
                                        R"(delete public.表 {"鍵":"表"} {"鍵":"表","v":"v"} row)"}))
        << encoding;
  }
  EXPECT_EQ(japanese.output().find("hidden"), std::string::npos);
  Stage latin(version(), "LATIN1");
  latin.direct("UTF8").run("CREATE TABLE café (\"clé\" text PRIMARY KEY)");
  latin.through("UTF8").run("INSERT INTO café VALUES ('é'); DELETE FROM café AS été");
  latin.through("LATIN1").run("INSERT INTO caf\xe9 VALUES ('\xe9'); UPDATE caf\xe9 SET \"cl\xe9\" = '\xe8'");
  const auto events = latin.events();
  ASSERT_GE(events.size(), 4u);
  EXPECT_EQ(events[0], R"(insert public.café {"clé":"é"} {"clé":"é"} row)");
  EXPECT_EQ(events[2], R"(insert public.café {"clé":"é"} {"clé":"é"} row)");
}

TEST_P(Images, ADatabaseThatSaysNothingOfItsBytes) {
  Stage stage(version(), "SQL_ASCII");
  stage.direct().run("CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE \"t\xe9\" (id int PRIMARY KEY)");
  const auto client = stage.through();
  client.run("INSERT INTO t VALUES (1, 'é'), (2, '\xe9')");
  client.run("UPDATE t SET v = 'plain' WHERE id = 2");
  client.run("INSERT INTO \"t\xe9\" VALUES (1)");
  EXPECT_EQ(stage.events(), (Lines{R"(insert public.t {"id":1} {"id":1,"v":"é"} row)", "insert public.t - - statement",
                                   version() == 15 ? R"(update public.t {"id":2} {"id":2,"v":"plain"} row)"
                                                   : "update public.t - - statement",
                                   "gap . +1 ~0 -0 a table that the catalog does not know"}));
}

// row_to_json calls casts to json that somebody has defined: they fail the write, or say what they like.
TEST_P(Images, NoCastToJsonStandsInAnImage) {
  Stage stage(version());
  stage.direct().run(
      "CREATE TYPE mood AS ENUM ('a', 'b'); CREATE TYPE pair AS (m mood, n int); CREATE DOMAIN dear AS mood;"
      "CREATE TYPE span AS RANGE (subtype = int); CREATE TYPE plain AS ENUM ('p');"
      "CREATE FUNCTION fails(mood) RETURNS json LANGUAGE plpgsql AS $$ BEGIN RAISE 'never'; END $$;"
      "CREATE FUNCTION forges(span) RETURNS json LANGUAGE sql AS $$ SELECT '{\"forged\":1}'::json $$;"
      "CREATE CAST (mood AS json) WITH FUNCTION fails(mood); CREATE CAST (span AS json) WITH FUNCTION forges(span);"
      "CREATE FUNCTION lies(mood) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'never'; END $$;"
      "CREATE CAST (mood AS text) WITH FUNCTION lies(mood);"
      "CREATE TABLE t (id int PRIMARY KEY, m mood, ms mood[], p pair, ps pair[], d dear, ds dear[], s span, x plain);"
      "CREATE TABLE whole (id int PRIMARY KEY, t t); CREATE TABLE key (m mood PRIMARY KEY)");
  const auto client = stage.through();
  client.run("INSERT INTO t VALUES (1, 'a', '{a,b}', ('b', 2), ARRAY[('a', 1)::pair], 'b', '{a}', '[1,3)', 'p')");
  client.run("INSERT INTO t VALUES (2); UPDATE t SET p = (NULL, NULL) WHERE id = 2; DELETE FROM t WHERE id = 1");
  client.run("INSERT INTO whole SELECT 1, t FROM t");
  client.run("INSERT INTO key VALUES ('b'); DELETE FROM key");
  const std::string first =
      R"~({"id":1,"m":"a","ms":"{a,b}","p":"(b,2)","ps":"{\"(a,1)\"}","d":"b","ds":"{a}","s":"[1,3)","x":"p"})~";
  const std::string null = R"~({"id":2,"m":null,"ms":null,"p":null,"ps":null,"d":null,"ds":null,"s":null,"x":null})~";
  const std::string nulls = R"~({"id":2,"m":null,"ms":null,"p":"(,)","ps":null,"d":null,"ds":null,"s":null,"x":null})~";
  EXPECT_EQ(stage.events(),
            (Lines{"insert public.t {\"id\":1} " + first + " row", "insert public.t {\"id\":2} " + null + " row",
                   "update public.t {\"id\":2} " + nulls + " row", "delete public.t {\"id\":1} " + first + " row",
                   R"~(insert public.whole {"id":1} {"id":1,"t":"(2,,,\"(,)\",,,,,)"} row)~",
                   R"(insert public.key {"m":"b"} {"m":"b"} row)", R"(delete public.key {"m":"b"} {"m":"b"} row)"}));
}

TEST_P(Images, ValuesThatSettingsWouldChange) {
  Stage stage(version());
  stage.direct().run("CREATE TABLE t (id int PRIMARY KEY, r regclass, ty regtype, p regprocedure, m money)");
  const auto client = stage.through();
  const std::string sql =
      "INSERT INTO public.t VALUES (1, 'public.t', 'int4', 'abs(int4)', 1234.5); DELETE FROM public.t";
  client.run(sql + "; SET search_path = nowhere; SET lc_monetary = 'C'");
  client.run(sql);
  const auto events = stage.events();
  ASSERT_EQ(events.size(), 4u);
  EXPECT_EQ(events[0], events[2]);
  EXPECT_NE(events[0].find("\"m\":1.2345E3"), std::string::npos) << events[0];
}

// A write of a foreign table has no id of this transaction's, and the remote role may be allowed less than RETURNING
// needs.
TEST_P(Images, ForeignTablesAreToldAndNeverSpliced) {
  Stage stage(version());
  stage.direct().run(
      "DROP ROLE IF EXISTS remote; CREATE ROLE remote LOGIN; CREATE EXTENSION postgres_fdw; CREATE SCHEMA far;"
      "CREATE TABLE far.away (id int, v text); GRANT USAGE ON SCHEMA far TO remote;"
      "GRANT INSERT ON far.away TO remote; CREATE SERVER loop FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host "
      "'127.0.0.1', port '" +
      std::to_string(stage.server_port()) + "', dbname '" + stage.database() +
      "'); CREATE USER MAPPING FOR postgres SERVER loop OPTIONS (user 'remote', password_required 'false');"
      "CREATE FOREIGN TABLE f (id int, v text) SERVER loop OPTIONS (schema_name 'far', table_name 'away');"
      "CREATE TABLE root (id int, v text) PARTITION BY LIST (id); CREATE TABLE near PARTITION OF root FOR VALUES IN "
      "(0);"
      "CREATE FOREIGN TABLE leaf PARTITION OF root FOR VALUES IN (1, 2) SERVER loop OPTIONS (schema_name 'far', "
      "table_name 'away'); CREATE VIEW view AS SELECT * FROM f");
  const auto client = stage.through();
  client.run("INSERT INTO f VALUES (1, 'a')");
  execute(client, "INSERT INTO f VALUES ($1, $2)", {"2", "b"});
  client.run("BEGIN; INSERT INTO f SELECT 3, 'c'; COMMIT");
  client.run("INSERT INTO root VALUES (1, 'd')");
  client.run("INSERT INTO root VALUES (0, 'e')");
  client.run("INSERT INTO view VALUES (4, 'f')");
  client.run("WITH x AS (INSERT INTO f VALUES (5, 'g')) SELECT 1");
  client.run("BEGIN; INSERT INTO f VALUES (6, 'h'); ROLLBACK");
  PQclear(PQexec(client.raw(), "COPY f FROM STDIN"));
  ASSERT_EQ(PQputCopyData(client.raw(), "7\ti\n", 4), 1);
  ASSERT_EQ(PQputCopyEnd(client.raw(), nullptr), 1);
  for (PGresult* result = nullptr; (result = PQgetResult(client.raw())) != nullptr; PQclear(result))
    EXPECT_EQ(PQresultStatus(result), PGRES_COMMAND_OK) << PQresultErrorMessage(result);
  stage.direct().run("GRANT SELECT, UPDATE, DELETE, TRUNCATE ON far.away TO remote");
  client.run("UPDATE f SET v = 'x' WHERE id = 1; DELETE FROM f WHERE id = 2; TRUNCATE f");
  EXPECT_EQ(stage.events(),
            (Lines{R"(insert public.f - {"id":1,"v":"a"} input)", R"(insert public.f - {"id":2,"v":"b"} input)",
                   "insert public.f - - statement", R"(insert public.root - {"id":1,"v":"d"} input)",
                   R"(insert public.root - {"id":0,"v":"e"} input)", "insert public.view - - statement",
                   "insert public.f - - statement", "gap public.f +1 ~0 -0 copy", "update public.f - - statement",
                   "delete public.f - - statement", "truncate public.f - - statement"}));
  stage.direct().run("DROP OWNED BY remote; DROP ROLE remote");
}

// Weir's own question takes no lock that the statement would not take.
TEST_P(Images, AQuestionWaitsForNobodyWhoHasLockedAnotherPartition) {
  Stage stage(version());
  stage.direct().run(
      "CREATE TABLE root (id int, at timestamptz DEFAULT now(), q text DEFAULT 'x') PARTITION BY LIST (id);"
      "CREATE TABLE one PARTITION OF root FOR VALUES IN (1); CREATE TABLE two PARTITION OF root FOR VALUES IN (2);"
      "CREATE TABLE child_of (id int DEFAULT 5); CREATE TABLE child () INHERITS (child_of)");
  const auto holder = stage.direct();
  holder.run("BEGIN; LOCK TABLE one, child IN ACCESS EXCLUSIVE MODE");
  const auto client = stage.through();
  client.run("SET lock_timeout = '500ms'");
  EXPECT_EQ(client.try_run("INSERT INTO root VALUES (2)"), "00000");
  EXPECT_EQ(client.try_run("BEGIN; INSERT INTO root VALUES (2); COMMIT"), "00000");
  EXPECT_EQ(client.try_run("UPDATE root SET q = 'y' WHERE id = 2"), "00000");
  EXPECT_EQ(client.try_run("INSERT INTO child_of VALUES (1)"), "00000");
  EXPECT_EQ(client.try_run("INSERT INTO one VALUES (1)"), "55P03");
  holder.run("COMMIT");
  EXPECT_EQ(stage.events().size(), 5u);
}

}  // namespace
}  // namespace weir::images
