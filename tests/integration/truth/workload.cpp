#include "tests/integration/truth/workload.h"

#include <libpq-fe.h>

#include <chrono>
#include <functional>
#include <random>
#include <set>
#include <thread>

#include "tests/support/child_process.h"

namespace weir::truth {
namespace {

constexpr int hot_rows = 4;

/// One session: a connection, and the dice.
class Session {
 public:
  Session(Workload& workload, std::string conninfo, std::uint32_t seed, int number)
      : workload_(workload),
        conninfo_(std::move(conninfo)),
        dice_(seed * 1000 + static_cast<std::uint32_t>(number)),
        number_(number) {}
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() { PQfinish(connection_); }

  void run(int transactions) {
    for (int i = 0; i < transactions && !workload_.stopped(); ++i) {
      if (!connected()) continue;
      one_transaction();
      workload_.count_transaction();
    }
  }

 private:
  int roll(int sides) { return static_cast<int>(dice_() % static_cast<unsigned>(sides)); }
  bool chance(int percent) { return roll(100) < percent; }
  std::string number(int sides) { return std::to_string(roll(sides)); }

  bool connected();
  void one_transaction();
  void block();
  void block_in_queries();
  void savepoints();
  void pipeline();
  void many_in_one_query();
  void statement() { send(any_statement()); }

  std::string any_statement();
  std::string insert();
  std::string upsert();
  std::string update();
  std::string remove();
  std::string move();
  std::string failing();

  /// In one of the three ways; errors are part of the plan.
  void send(const std::string& sql);
  void send_prepared(const std::string& sql);
  void finish(PGresult* result);

