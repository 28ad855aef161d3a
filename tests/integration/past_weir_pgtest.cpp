// Promises 1, 2 and 5 where somebody changes the catalog past Weir: what a write does is what it would do without Weir,
// and what it did is told by the names that hold then.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/integration/image_stage.h"

namespace weir::images {
namespace {

class PastWeir : public testing::TestWithParam<int> {
 protected:
  int version() const { return GetParam(); }
};

INSTANTIATE_TEST_SUITE_P(Servers, PastWeir, testing::Values(15, 18),
                         [](const auto& info) { return "pg" + std::to_string(info.param); });

// What somebody does past Weir is known with the first write that comes facts_max_age later: before it hits anything.
TEST_P(PastWeir, PoliciesAndRulesMadePastWeirChangeNoWrite) {
  Stage stage(version(), "UTF8", {"--capture.facts_max_age", "0"});
  stage.direct().run(
      "DROP ROLE IF EXISTS teller; CREATE ROLE teller LOGIN; CREATE TABLE t (id int PRIMARY KEY, v int DEFAULT 0);"
      "CREATE TABLE ruled (id int PRIMARY KEY); CREATE TABLE log (id int);"
      "INSERT INTO t SELECT generate_series(1, 7); GRANT ALL ON t TO teller");
  const auto client = stage.through("", "teller");
  const auto other = stage.through("", "teller");
  const auto updated = [](const PgConnection& connection, const std::string& sql) {
    PGresult* result = PQexec(connection.raw(), sql.c_str());
    const std::string tag =
        PQresultStatus(result) == PGRES_COMMAND_OK ? PQcmdTuples(result) : PQresultErrorMessage(result);
    PQclear(result);
    return tag;
  };
  PQclear(PQprepare(other.raw(), "u", "UPDATE t SET v = 1", 0, nullptr));
  const auto runs_prepared = [&] {
    PGresult* result = PQexecPrepared(other.raw(), "u", 0, nullptr, nullptr, nullptr, 0);
    const std::string tag = PQcmdTuples(result);
    PQclear(result);
    return tag;
  };
  EXPECT_EQ(updated(client, "UPDATE t SET v = 1"), "7");
  EXPECT_EQ(runs_prepared(), "7");
  stage.direct().run(
      "ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY w ON t FOR UPDATE TO teller USING (true);"
      "CREATE POLICY r ON t FOR SELECT TO teller USING (id < 7)");
  EXPECT_EQ(updated(client, "UPDATE t SET v = 1"), "7");
  EXPECT_EQ(runs_prepared(), "7");
  execute(client, "UPDATE t SET v = $1", {"3"});
  client.run("BEGIN");
  EXPECT_EQ(updated(client, "UPDATE t SET v = 1"), "7");
  client.run("COMMIT");
  EXPECT_EQ(stage.direct().value("SELECT count(*) FROM t WHERE v = 1"), "7");
  const auto owner = stage.through();
  owner.run("INSERT INTO ruled VALUES (1)");
  stage.direct().run("CREATE RULE r AS ON INSERT TO ruled DO INSTEAD INSERT INTO log VALUES (NEW.id)");
  EXPECT_EQ(owner.try_run("INSERT INTO ruled VALUES (2)"), "00000");
  EXPECT_EQ(stage.direct().value("SELECT count(*) FROM log"), "1");
  const auto events = stage.events();
  EXPECT_EQ(std::count(events.begin(), events.end(), "update public.t - - statement"), 4);
  EXPECT_EQ(events.back(), "gap public.ruled +1 ~0 -0 rule");
  stage.direct().run("DROP OWNED BY teller; DROP ROLE teller");
}

TEST_P(PastWeir, TablesKeysAndPartitionsMadePastWeirAreToldByTheirNames) {
  Stage stage(version(), "UTF8", {"--capture.facts_max_age", "0"});
  stage.direct().run(
      "CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE root (id int PRIMARY KEY) PARTITION BY LIST (id);"
      "CREATE TABLE one PARTITION OF root FOR VALUES IN (1)");
  const auto client = stage.through();
  EXPECT_EQ(client.try_run("INSERT INTO later VALUES (1)"), "42P01");
  client.run("INSERT INTO t VALUES (1); INSERT INTO root VALUES (1)");
  stage.direct().run(
      "CREATE TABLE later (id int PRIMARY KEY); ALTER TABLE t RENAME id TO no;"
      "CREATE TABLE two PARTITION OF root FOR VALUES IN (2)");
  client.run("INSERT INTO later VALUES (1)");
  client.run("INSERT INTO t VALUES (2)");
  client.run("INSERT INTO root VALUES (2)");
  stage.direct().run("CREATE TABLE three PARTITION OF root FOR VALUES IN (3); ALTER TABLE t RENAME no TO nr");
  client.run("BEGIN; INSERT INTO root VALUES (3); INSERT INTO t VALUES (3); COMMIT");
  EXPECT_EQ(stage.events(),
            (Lines{R"(insert public.t {"id":1} {"id":1} row)", R"(insert public.one {"id":1} {"id":1} row)",
                   R"(insert public.later {"id":1} {"id":1} row)", R"(insert public.t {"no":2} {"no":2} row)",
                   R"(insert public.two {"id":2} {"id":2} row)", R"(insert public.three {"id":3} {"id":3} row)",
                   R"(insert public.t {"nr":3} {"nr":3} row)"}));
}

// The same where the session has the write prepared: by the client, and by its shape.
TEST_P(PastWeir, WhatIsPreparedFollowsWhatIsMadePastWeir) {
  for (const char* by_shape : {"true", "false"}) {
    Stage stage(version(), "UTF8", {"--capture.facts_max_age", "0", "--capture.prepare_by_shape", by_shape});
    stage.direct().run(
        "CREATE TABLE t (id int PRIMARY KEY, v int); CREATE TABLE log (id int);"
        "CREATE TABLE root (id int PRIMARY KEY) PARTITION BY LIST (id); CREATE TABLE one PARTITION OF root FOR VALUES "
        "IN (1)");
    const auto client = stage.through();
    const auto prepares = [&](const char* name, const char* sql) {
      PQclear(PQprepare(client.raw(), name, sql, 0, nullptr));
    };
    const auto runs = [&](const char* name, const char* value) {
      PGresult* result = PQexecPrepared(client.raw(), name, 1, &value, nullptr, nullptr, 0);
      EXPECT_EQ(PQresultStatus(result), PGRES_COMMAND_OK) << PQresultErrorMessage(result);
      PQclear(result);
    };
    EXPECT_EQ(client.try_run("INSERT INTO later VALUES (1)"), "42P01");
    EXPECT_EQ(client.try_run("INSERT INTO later VALUES (2)"), "42P01");
    prepares("t", "INSERT INTO t VALUES ($1, 0)");
    prepares("root", "INSERT INTO root VALUES ($1)");
    runs("t", "1");
    runs("root", "1");
    for (const char* id : {"2", "3", "4"}) client.run("INSERT INTO t VALUES (" + std::string(id) + ", 0)");
    stage.events();
    stage.direct().run(
        "CREATE TABLE later (id int PRIMARY KEY); ALTER TABLE t RENAME id TO no; ALTER TABLE one RENAME TO first;"
        "CREATE TABLE two PARTITION OF root FOR VALUES IN (2)");
    client.run("INSERT INTO later VALUES (1)");
    runs("t", "5");
    client.run("INSERT INTO t VALUES (6, 0)");
    runs("root", "2");
    client.run("DELETE FROM root WHERE id = 1");
    EXPECT_EQ(stage.events(),
              (Lines{R"(insert public.later {"id":1} {"id":1} row)", R"(insert public.t {"no":5} {"no":5,"v":0} row)",
                     R"(insert public.t {"no":6} {"no":6,"v":0} row)", R"(insert public.two {"id":2} {"id":2} row)",
                     R"(delete public.first {"id":1} {"id":1} row)"}))
        << by_shape;
    stage.direct().run("CREATE RULE r AS ON INSERT TO t DO INSTEAD INSERT INTO log VALUES (NEW.no)");
    runs("t", "7");
    client.run("INSERT INTO t VALUES (8, 0)");
    EXPECT_EQ(stage.events(), (Lines{"gap public.t +1 ~0 -0 rule", "gap public.t +1 ~0 -0 rule"})) << by_shape;
    EXPECT_EQ(stage.direct().value("SELECT count(*) FROM log"), "2");
  }
}

// A table that the facts do not know yet is told by its own name, however young they are.
TEST_P(PastWeir, TheFirstRowOfAYoungTableHasItsName) {
  Stage stage(version());
  stage.direct().run(
      "CREATE SCHEMA other; CREATE TABLE root (id int PRIMARY KEY, b text) PARTITION BY LIST (id);"
      "CREATE TABLE one PARTITION OF root FOR VALUES IN (1); CREATE TABLE par (id int PRIMARY KEY, b text);"
      "INSERT INTO par VALUES (1, 'x')");
  const auto client = stage.through();
  client.run("INSERT INTO root VALUES (1, 'a'); UPDATE par SET b = 'y'");
  stage.direct().run(
      "CREATE TABLE two PARTITION OF root FOR VALUES IN (2); CREATE TABLE other.three (b text, id int NOT NULL);"
      "INSERT INTO other.three VALUES ('old', 3); ALTER TABLE root ATTACH PARTITION other.three FOR VALUES IN (3);"
      "CREATE TABLE \"Kä ss\" () INHERITS (par); INSERT INTO \"Kä ss\" VALUES (7, 'c');"
      "CREATE TEMP TABLE passing () INHERITS (par)");
  client.run("INSERT INTO root VALUES (2, 'a'), (1, 'b') ON CONFLICT DO NOTHING");
  client.run("UPDATE par SET b = 'z'");
  EXPECT_EQ(
      stage.events(),
      (Lines{R"(insert public.one {"id":1} {"id":1,"b":"a"} row)", R"(update public.par {"id":1} {"id":1,"b":"y"} row)",
             R"(insert public.two {"id":2} {"id":2,"b":"a"} row)", R"(update public.par {"id":1} {"id":1,"b":"z"} row)",
             R"(update public.Kä ss {"id":7} {"id":7,"b":"z"} row)"}));
  const auto in_block = stage.through();
  in_block.run("DELETE FROM root WHERE id = 1");
  stage.direct().run("CREATE TABLE four PARTITION OF root FOR VALUES IN (4)");
  in_block.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
  in_block.run("SELECT count(*) FROM root");
  stage.direct().run("CREATE TABLE five (LIKE root); ALTER TABLE root ATTACH PARTITION five FOR VALUES IN (5)");
  in_block.run("INSERT INTO root VALUES (4, 'a')");
  in_block.run("SAVEPOINT s");
  in_block.run("INSERT INTO root VALUES (5, 'gone')");
  in_block.run("ROLLBACK TO s");
  in_block.run("UPDATE root SET id = 5 WHERE id = 4");
  in_block.run("COMMIT");
  EXPECT_EQ(stage.events(), (Lines{R"(delete public.one {"id":1} {"id":1,"b":"a"} row)",
                                   R"(insert public.four {"id":4} {"id":4,"b":"a"} row)",
                                   R"(delete public.four {"id":4} {"id":4,"b":"a"} row)",
                                   R"(insert public.five {"id":5} {"id":5,"b":"a"} row)"}));
  const auto pipelined = stage.through();
  execute(pipelined, "DELETE FROM root WHERE id = $1", {"2"});
  stage.direct().run("CREATE TABLE six PARTITION OF root FOR VALUES IN (6)");
  execute(pipelined, "INSERT INTO root VALUES ($1, 'a')", {"6"});
  EXPECT_EQ(stage.events(), (Lines{R"(delete public.two {"id":2} {"id":2,"b":"a"} row)",
                                   R"(insert public.six {"id":6} {"id":6,"b":"a"} row)"}));
}

// What the configuration says of the young table's own name holds from its first row on.
TEST_P(PastWeir, AYoungTableIsCapturedAsItsOwnNameSays) {
  Stage stage(version(), "UTF8", {"--capture.exclude", "public.hid*", "--capture.exclude_columns", "public.sec*.b"});
  stage.direct().run(
      "CREATE TABLE root (id int PRIMARY KEY, b text) PARTITION BY LIST (id);"
      "CREATE TABLE one PARTITION OF root FOR VALUES IN (1)");
  const auto client = stage.through();
  client.run("INSERT INTO root VALUES (1, 'a')");
  stage.direct().run(
      "CREATE TABLE hidden PARTITION OF root FOR VALUES IN (2); CREATE TABLE sec3 PARTITION OF root FOR VALUES IN (3)");
  client.run("BEGIN; INSERT INTO root VALUES (2, 'no'), (3, 'no'), (1, 'yes') ON CONFLICT DO NOTHING; COMMIT");
  EXPECT_EQ(stage.events(), (Lines{R"(insert public.one {"id":1} {"id":1,"b":"a"} row)",
                                   R"(insert public.sec3 {"id":3} {"id":3} row)"}));
}

// A name means what it would without Weir, also for what is prepared by its shape.
TEST_P(PastWeir, ATableInAnEarlierSchemaIsTheOneThatIsWritten) {
  Stage stage(version());
  stage.direct().run("CREATE SCHEMA early; CREATE TABLE t (id int PRIMARY KEY, v int)");
  const auto client = stage.through();
  client.run("SET search_path = early, public");
  const auto inserts = [&client](int from) {
    for (int id = from; id < from + 4; ++id) client.run("INSERT INTO t VALUES (" + std::to_string(id) + ", 0)");
  };
  inserts(1);
  stage.events();
  stage.direct().run("CREATE TABLE early.t (id int PRIMARY KEY, v int)");
  inserts(11);
  EXPECT_EQ(stage.direct().value("SELECT count(*) FROM early.t"), "4");
  EXPECT_EQ(stage.events(),
            (Lines{"gap early.t +1 ~0 -0 another table than the catalog had named",
                   R"(insert early.t {"id":12} {"id":12,"v":0} row)", R"(insert early.t {"id":13} {"id":13,"v":0} row)",
                   R"(insert early.t {"id":14} {"id":14,"v":0} row)"}));
  client.run("CREATE TEMP TABLE other (id int)");
  client.run("SET search_path = early");
  inserts(21);
  stage.direct().run(
      "CREATE FUNCTION hides() RETURNS void LANGUAGE sql AS 'CREATE TEMP TABLE t (id int PRIMARY KEY, v int)'");
  client.run("SELECT public.hides()");
  inserts(31);
  EXPECT_EQ(client.value("SELECT count(*) FROM pg_temp.t"), "4");
  EXPECT_EQ(stage.direct().value("SELECT count(*) FROM early.t"), "8");
}

}  // namespace
}  // namespace weir::images
