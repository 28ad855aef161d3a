// Promise 2, only the truth, where keys change: what consumers make of the events by key is what stands in the table, a
// statement's deletes come before its creates, and no old row is called the one that became a new one without proof.
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <thread>

#include "tests/support/pg_cluster.h"
#include "tests/support/pg_connection.h"
#include "tests/support/validators.h"
#include "tests/support/weir_process.h"

namespace weir {
namespace {

namespace json = boost::json;
using test_support::PgConnection;

/// One line of the flat format.
struct Event {
  std::string op, fidelity, key, old_key, row, before, id;
  std::int64_t statement = 0;
  std::string cause;
  json::object raw;
};

std::string member(const std::string& line, const char* name) {
  const auto members = test_support::members_of(line);
  const auto found = members.find(name);
  return found == members.end() || found->second == "null" ? std::string() : found->second;
}

std::string plain(const std::string& text) {
  return text.empty() ? text : std::string(json::parse(text).as_string());
}

Event event_of(const std::string& line) {
  Event event;
  event.op = plain(member(line, "op"));
  event.fidelity = plain(member(line, "fidelity"));
  event.key = member(line, "key");
  event.old_key = member(line, "old_key");
  event.row = member(line, "row");
  event.before = member(line, "before");
  event.cause = plain(member(line, "cause"));
  event.raw = json::parse(line).as_object();
  return event;
}

/// A database with Weir before it; both stay for all tests of a version.
class Stage {
 public:
  explicit Stage(int version) : cluster_(version) {
    weir_ = std::make_unique<test_support::WeirProcess>(
        test_support::WeirOptions{.upstream = cluster_.uri(), .emit = {"stdout"}, .arguments = {"--format", "flat"}});
    direct().run("CREATE TABLE public.done (n int PRIMARY KEY)");
  }

  PgConnection client() const { return PgConnection(weir_->conninfo()); }
  PgConnection direct() const { return PgConnection(cluster_.conninfo()); }
  test_support::WeirProcess& weir() { return *weir_; }

  /// The table's events since it was asked for last, once all that is committed has come.
  std::vector<Event> events(const std::string& table) {
    std::vector<Event> events;
    for (const std::string& line : lines(table)) events.push_back(event_of(line));
    return events;
  }

  std::vector<std::string> lines(const std::string& table) {
    const std::string mark = "\"row\":{\"n\":" + std::to_string(++done_) + "}";
    client().run("INSERT INTO public.done VALUES (" + std::to_string(done_) + ")");
    std::string output;
    const bool came = test_support::eventually(std::chrono::seconds(60), [&] {
      std::ifstream file(weir_->folder() / "stdout", std::ios::binary);
      file.seekg(std::streamoff(seen_));
      output.assign(std::istreambuf_iterator<char>(file), {});
      return output.find(mark) != std::string::npos;
    });
    if (!came) throw std::runtime_error("weir did not send all: " + weir_->errors());
    std::istringstream lines(output);
    seen_ += output.size();
    std::vector<std::string> found;
    for (std::string line; std::getline(lines, line);)
      if (line.find("\"table\":\"" + table + "\"") != std::string::npos) found.push_back(line);
    return found;
  }

 private:
  test_support::PgCluster cluster_;
  std::unique_ptr<test_support::WeirProcess> weir_;
  int done_ = 0;
  std::size_t seen_ = 0;
};

class Keys : public testing::TestWithParam<int> {
 protected:
  static Stage& stage() {
    auto& stage = stages[GetParam()];
    if (!stage) stage = std::make_unique<Stage>(GetParam());
    return *stage;
  }
  static bool has_old_rows() { return GetParam() >= 18; }
  static void TearDownTestSuite() { stages.clear(); }