  Workload& workload_;
  std::string conninfo_;
  std::mt19937 dice_;
  int number_;
  int made_ = 0;
  PGconn* connection_ = nullptr;
  std::set<std::string> prepared_;
};

bool Session::connected() {
  if (connection_ != nullptr && PQstatus(connection_) == CONNECTION_OK) return true;
  if (connection_ != nullptr) workload_.count_lost_connection();
  return test_support::eventually(std::chrono::seconds(30),
                                  [this] {
                                    PQfinish(connection_);
                                    connection_ = PQconnectdb(conninfo_.c_str());
                                    PQsetNoticeProcessor(
                                        connection_, [](void*, const char*) {}, nullptr);
                                    prepared_.clear();
                                    return PQstatus(connection_) == CONNECTION_OK || workload_.stopped();
                                  }) &&
         PQstatus(connection_) == CONNECTION_OK;
}

void Session::finish(PGresult* result) {
  PQclear(result);
}

void Session::send(const std::string& sql) {
  switch (roll(3)) {
    case 0:
      return finish(PQexec(connection_, sql.c_str()));
    case 1:
      return finish(PQexecParams(connection_, sql.c_str(), 0, nullptr, nullptr, nullptr, nullptr, roll(2)));
    default:
      return send_prepared(sql);
  }
}

void Session::send_prepared(const std::string& sql) {
  const auto name = "p" + std::to_string(std::hash<std::string>{}(sql));
  if (prepared_.insert(name).second) finish(PQprepare(connection_, name.c_str(), sql.c_str(), 0, nullptr));
  finish(PQexecPrepared(connection_, name.c_str(), 0, nullptr, nullptr, nullptr, roll(2)));
}

void Session::one_transaction() {
  switch (roll(8)) {
    case 0:
    case 1:
      return statement();
    case 2:
      return pipeline();
    case 3:
      return many_in_one_query();
    case 4:
      return block_in_queries();
    case 5:
      return savepoints();
    default:
      return block();
  }
}

void Session::block() {
  send("BEGIN");
  for (int i = roll(4); i >= 0; --i) statement();
  send(chance(75) ? "COMMIT" : chance(80) ? "ROLLBACK" : "COMMIT AND CHAIN");
  // AND CHAIN has begun another transaction.
  if (PQtransactionStatus(connection_) != PQTRANS_INTRANS) return;
  statement();
  send(chance(70) ? "COMMIT" : "ROLLBACK");
}

void Session::block_in_queries() {
  finish(PQexec(connection_, ("BEGIN; " + any_statement()).c_str()));
  statement();
  finish(PQexec(connection_, (any_statement() + (chance(80) ? "; COMMIT" : "; ROLLBACK")).c_str()));
  if (PQtransactionStatus(connection_) != PQTRANS_IDLE) send("ROLLBACK");
}

void Session::savepoints() {
  send("BEGIN");
  statement();
  for (int depth = 0; depth < 3; ++depth) {
    const auto name = "s" + std::to_string(depth);
    send("SAVEPOINT " + name);
    statement();
    if (chance(30)) send(failing());
    if (chance(50) || PQtransactionStatus(connection_) == PQTRANS_INERROR) {
      send("ROLLBACK TO " + (chance(30) ? std::string("s0") : name));
      statement();
    } else if (chance(50)) {
      send("RELEASE " + name);
    }
  }
  if (chance(30)) send("ROLLBACK TO s0");
  send(chance(80) ? "COMMIT" : "ROLLBACK");
  if (PQtransactionStatus(connection_) != PQTRANS_IDLE) send("ROLLBACK");
}

void Session::pipeline() {
  if (PQenterPipelineMode(connection_) != 1) return;
  const bool explicit_block = chance(25);
  const bool sync_each = chance(30);
  const auto queue = [&](const std::string& sql) {
    PQsendQueryParams(connection_, sql.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 0);
    if (sync_each) PQpipelineSync(connection_);
  };
  if (explicit_block) queue("BEGIN");
  for (int i = 2 + roll(6); i > 0; --i) queue(chance(92) ? any_statement() : failing());
  if (explicit_block) queue(chance(80) ? "COMMIT" : "ROLLBACK");
  if (!sync_each) PQpipelineSync(connection_);
  // Every command ends with a NULL, and a Sync's result has none; so two in a row mean that nothing is left.
  for (int nulls = 0; nulls < 2 && PQstatus(connection_) == CONNECTION_OK;) {
    PGresult* result = PQgetResult(connection_);
    nulls = result == nullptr ? nulls + 1 : 0;
    PQclear(result);
  }
  if (PQexitPipelineMode(connection_) != 1) PQreset(connection_);
  if (PQtransactionStatus(connection_) != PQTRANS_IDLE) finish(PQexec(connection_, "ROLLBACK"));
}

void Session::many_in_one_query() {
  std::string sql = any_statement();
  for (int i = roll(3); i >= 0; --i) sql += "; " + (chance(90) ? any_statement() : failing());
  finish(PQexec(connection_, sql.c_str()));
}

std::string Session::any_statement() {
  switch (roll(10)) {
    case 0:
    case 1:
      return insert();
    case 2:
      return upsert();
    case 3:
      return remove();
    case 4:
      return move();
    case 5:
      return chance(30) ? failing() : "SELECT count(*) FROM items";
    default:
      return update();
  }
}

std::string Session::insert() {
  const auto own = std::to_string(number_ * 1'000'000 + ++made_);
  switch (roll(6)) {
    case 0:
      return "INSERT INTO items(name, qty, price, ok) VALUES ('s" + own + "', " + number(50) + ", 12345678901234." +
             number(999999) + "00, true)";
    case 1:
      return "INSERT INTO items(name, qty) VALUES ('multi \"q\" " + own +
             "', 1), ('\303\244\342\202\254', 2), (E'tab\\tnew\\nline', NULL) RETURNING id, name";
    case 2:
      return "INSERT INTO items(name, qty, ok) SELECT 'series ' || i, i, i % 2 = 0 FROM generate_series(1, " +
             std::to_string(2 + roll(8)) + ") i";
    case 3:
      return "INSERT INTO parts(k, region, v) VALUES (" + own + ", 'eu', 'a'), (" + own + ", 'us', 'b')";
    case 4:
      return "INSERT INTO late VALUES (" + own + ", " + (chance(80) ? "1" : "-1") + ")";
    default:
      return "INSERT INTO log VALUES (" + number(1000) + ", 'x'), (" + number(1000) + ", NULL)";
  }
}

std::string Session::upsert() {
  const auto a = number(6);
  if (chance(50)) {
    return "INSERT INTO pairs VALUES (" + a + ", 'k', 1), (" + a +
           ", 'l', 1) ON CONFLICT (a, b) DO UPDATE SET v = pairs.v + excluded.v";
  }
  if (chance(50))
    return "INSERT INTO parts VALUES (" + a +
           ", 'eu', 'p') ON CONFLICT (k, region) DO UPDATE SET v = parts.v || 'q' RETURNING *";
  return "INSERT INTO pairs VALUES (" + a + ", 'm', 5), (" + number(6) + ", 'n', 6) ON CONFLICT DO NOTHING RETURNING a";
}

std::string Session::update() {
  const auto id = number(hot_rows);
  switch (roll(8)) {
    case 0:
      return "UPDATE hot SET n = n + 1 WHERE id = " + id + " RETURNING n";
    case 1:
      return "UPDATE hot SET n = n + 1, note = 'all' WHERE id < 3";
    case 2:
      return "UPDATE items SET qty = qty + 1 WHERE id % 11 = " + number(11);
    case 3:
      return "UPDATE items i SET price = p.v FROM pairs p WHERE i.id % 13 = p.a AND p.b = 'k'";
    case 4:
      return "UPDATE pairs SET v = v + 1 WHERE a = " + number(6) + " RETURNING b, v";
    case 5:
      return "UPDATE parts SET v = left(v || '!', 20) WHERE k = " + number(6);
    default:
      return "UPDATE hot SET n = n + 1, note = 's" + std::to_string(number_) + "' WHERE id = " + id;
  }
}

std::string Session::remove() {
  switch (roll(4)) {
    case 0:
      return "DELETE FROM items WHERE id % 17 = " + number(17);
    case 1:
      return "DELETE FROM items i USING pairs p WHERE i.id % 19 = p.v % 19 AND p.a = " + number(6) + " RETURNING i.id";
    case 2:
      return "DELETE FROM pairs WHERE a = " + number(6) + " AND b <> 'k'";
    default:
      return "DELETE FROM parts WHERE k = " + number(6);
  }
}

// Changes of keys, within a table and from one partition to another.
std::string Session::move() {
  switch (roll(6)) {
    case 3:
      return "UPDATE chain SET id = id " + std::string(chance(50) ? "+" : "-") + " 3 WHERE grp = " + number(3);
    case 4:
      return "UPDATE chain SET id = CASE WHEN id % 2 = 0 THEN id + 3 ELSE id - 3 END, v = 's' WHERE grp = " +
             number(3) + (chance(50) ? " RETURNING id, v" : "");
    case 5:
      return "UPDATE chain SET id = id, v = 'v" + number(3) + "' WHERE id % 2 = 0";
    case 0:
      return "UPDATE pairs SET b = '" + std::string(1, static_cast<char>('a' + roll(26))) + "' WHERE a = " + number(6) +
             " AND b = 'm'";
    case 1:
      return "UPDATE parts SET region = CASE region WHEN 'eu' THEN 'us' ELSE 'eu' END WHERE k = " +
             std::to_string(number_ * 1'000'000 + roll(made_ + 1));
    default:
      return "UPDATE items SET id = id + 1000000 WHERE id = " + number(300) + " RETURNING id";
  }
}

std::string Session::failing() {
  switch (roll(5)) {
    case 0:
      return "INSERT INTO hot VALUES (1, 1, 'duplicate')";
    case 1:
      return "UPDATE items SET qty = -1 WHERE id = (SELECT min(id) FROM items)";
    case 2:
      return "UPDATE hot SET n = 1 / (id - id) WHERE id = 1";
    case 3:
      return "INSERT INTO nosuch VALUES (1)";
    default:
      return "INSERT INTO items(name, qty) VALUES ('ok', 1), (NULL, 2)";
  }
}

}  // namespace

std::string workload_tables() {
  return R"(
CREATE TABLE hot (id int PRIMARY KEY, n bigint NOT NULL, note text);
CREATE TABLE items (id bigserial PRIMARY KEY, name text NOT NULL, qty int CHECK (qty >= 0), price numeric(30,8), ok bool DEFAULT false);
CREATE TABLE pairs (a int, b text, v int, PRIMARY KEY (a, b));
CREATE TABLE parts (k int, region text, v text, PRIMARY KEY (k, region)) PARTITION BY LIST (region);
CREATE TABLE parts_eu PARTITION OF parts FOR VALUES IN ('eu');
CREATE TABLE parts_us PARTITION OF parts FOR VALUES IN ('us');
CREATE TABLE log (a int, b text);
CREATE TABLE late (id int PRIMARY KEY, v int);
CREATE TABLE chain (id int PRIMARY KEY DEFERRABLE, grp int, v text);
ALTER TABLE chain REPLICA IDENTITY FULL;
)";
}

