// Privileges, rules, views. What a write may do that a write with RETURNING may not.
#include <functional>

#include "tests/integration/differential/script.h"

namespace weir::differential {
namespace {

/// The same statement by Query and by the extended protocol, described.
void both_ways(Script& s, const std::string& sql) {
  s.query(sql);
  s.client().parse("", sql).describe_statement("").bind("", "").describe_portal("").execute("").sync();
  s.step("extended: " + sql);
}

void insert_without_select(Script& s) {
  s.connect("inserter");
  both_ways(s, "INSERT INTO drop_box(id) VALUES (1)");
  both_ways(s, "INSERT INTO drop_box(id) VALUES (2) RETURNING id");
  s.client().parse("w", "INSERT INTO drop_box(id) VALUES ($1)").describe_statement("w").sync();
  s.step("Parse and Describe");
  s.client().bind("", "w", {.parameters = {"3"}}).execute("").bind("", "w", {.parameters = {"4"}}).execute("").sync();
  s.step("run twice in a pipeline");
  s.direct("SELECT id, v FROM drop_box ORDER BY id");
}

void rights_change_in_mid_session(Script& s) {
  s.connect("inserter");
  s.client()
      .parse("w", "INSERT INTO drop_box(id) VALUES (1)")
      .parse("r", "INSERT INTO drop_box(id) VALUES (2) RETURNING id")
      .sync();
  s.step("Parse without SELECT: RETURNING is refused when it runs");
  const auto run_both = [&](const std::string& when) {
    s.client().bind("", "w").execute("").sync();
    s.step("plain, " + when);
    s.client().bind("", "r").execute("").sync();
    s.step("RETURNING, " + when);
  };
  run_both("at first");
  s.direct("GRANT SELECT ON drop_box TO inserter");
  run_both("after GRANT SELECT");
  s.direct("REVOKE SELECT ON drop_box FROM inserter");
  run_both("after REVOKE SELECT");
  s.direct("REVOKE INSERT ON drop_box FROM inserter");
  run_both("after REVOKE INSERT");
  s.direct("GRANT INSERT ON drop_box TO inserter");
  run_both("after GRANT INSERT");
  s.direct("SELECT count(*) FROM drop_box");
}

constexpr const char* kSwitchesSecurityOn =
    "ALTER TABLE items ENABLE ROW LEVEL SECURITY; CREATE POLICY r ON items FOR SELECT USING (id < 3); "
    "CREATE POLICY w ON items FOR INSERT WITH CHECK (true); CREATE POLICY u ON items FOR UPDATE USING (true)";

void update_under_security(Script& s, const std::function<void()>& switch_on) {
  s.connect("app");
  s.client().parse("u", "UPDATE items SET qty = 9").parse("i", "INSERT INTO items(id, name) VALUES ($1, 'rls')").sync();
  s.step("Parse");
  s.client().bind("", "u").execute("").bind("", "i", {.parameters = {"50"}}).execute("").sync();
  s.step("without row-level security");
  switch_on();
  s.client().bind("", "u").execute("").bind("", "i", {.parameters = {"51"}}).execute("").sync();
  s.step("with it: all rows are still updated, the insert still works");
  s.direct("SELECT id, qty FROM items ORDER BY id");
}

void security_switched_on(Script& s) {
  update_under_security(s, [&s] { s.other_session("SET search_path = " + s.schema() + "; " + kSwitchesSecurityOn); });
}

void security_switched_on_past_weir(Script& s) {
  update_under_security(s, [&s] { s.direct(kSwitchesSecurityOn); });
}

void set_role(Script& s) {
  s.connect("app");
  both_ways(s, "INSERT INTO nokey VALUES (1, 'as app')");
  s.query("SET ROLE other");
  both_ways(s, "INSERT INTO nokey VALUES (2, 'as other')");
  s.query("BEGIN");
  s.query("SET LOCAL ROLE app");
  s.query("INSERT INTO nokey VALUES (3, 'as app again')");
  s.query("ROLLBACK");
  both_ways(s, "UPDATE nokey SET b = 'no'");
  s.query("RESET ROLE");
  both_ways(s, "UPDATE nokey SET b = 'yes'");
}

void do_instead_rules(Script& s) {
  s.connect();
  both_ways(s, "UPDATE told SET v = 'x'");
  both_ways(s, "UPDATE told SET v = 'x' WHERE id = 1 RETURNING v");
  both_ways(s, "INSERT INTO ruled VALUES (1, 'a') ON CONFLICT DO NOTHING");
  both_ways(s, "DELETE FROM ruled WHERE id = 1");
  both_ways(s, "UPDATE ruled SET v = 'never'");
  both_ways(s, "WITH x AS (INSERT INTO ruled VALUES (7, 'cte') RETURNING id) SELECT * FROM x");
  both_ways(s, "UPDATE pg_settings SET setting = 'on' WHERE name = 'check_function_bodies'");
  both_ways(s, "UPDATE pg_settings SET setting = '12s' WHERE name = 'lock_timeout'");
  s.query("SHOW lock_timeout");
  s.direct("SELECT * FROM ruled_log ORDER BY id, v");
}

void rules_come_later(Script& s) {
  s.connect();
  s.client().parse("w", "INSERT INTO nokey VALUES ($1, 'x')").bind("", "w", {.parameters = {"1"}}).execute("").sync();
  s.step("without a rule");
  s.other_session("CREATE RULE r AS ON INSERT TO " + s.schema() + ".nokey DO INSTEAD NOTHING");
  s.client().bind("", "w", {.parameters = {"2"}}).execute("").sync();
  s.step("INSERT 0 0 under DO INSTEAD NOTHING");
  both_ways(s, "INSERT INTO nokey VALUES (3, 'y')");
  // The server keeps an empty plan for ever, also when the rule is gone; so the statement is prepared anew.
  s.query("DROP RULE r ON nokey");
  s.client()
      .close_statement("w")
      .parse("w", "INSERT INTO nokey VALUES ($1, 'x')")
      .bind("", "w", {.parameters = {"4"}})
      .execute("")
      .sync();
  s.step("without it again");
  s.direct("SELECT a, b FROM nokey ORDER BY a, b");
}

void views_that_compute(Script& s) {
  s.connect();
  both_ways(s, "UPDATE computed_view SET name = 'zero' WHERE id = 5");
  both_ways(s, "UPDATE computed_view SET name = 'zero' WHERE id = 5 RETURNING ratio");
  both_ways(s, "INSERT INTO volatile_view(id, v) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET v = 'y'");
  both_ways(s, "UPDATE volatile_view SET v = 'z'");
  both_ways(s, "DELETE FROM volatile_view WHERE id = 1");
  s.direct("SELECT last_value, is_called FROM counted");
  both_ways(s, "UPDATE joined_view SET name = 'j' WHERE id = 1");
  both_ways(s, "DELETE FROM checked_view WHERE id = 99");
}

void defaults_run_once(Script& s) {
  s.connect();
  s.query("CREATE TABLE dflt (id int DEFAULT nextval('counted'), said int DEFAULT spoken(7))");
  both_ways(s, "INSERT INTO dflt DEFAULT VALUES");
  both_ways(s, "INSERT INTO dflt(id) VALUES (1), (DEFAULT)");
  both_ways(s, "UPDATE dflt SET said = spoken(id) WHERE spoken(id) > 0");
  both_ways(s, "DELETE FROM dflt WHERE spoken(said) = 7 RETURNING spoken(100)");
  s.direct("SELECT last_value, is_called FROM counted");
  both_ways(s, "INSERT INTO drop_box SELECT add_item(70), 'two writes'");
  both_ways(s, "SELECT add_item(71)");
  both_ways(s, "UPDATE items SET qty = add_item(72) WHERE id = 1");
}

}  // namespace

std::vector<WireCase> privilege_cases() {
  return {{"insert_only_role", insert_without_select},
          {"rights_change_in_mid_session", rights_change_in_mid_session},
          {"row_level_security_switched_on", security_switched_on},
          {"row_level_security_switched_on_past_weir", security_switched_on_past_weir, 15,
           "DDL by sessions that bypass Weir is not noticed"},
          {"set_role", set_role},
          {"do_instead_rules", do_instead_rules},
          {"rules_made_by_another_session", rules_come_later},
          {"views_with_computed_columns", views_that_compute},
          {"volatile_functions_run_once", defaults_run_once}};
}

}  // namespace weir::differential