  /// What a consumer that goes by key has in the end.
  using Table = std::map<std::string, std::string>;
  static void apply(Table& table, const std::vector<Event>& events) {
    for (const Event& event : events) {
      EXPECT_EQ(event.fidelity, "row") << json::serialize(event.raw);
      if (!event.old_key.empty()) table.erase(event.old_key);
      if (event.op == "delete") {
        table.erase(event.key);
      } else {
        table[event.key] = event.row;
      }
    }
  }
  static Table stored(const std::string& table, const std::string& key = "id") {
    Table rows;
    for (const auto& row : stage().direct().rows("SELECT row_to_json(k)::text, row_to_json(t)::text FROM " + table +
                                                 " t, LATERAL (SELECT " + key + ") k"))
      rows[*row[0]] = *row[1];
    return rows;
  }
  static std::string ops(const std::vector<Event>& events) {
    std::string out;
    for (const Event& event : events)
      out += (out.empty() ? "" : " ") + event.op + (event.fidelity == "row" ? "" : "(" + event.fidelity + ")");
    return out;
  }
  static bool deletes_come_first(const std::vector<Event>& events) {
    bool created = false;
    for (const Event& event : events) {
      if (event.op == "delete" && created) return false;
      created |= event.op == "insert";
    }
    return true;
  }