std::string history_triggers() {
  std::string sql = R"(
CREATE TABLE history (seq bigserial PRIMARY KEY, xid xid8 DEFAULT pg_current_xact_id(), tab text, op text, before text, after text);
CREATE FUNCTION write_history() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
  INSERT INTO public.history(tab, op, before, after) VALUES (TG_TABLE_NAME, lower(left(TG_OP, 1)),
    CASE WHEN TG_OP <> 'INSERT' THEN row_to_json(OLD)::text END, CASE WHEN TG_OP <> 'DELETE' THEN row_to_json(NEW)::text END);
  RETURN NULL; END $$;
CREATE FUNCTION check_late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF NEW.v < 0 THEN RAISE EXCEPTION 'refused at commit'; END IF; RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER late_check AFTER INSERT ON late DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_late();
)";
  for (const auto& [table, key] : key_columns()) {
    sql += "CREATE TRIGGER history AFTER INSERT OR UPDATE OR DELETE ON " + table.substr(table.find('.') + 1) +
           " FOR EACH ROW EXECUTE FUNCTION write_history();";
  }
  return sql + base_rows() + "TRUNCATE history;";
}

std::string base_rows() {
  return "INSERT INTO hot SELECT i, 0, NULL FROM generate_series(0, " + std::to_string(hot_rows - 1) +
         ") i; INSERT INTO chain SELECT i, i % 3, 's' FROM generate_series(1, 12) i;";
}

const std::set<std::string>& moved_tables() {
  static const std::set<std::string> tables{"public.chain"};
  return tables;
}

const std::map<std::string, std::vector<std::string>>& key_columns() {
  static const std::map<std::string, std::vector<std::string>> keys{
      {"public.hot", {"id"}}, {"public.items", {"id"}}, {"public.pairs", {"a", "b"}}, {"public.parts", {"k", "region"}},
      {"public.log", {}},     {"public.late", {"id"}},  {"public.chain", {"id"}}};
  return keys;
}

const std::map<std::string, std::string>& partition_roots() {
  static const std::map<std::string, std::string> roots{{"public.parts_eu", "public.parts"},
                                                        {"public.parts_us", "public.parts"}};
  return roots;
}

void Workload::run() {
  std::vector<std::thread> threads;
  for (int number = 1; number <= options_.sessions; ++number) {
    threads.emplace_back(
        [this, number] { Session(*this, options_.conninfo, options_.seed, number).run(options_.transactions); });
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace weir::truth