 private:
  static std::map<int, std::unique_ptr<Stage>> stages;
};

std::map<int, std::unique_ptr<Stage>> Keys::stages;

/// Runs the texts through Weir, and then the replay must give the table; answers the last text's events.
#define EXPECT_REPLAY(replayed, table_name, key, events_of_last, ...)    \
  do {                                                                   \
    for (const char* text : {__VA_ARGS__}) {                             \
      stage().client().run(text);                                        \
      events_of_last = stage().events(table_name);                       \
      apply(replayed, events_of_last);                                   \
    }                                                                    \
    EXPECT_EQ(replayed, stored(table_name, key)) << ops(events_of_last); \
  } while (false)

TEST_P(Keys, AKeyThatOthersTakeOverWhileAStatementRuns) {
  stage().direct().run("CREATE TABLE chain (id int PRIMARY KEY DEFERRABLE, v text, w int)");
  std::vector<Event> events;
  Table replayed;
  EXPECT_REPLAY(replayed, "chain", "id", events, "INSERT INTO chain SELECT i, 'same', i FROM generate_series(1, 5) i",
                "UPDATE chain SET id = id + 1", "UPDATE chain SET id = id + 1, w = 0", "UPDATE chain SET id = 8 - id",
                "UPDATE chain SET id = CASE id WHEN 3 THEN 4 ELSE 3 END WHERE id IN (3, 4)",
                "BEGIN; UPDATE chain SET id = id + 1; SAVEPOINT s; UPDATE chain SET id = id + 7; ROLLBACK TO s; "
                "UPDATE chain SET id = id - 1; COMMIT");
  EXPECT_FALSE(events.empty());
  stage().client().run("UPDATE chain SET id = id + 1");
  EXPECT_TRUE(deletes_come_first(stage().events("chain")));
}

TEST_P(Keys, RowsThatNothingTellsApartAreNotPaired) {
  stage().direct().run("CREATE TABLE same (id int PRIMARY KEY, v text)");
  std::vector<Event> events;
  Table replayed;
  EXPECT_REPLAY(replayed, "same", "id", events, "INSERT INTO same SELECT i, 'same' FROM generate_series(1, 20000) i",
                "UPDATE same SET id = id + 100000");
  EXPECT_EQ(events.size(), 40000U);
  EXPECT_TRUE(deletes_come_first(events));
  EXPECT_REPLAY(replayed, "same", "id", events, "UPDATE same SET id = id - 100000 WHERE id = 100007 AND v = 'same'");
  EXPECT_EQ(ops(events), "update") << "one row alone is the same";
}

TEST_P(Keys, RowsThatAreToldApartKeepTheirOldImages) {
  stage().direct().run("CREATE TABLE told (id int PRIMARY KEY, v text)");
  stage().client().run("INSERT INTO told SELECT i, 'v' || i FROM generate_series(1, 100) i");
  stage().events("told");
  stage().client().run("UPDATE told SET id = CASE WHEN id > 50 THEN id + 1000 ELSE id END WHERE id > 49");
  const auto events = stage().events("told");
  int updates = 0;
  for (const Event& event : events) {
    if (event.op != "update") continue;
    ++updates;
    EXPECT_EQ(event.before, event.row);
  }
  EXPECT_EQ(updates, 1) << "the one that kept its key";
  EXPECT_EQ(events.size(), 101U);
  EXPECT_TRUE(deletes_come_first(events));
}

TEST_P(Keys, SavingEveryColumnIsAnOrdinaryUpdate) {
  stage().direct().run(
      "CREATE TABLE saved (id int PRIMARY KEY, v text, l int GENERATED ALWAYS AS (length(v)) STORED); "
      "CREATE TABLE saved2 (a uuid, b text, v text, PRIMARY KEY (a, b)); CREATE TABLE n (id numeric PRIMARY KEY, v "
      "int)");
  stage().client().run(
      "INSERT INTO saved VALUES (5, 'a'), (6, 'b'), (7, 'b'); INSERT INTO saved2 SELECT "
      "'00000000-0000-0000-0000-000000000001', 'x', 'v'; INSERT INTO n VALUES (1.0, 1)");
  stage().events("saved");
  for (const char* text :
       {"UPDATE saved SET id = 5, v = 'x' WHERE id = 5",
        "UPDATE saved SET id = id, v = 'same' WHERE id > length('12345')",
        "UPDATE saved SET id = '6', v = 'y' WHERE id = 6",
        "UPDATE saved SET (id, v) = (7, 'z') WHERE (id) = (7) RETURNING *",
        "INSERT INTO saved VALUES (5, 'new') ON CONFLICT (id) DO UPDATE SET id = EXCLUDED.id, v = EXCLUDED.v",
        "UPDATE saved SET id = s.id, v = s.v FROM (VALUES (6, 'f')) s(id, v) WHERE saved.id = s.id",
        "UPDATE saved SET v = v || '!' WHERE id IN (SELECT 5)"}) {
    stage().client().run(text);
    for (const Event& event : stage().events("saved")) {
      EXPECT_EQ(event.op, "update") << text;
      EXPECT_EQ(event.fidelity, "row") << text;
      EXPECT_EQ(event.old_key, "") << text;
      EXPECT_NE(event.key, "") << text;
    }
  }
  stage().client().run(
      "INSERT INTO saved2 VALUES ('00000000-0000-0000-0000-000000000001', 'x', 'w') ON CONFLICT (b, a) DO UPDATE SET "
      "a = EXCLUDED.a, b = EXCLUDED.b, v = EXCLUDED.v");
  EXPECT_EQ(ops(stage().events("saved2")), "update");
  stage().client().run("UPDATE n SET id = 1.00, v = 2 WHERE id = 1.00");
  const auto numeric = stage().events("n");
  ASSERT_EQ(numeric.size(), 1U);
  EXPECT_EQ(numeric[0].old_key, "{\"id\":1.0}") << "equal and not the same";
  EXPECT_EQ(numeric[0].key, "{\"id\":1.00}");
}

TEST_P(Keys, ParametersOfEveryKindReachTheQuestionToo) {
  stage().direct().run("CREATE TABLE bound (id bigint PRIMARY KEY, v text)");
  const auto client = stage().client();
  client.run("INSERT INTO bound VALUES (5, 'a'), (6, 'b'), (9, 'b')");
  stage().events("bound");
  const auto execute = [&](const char* text, std::vector<std::string> values, std::vector<Oid> types, bool binary) {
    std::vector<const char*> pointers;
    std::vector<int> lengths, formats;
    for (const auto& value : values) {
      pointers.push_back(value.data());
      lengths.push_back(int(value.size()));
      formats.push_back(binary ? 1 : 0);
    }
    PGresult* result = PQexecParams(client.raw(), text, int(values.size()), types.empty() ? nullptr : types.data(),
                                    pointers.data(), lengths.data(), formats.data(), 0);
    EXPECT_EQ(PQresultStatus(result), PGRES_COMMAND_OK) << text << PQresultErrorMessage(result);
    EXPECT_STREQ(PQcmdTuples(result), "1") << text;
    PQclear(result);
    return ops(stage().events("bound"));
  };
  EXPECT_EQ(execute("UPDATE bound SET id = $1, v = $2 WHERE id = $1", {"5", "x"}, {}, false), "update");
  EXPECT_EQ(execute("UPDATE bound SET id = $2 WHERE id = $1", {"5", "15"}, {}, false), "update");
  EXPECT_EQ(execute("UPDATE bound SET id = $2 WHERE id = $1 AND v = $3", {"6", "16", "b"}, {20, 20, 25}, false),
            "update");
  // What $1 is the WHERE tells, in both statements.
  EXPECT_EQ(execute("UPDATE bound SET id = $1 + 10 WHERE id = $1", {"9"}, {}, false), "update");
  EXPECT_EQ(execute("UPDATE bound SET id = $1 + 10 WHERE id = $1", {std::string("\0\0\0\0\0\0\0\x13", 8)}, {}, true),
            "update");
  EXPECT_EQ(execute("UPDATE bound SET id = $1 + 10 WHERE id = $1", {std::string("\0\0\0\x1d", 4)}, {23}, true),
            "update");
}

TEST_P(Keys, KeysThatAreComputedChangeWithWhatTheyAreComputedFrom) {
  stage().direct().run("CREATE TABLE computed (a int, v text, id int GENERATED ALWAYS AS (a * 10) STORED PRIMARY KEY)");
  std::vector<Event> events;
  Table replayed;
  EXPECT_REPLAY(replayed, "computed", "id", events, "INSERT INTO computed VALUES (1, 'x'), (2, 'y'), (3, 'y')",
                "UPDATE computed SET a = 4 WHERE a = 1", "UPDATE computed SET a = a + 10");
  EXPECT_TRUE(deletes_come_first(events));
  EXPECT_REPLAY(replayed, "computed", "id", events, "UPDATE computed SET v = 'z' WHERE v = lower('Y') AND a = 12");
  EXPECT_EQ(ops(events), "update") << "what the key is computed from was not touched";
}

TEST_P(Keys, TriggersMayChangeKeys) {
  stage().direct().run(R"(
    CREATE TABLE triggered (id int PRIMARY KEY, v text);
    CREATE FUNCTION shift() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF NEW.v = 'shift' THEN NEW.id := NEW.id + 100; END IF; RETURN NEW; END $$;
    CREATE TRIGGER shift BEFORE UPDATE ON triggered FOR EACH ROW EXECUTE FUNCTION shift();
    CREATE TABLE stamped (id int PRIMARY KEY, v text, at timestamptz);
    CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN -- the new time
      NEW.at := now(); RETURN NEW; END $$;
    CREATE TRIGGER stamp BEFORE UPDATE ON stamped FOR EACH ROW EXECUTE FUNCTION stamp();
    CREATE TABLE returned (id int PRIMARY KEY, v text);
    CREATE FUNCTION returns_another() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE r returned; BEGIN
      r := NEW; IF NEW.v = 'skip' THEN RETURN NULL; END IF; r.id := NEW.id + 100; RETURN r; END $$;
    CREATE TRIGGER another BEFORE UPDATE ON returned FOR EACH ROW EXECUTE FUNCTION returns_another();)");
  std::vector<Event> events;
  Table replayed;
  EXPECT_REPLAY(replayed, "triggered", "id", events, "INSERT INTO triggered VALUES (1, 'a'), (2, 'b'), (3, 'b')",
                "UPDATE triggered SET v = 'shift' WHERE id = 1", "UPDATE triggered SET v = 'still' WHERE id = 2",
                "UPDATE triggered SET v = 'shift'");
  stage().client().run("INSERT INTO stamped VALUES (1, 'a'); UPDATE stamped SET v = 'b' WHERE id = abs(-1)");
  EXPECT_EQ(ops(stage().events("stamped")), "insert update");
  stage().client().run("INSERT INTO returned VALUES (1, 'a'), (2, 'b')");
  stage().events("returned");
  stage().client().run("UPDATE returned SET v = 'c' WHERE id = 1");
  const auto moved = stage().events("returned");
  ASSERT_EQ(moved.size(), 1U);
  EXPECT_EQ(moved[0].fidelity, has_old_rows() ? "row" : "statement") << "rows may be skipped: one for one is no proof";
  stage().client().run("UPDATE returned SET v = 'skip'");
  EXPECT_EQ(ops(stage().events("returned")), "");
}

// One session that knows the table well before it has to know more: by its UPDATEs so far no row could move.
TEST_P(Keys, WhatMayMoveRowsIsNoticedWhenItComes) {
  stage().direct().run(R"(
    CREATE TABLE calm (id int PRIMARY KEY, v text, n int);
    CREATE FUNCTION moves() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.id := NEW.id + 100; RETURN NEW; END $$;
    CREATE TRIGGER quiet BEFORE UPDATE ON calm FOR EACH ROW EXECUTE FUNCTION moves();
    ALTER TABLE calm DISABLE TRIGGER quiet;
    CREATE TABLE sorted (id int, r text, v text, PRIMARY KEY (id, r)) PARTITION BY LIST (r);
    CREATE TABLE sorted_a PARTITION OF sorted FOR VALUES IN ('a');)");
  Table replayed;
  auto client = stage().client();
  const auto runs = [&](const char* table, const std::string& text) {
    client.run(text);
    const auto events = stage().events(table);
    apply(replayed, events);
    return ops(events);
  };
  runs("calm", "INSERT INTO calm VALUES (1, 'a', 1), (2, 'b', 2)");
  EXPECT_EQ(runs("calm", "UPDATE calm SET v = 'x' WHERE id = abs(-1)"), "update");
  EXPECT_EQ(runs("calm", "UPDATE calm SET id = 11 WHERE id = 1"), "update") << "and the key itself";
  EXPECT_EQ(runs("calm", "UPDATE calm SET v = 'y' WHERE id = abs(-11)"), "update");
  client.run("ALTER TABLE calm ENABLE TRIGGER quiet");
  runs("calm", "UPDATE calm SET v = 'z' WHERE n = 1");
  EXPECT_EQ(replayed, stored("calm"));
  client.run(
      "ALTER TABLE calm DISABLE TRIGGER quiet; ALTER TABLE calm DROP id; "
      "ALTER TABLE calm ADD id int GENERATED ALWAYS AS (n * 7) STORED PRIMARY KEY");
  replayed = stored("calm");
  EXPECT_EQ(runs("calm", "UPDATE calm SET v = 'w' WHERE n = abs(-1)"), "update");
  runs("calm", "UPDATE calm SET n = 5 WHERE n = 1");
  EXPECT_EQ(replayed, stored("calm"));

  replayed.clear();
  runs("sorted_a", "INSERT INTO sorted VALUES (1, 'a', 'p'), (2, 'a', 'q')");
  EXPECT_EQ(runs("sorted_a", "UPDATE sorted SET v = 'x' WHERE id = abs(-1)"), "update");
  client.run("CREATE TRIGGER loud BEFORE UPDATE ON sorted_a FOR EACH ROW EXECUTE FUNCTION moves()");
  runs("sorted_a", "UPDATE sorted SET v = 'y' WHERE id = 2");
  EXPECT_EQ(replayed, stored("sorted", "id, r"));
}

// What README says of it: the statements' order is told, and by key that is not the table.
TEST_P(Keys, ADeferrableKeyThatIsTakenBeforeItIsGivenUp) {
  stage().direct().run("CREATE TABLE late (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, v text)");
  stage().client().run("INSERT INTO late VALUES (1, 'old')");
  stage().events("late");
  stage().client().run("BEGIN; INSERT INTO late VALUES (1, 'new'); DELETE FROM late WHERE v = 'old'; COMMIT");
  const auto events = stage().events("late");
  ASSERT_EQ(ops(events), "insert delete");
  EXPECT_EQ(events[0].row, R"({"id":1,"v":"new"})");
  EXPECT_EQ(events[1].before, R"({"id":1,"v":"old"})");
  EXPECT_EQ(stage().direct().value("SELECT v FROM late"), "new");
}

TEST_P(Keys, SavingCompositeKeysAndDomainsIsAnOrdinaryUpdate) {
  stage().direct().run(
      "CREATE DOMAIN positive AS int CHECK (VALUE > 0); CREATE DOMAIN code AS text CHECK (length(VALUE) < 9); "
      "CREATE TABLE coded (a positive, b code, c date, v text, PRIMARY KEY (b, a, c))");
  const auto client = stage().client();
  client.run("INSERT INTO coded VALUES (1, 'a', '2020-01-01', 'v'), (2, 'b', '2020-01-01', 'v')");
  stage().events("coded");
  for (const char* text :
       {"UPDATE coded SET a = 1, b = 'a', c = '2020-01-01', v = 'w' WHERE a = 1 AND b = 'a' AND c = '2020-01-01'",
        "UPDATE coded SET (a, b, c, v) = (2, 'b', '2020-01-01', 'x') WHERE (a, b, c) = (2, 'b', '2020-01-01')",
        "UPDATE coded SET a = a, b = b, v = 'y'", "UPDATE coded SET a = 1 WHERE a = 1",
        "UPDATE coded SET b = 'b' WHERE b = 'b'",
        "INSERT INTO coded VALUES (2, 'b', '2020-01-01', 'z') ON CONFLICT (c, b, a) DO UPDATE SET a = EXCLUDED.a, "
        "b = EXCLUDED.b, c = EXCLUDED.c, v = EXCLUDED.v"}) {
    client.run(text);
    const auto events = stage().events("coded");
    EXPECT_FALSE(events.empty()) << text;
    for (const Event& event : events)
      EXPECT_EQ(event.op + event.fidelity + event.old_key, "updaterow") << text << json::serialize(event.raw);
  }
}

TEST_P(Keys, AnUpsertThatMayChangeTheKeySaysSo) {
  stage().direct().run("CREATE TABLE upserted (id int PRIMARY KEY, u int UNIQUE, v text)");
  stage().client().run("INSERT INTO upserted VALUES (1, 1, 'a'), (2, 2, 'b')");
  stage().events("upserted");
  stage().client().run(
      "INSERT INTO upserted VALUES (3, 1, 'c'), (4, 4, 'd') ON CONFLICT (u) DO UPDATE SET id = EXCLUDED.id");
  const auto events = stage().events("upserted");
  if (has_old_rows()) {
    EXPECT_EQ(ops(events), "update insert");
    EXPECT_EQ(events[0].old_key, "{\"id\":1}");
    EXPECT_EQ(events[0].key, "{\"id\":3}");
  } else {
    EXPECT_EQ(ops(events), "insert(statement)");
  }
}

TEST_P(Keys, MovesBetweenPartitions) {
  stage().direct().run(R"(
    CREATE TABLE parted (id int, r text, v text, PRIMARY KEY (id, r)) PARTITION BY LIST (r);
    CREATE TABLE parted_a PARTITION OF parted FOR VALUES IN ('a');
    CREATE TABLE parted_b PARTITION OF parted FOR VALUES IN ('b');)");
  stage().client().run("INSERT INTO parted SELECT i, 'a', 'same' FROM generate_series(1, 5) i");
  stage().events("parted_a");
  stage().client().run("UPDATE parted SET r = 'b', id = id + 10 WHERE id > 2");
  stage().client().run("UPDATE parted SET r = 'b' WHERE r = 'b'");
  const auto rows = stage().direct().value("SELECT count(*) FROM parted_b");
  EXPECT_EQ(rows, "3");
  const auto events = stage().events("parted_a");
  EXPECT_EQ(ops(events), "delete delete delete");
}

/// A function that counts how often it is called, whatever becomes of the transaction.
constexpr const char* kCounting = R"(
  CREATE SEQUENCE IF NOT EXISTS calls;
  CREATE FUNCTION counted(int, int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN PERFORM nextval('calls'); RETURN $1 = $2; END $$;
  CREATE OPERATOR public.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = counted);
  CREATE TABLE counted_rows (id int PRIMARY KEY, v text);)";

TEST_P(Keys, WhatAUserDefinedRunsAsOftenAsWithoutWeir) {
  stage().direct().run(kCounting);
  stage().client().run("INSERT INTO counted_rows SELECT i, 'a' FROM generate_series(1, 10) i");
  stage().events("counted_rows");
  const auto calls_of = [](const PgConnection& through, const char* text) {
    stage().direct().run("SELECT setval('calls', 1)");
    through.run(text);
    return stage().direct().value("SELECT last_value FROM calls");
  };
  const char* text = "UPDATE counted_rows SET id = id + 100 WHERE id === 3 OR id === 103";
  const std::string through = calls_of(stage().client(), text);
  stage().direct().run("UPDATE counted_rows SET id = 3 WHERE id = 103");
  EXPECT_EQ(through, calls_of(stage().direct(), text));
  EXPECT_EQ(ops(stage().events("counted_rows")), has_old_rows() ? "update" : "update(statement)");
  stage().direct().run("DROP OPERATOR public.=== (int, int)");
}

TEST_P(Keys, AMergeSaysWhatItDidOrThatItIsNotKnown) {
  stage().direct().run("CREATE TABLE merged (id int PRIMARY KEY, v text)");
  stage().client().run("INSERT INTO merged VALUES (1, 'a'), (2, 'b')");
  stage().events("merged");
  stage().client().run(
      "MERGE INTO merged m USING (VALUES (1, 'x'), (2, 'y'), (3, 'z')) s(id, v) ON m.id = s.id WHEN MATCHED AND s.id = "
      "1 "
      "THEN DELETE WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.v)");
  const auto events = stage().events("merged");
  if (has_old_rows()) {
    EXPECT_EQ(ops(events), "delete update insert");
  } else {
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].op, "gap");
    EXPECT_TRUE(events[0].raw.at("updated").is_null());
    EXPECT_EQ(events[0].cause, "merge of 3 rows");
  }
  stage().client().run(
      "MERGE INTO merged m USING (VALUES (2), (9)) s(id) ON m.id = s.id WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN "
      "DO "
      "NOTHING");
  EXPECT_EQ(ops(stage().events("merged")), has_old_rows() ? "delete" : "delete(statement)");
}

TEST_P(Keys, ManyRowsAreToldInBoundedMemory) {
  constexpr std::size_t kRows = 80000;
  stage().direct().run(
      "CREATE TABLE many (id int PRIMARY KEY, v text); INSERT INTO many SELECT i, repeat('x', 50) FROM "
      "generate_series(1, " +
      std::to_string(kRows) + ") i");
  stage().client().run("UPDATE many SET id = id + 1000000");
  const auto lines = stage().lines("many");
  std::size_t deletes = 0, inserts = 0, last_delete = 0, first_insert = lines.size();
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const bool removes = lines[i].find("\"op\":\"delete\"") != std::string::npos;
    deletes += removes ? 1 : 0;
    inserts += lines[i].find("\"op\":\"insert\"") != std::string::npos ? 1 : 0;
    if (removes) last_delete = i;
    if (!removes) first_insert = std::min(first_insert, i);
  }
  if (has_old_rows()) {
    // Behind the first of them a unique key's own order is right.
    EXPECT_EQ(deletes + inserts + 2 * (lines.size() - deletes - inserts), 2 * kRows);
  } else {
    EXPECT_EQ(deletes, kRows);
    EXPECT_EQ(inserts, kRows);
    EXPECT_LT(last_delete, first_insert);
  }
}

/// Sessions that move the same rows about, and others that only read or save them; none changes which rows a WHERE
/// hits.
void move_about(const std::string& conninfo, unsigned seed) {
  const PgConnection client(conninfo);
  for (unsigned i = 0; i < 25; ++i) {
    seed = seed * 1664525 + 1013904223;
    const std::string group = std::to_string(seed >> 16 & 1);
    switch (seed >> 20 & 3) {
      case 0:
        client.try_run("UPDATE crowd SET id = id + 2 WHERE grp = " + group);
        break;
      case 1:
        client.try_run("UPDATE crowd SET id = id - 2, v = 'same' WHERE grp = " + group);
        break;
      case 2:
        client.try_run("BEGIN; UPDATE crowd SET id = CASE WHEN id % 4 < 2 THEN id + 2 ELSE id - 2 END WHERE grp = " +
                       group + "; UPDATE crowd SET id = id, v = 'v' || id WHERE grp = " + group + "; COMMIT");
        break;
      default:
        client.try_run("BEGIN; UPDATE crowd SET id = id + 4 WHERE grp = " + group + "; ROLLBACK");
    }
  }
}

TEST_P(Keys, SessionsThatMoveTheSameRows) {
  stage().direct().run("ALTER SYSTEM SET deadlock_timeout = '50ms'");
  stage().direct().run("SELECT pg_reload_conf(); CREATE TABLE crowd (id int PRIMARY KEY DEFERRABLE, grp int, v text)");
  Table replayed;
  std::vector<Event> events;
  EXPECT_REPLAY(replayed, "crowd", "id", events,
                "INSERT INTO crowd SELECT i, i % 2, 'same' FROM generate_series(1, 30) i");
  const std::string conninfo =
      "host=127.0.0.1 dbname=postgres user=postgres port=" + std::to_string(stage().weir().port());
  std::vector<std::thread> sessions;
  for (unsigned number = 1; number <= 6; ++number) sessions.emplace_back(move_about, conninfo, number);
  for (auto& session : sessions) session.join();
  events = stage().events("crowd");
  EXPECT_GT(events.size(), 500U);
  apply(replayed, events);
  EXPECT_EQ(replayed, stored("crowd"));
}

INSTANTIATE_TEST_SUITE_P(Versions, Keys, testing::Values(15, 18),
                         [](const auto& info) { return "pg" + std::to_string(info.param); });

}  // namespace
}  // namespace weir
