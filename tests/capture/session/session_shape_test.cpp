// Single writes in a Query whose shape comes again: prepared once, then only executed; and what became of them is what
// would have become of the client's own text.
#include <gtest/gtest.h>

#include "tests/capture/session/session_script.h"

namespace weir::testing {
namespace {

const std::string kShape = "INSERT INTO t VALUES ( $1 )" + suffix();
const std::string kPortal = "weir:shape";
const std::string kRefused = "invalid input syntax";

std::string insert(int id) {
  return "INSERT INTO t VALUES (" + std::to_string(id) + ")";
}

std::string row_of(int id) {
  return server::row(written("{\"id\":" + std::to_string(id) + ",\"v\":null}", "0/10"));
}

/// The journal takes what was written, and the commit succeeds.
void commits(SessionScript& script, int id, int transaction) {
  const std::string number = std::to_string(id);
  const std::string gate_id = std::to_string(transaction);
  script
      .gate({"prepare " + gate_id + " xid 800 lsn 0/10-0/10 | c public.t 1.1 0/10 key {\"id\":" + number +
             "} after {\"id\":" + number + ",\"v\":null}"})
      .journal_has_it()
      .expect_upstream(client::sync())
      .upstream_sends(server::ready('I'))
      .expect_client(server::complete("INSERT 0 1") + server::ready('I'))
      .gate({"outcome " + gate_id + " committed"});
}

void inserts_by_text(SessionScript& script, int id, int transaction) {
  script.expect_upstream(sent_in_part(insert(id) + suffix()) + client::flush())
      .upstream_sends(server::parse_complete() + server::bind_complete() + row_of(id) + server::complete("INSERT 0 1"));
  commits(script, id, transaction);
}

std::string executed(const std::string& own, int id) {
  return client::bind(kPortal, own, {std::to_string(id)}) + client::execute(kPortal) + client::flush();
}

std::string answered(int id) {
  return server::bind_complete() + row_of(id) + server::complete("INSERT 0 1");
}

/// The first comes as it is, the second is prepared. Gives the statement's name.
std::string prepares(SessionScript& script, std::uint32_t pid = 0) {
  script.prepares_by_shape().starts("15.20", "UTF8", pid).client_sends(client::query(insert(1))).asks_facts(Table());
  inserts_by_text(script, 1, 1);
  const std::string own = script.next_own_name();
  script.client_sends(client::query(insert(2)))
      .expect_upstream(client::parse(own, kShape, {23}) + executed(own, 2))
      .upstream_sends(server::parse_complete() + answered(2))
      .expect_client("");
  commits(script, 2, 2);
  return own;
}

TEST(SessionShapeTest, TheSecondOfAShapeIsPreparedAndTheThirdOnlyExecuted) {
  SessionScript script;
  const std::string own = prepares(script);
  script.client_sends(client::query(insert(3))).expect_upstream(executed(own, 3)).upstream_sends(answered(3));
  commits(script, 3, 3);
  EXPECT_EQ(script.replay(), "");
}

// A value that fails before anything is executed: the client's own text says where.
TEST(SessionShapeTest, WhatIsRefusedBeforeItRunsIsSentAsItIs) {
  SessionScript script;
  const std::string own = prepares(script);
  const std::string error = server::error("22P02", kRefused, {{'P', "23"}});
  script.client_sends(client::query(insert(3)))
      .expect_upstream(executed(own, 3))
      .upstream_sends(server::error("22P02", kRefused, {{'W', "unnamed portal parameter $1"}}))
      .expect_client("")
      .expect_upstream(client::sync())
      .upstream_sends(server::ready('I'))
      .expect_client("")
      .expect_upstream(sent_in_part(insert(3) + suffix()) + client::flush())
      .upstream_sends(error)
      .expect_client(error)
      .expect_upstream(client::sync())
      .upstream_is_relayed(server::ready('I'));
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionShapeTest, OrSucceedsAsItIs) {
  SessionScript script;
  const std::string own = prepares(script);
  for (int id = 3; id < 6; ++id) {
    script.client_sends(client::query(insert(id)))
        .expect_upstream(executed(own, id))
        .upstream_sends(server::error("0A000", "cached plan must not change result type"))
        .expect_upstream(client::sync())
        .upstream_sends(server::ready('I'));
    inserts_by_text(script, id, 2 * id - 2);
  }
  // Refused so often, it is left alone.
  script.client_sends(client::query(insert(6)));
  inserts_by_text(script, 6, 9);
  EXPECT_EQ(script.replay_whole(), "");
}

TEST(SessionShapeTest, OneThatCannotBePreparedIsNotTriedAgain) {
  SessionScript script;
  script.prepares_by_shape().starts().client_sends(client::query(insert(1))).asks_facts(Table());
  inserts_by_text(script, 1, 1);
  const std::string own = script.next_own_name();
  script.client_sends(client::query(insert(2)))
      .expect_upstream(client::parse(own, kShape, {23}) + executed(own, 2))
      .upstream_sends(server::error("42P18", "could not determine data type of parameter $1"))
      .expect_client("")
      .expect_upstream(client::sync())
      .upstream_sends(server::ready('I'));
  inserts_by_text(script, 2, 3);
  script.client_sends(client::query(insert(3)));
  inserts_by_text(script, 3, 4);
  EXPECT_EQ(script.replay(), "");
}

// What has run is not run again. The parameters are not the client's.
TEST(SessionShapeTest, AnErrorOfTheExecutionIsShown) {
  const auto error = [](const std::string& context) {
    server::Fields fields = {{'D', "Key (id)=(3) already exists."}};
    if (!context.empty()) fields.push_back({'W', context});
    return server::error("23505", "duplicate key", fields);
  };
  const std::string parameters = "portal \"weir:shape\" with parameters: $1 = '3\n4'";
  for (const std::string context : {"", "PL/pgSQL function f() line 1 at RAISE"}) {
    const std::string sent = context.empty() ? parameters : context + "\n" + parameters;
    SessionScript script;
    const std::string own = prepares(script);
    script.client_sends(client::query(insert(3)))
        .expect_upstream(executed(own, 3))
        .upstream_sends(server::bind_complete() + error(sent))
        .expect_client(error(context))
        .expect_upstream(client::sync())
        .upstream_is_relayed(server::ready('I'));
    EXPECT_EQ(script.replay(), "") << context;
  }
}

TEST(SessionShapeTest, ACancelThatComesBeforeItRunsIsItsOwn) {
  for (const char* sqlstate : {"57014", "55P03", "40P01", "53200"}) {
    SessionScript script;
    const std::string own = prepares(script);
    script.client_sends(client::query(insert(3)))
        .expect_upstream(executed(own, 3))
        .upstream_sends(server::error(sqlstate, "canceled"))
        .expect_client(server::error(sqlstate, "canceled"))
        .expect_upstream(client::sync())
        .upstream_is_relayed(server::ready('I'));
    EXPECT_EQ(script.replay(), "") << sqlstate;
  }
}

TEST(SessionShapeTest, TheClientsOwnRowsAreShownWithoutWhatWasAdded) {
  const std::string text = "UPDATE t SET v = 'x' WHERE id = 1 RETURNING id";
  const std::string shape = "UPDATE t SET v =  $1  WHERE id =  $2  RETURNING id" + suffix_of_list();
  const std::string image = R"({"id":1,"v":"x"})";
  const std::string described = server::row_description({"id", "row_to_json", "tableoid", "xid", "lsn"});
  const std::string rows = server::row(Values{"1"} + written(image, "0/10")) + server::complete("UPDATE 1");
  SessionScript script;
  const auto ends = [&](int transaction) {
    const std::string id = std::to_string(transaction);
    script.expect_client(server::row_description({"id"}) + server::row({"1"}))
        .gate({"prepare " + id + " xid 800 lsn 0/10-0/10 | u public.t 1.1 0/10 key {\"id\":1} after " + image})
        .journal_has_it()
        .expect_upstream(client::sync())
        .upstream_sends(server::ready('I'))
        .expect_client(server::complete("UPDATE 1") + server::ready('I'))
        .gate({"outcome " + id + " committed"});
  };
  script.prepares_by_shape().starts().client_sends(client::query(text)).asks_facts(Table());
  script
      .expect_upstream(client::parse("", text + suffix_of_list()) + client::bind("", "") + client::describe('P', "") +
                       client::execute("") + client::flush())
      .upstream_sends(server::parse_complete() + server::bind_complete() + described + rows);
  ends(1);
  const std::string own = script.next_own_name();
  script.client_sends(client::query(text))
      .expect_upstream(client::parse(own, shape, {0, 23}) + client::bind(kPortal, own, {"x", "1"}) +
                       client::describe('P', kPortal) + client::execute(kPortal) + client::flush())
      .upstream_sends(server::parse_complete() + server::bind_complete() + described + rows);
  ends(2);
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionShapeTest, ItIsGoneBeforeTheClientLooksForStatements) {
  const std::string look = "SELECT name FROM pg_prepared_statements";
  SessionScript script;
  const std::string own = prepares(script);
  script.client_sends(client::query(look))
      .expect_upstream(client::close('S', "weir:1") + client::close('S', own) + client::query(look))
      .upstream_sends(server::close_complete() + server::close_complete() + server::row_description({"name"}) +
                      server::complete("SELECT 0") + server::ready('I'))
      .expect_client(server::row_description({"name"}) + server::complete("SELECT 0") + server::ready('I'));
  script.own_statements_are_gone();
  script.client_sends(client::query(insert(3)));
  const std::string next = script.next_own_name();
  script.expect_upstream(client::parse(next, kShape, {23}) + executed(next, 3));
  EXPECT_EQ(script.replay(), "");
}

// DISCARD ALL ends all statements, SET what they were parsed under.
TEST(SessionShapeTest, WhatChangesTheMeaningOfNamesHasItPreparedAnew) {
  for (const std::string sql : {"DISCARD ALL", "DEALLOCATE ALL", "SET ROLE other"}) {
    const bool drops = sql.starts_with("D");
    SessionScript script;
    const std::string own = prepares(script);
    passes(script, sql, "DONE", 'I');
    if (drops) script.own_statements_are_gone();
    script.client_sends(client::query(insert(3))).asks_facts(Table());
    const std::string next = script.next_own_name();
    script.expect_upstream((drops ? "" : client::close('S', own)) + client::parse(next, kShape, {23}) +
                           executed(next, 3));
    EXPECT_EQ(script.replay(), "") << sql;
  }
}

// A plan is not older than what the catalog said.
TEST(SessionShapeTest, ItIsPreparedAnewFromTimeToTime) {
  SessionScript script;
  const std::string own = prepares(script);
  script.on("time passes", [](Stand& stand) { stand.now += std::chrono::milliseconds(10'001); });
  script.client_sends(client::query(insert(3)));
  const std::string next = script.next_own_name();
  const std::string check =
      client::bind("weir:own", "weir:1", {"\"t\"", "1"}) + client::execute("weir:own") + client::close('P', "weir:own");
  script.expect_upstream(check + client::close('S', own) + client::parse(next, kShape, {23}) + executed(next, 3))
      .upstream_sends(server::bind_complete() + server::row(Table().facts()) + server::complete("SELECT 1") +
                      server::close_complete() + server::close_complete() + server::parse_complete() + answered(3));
  commits(script, 3, 3);
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionShapeTest, NothingIsPreparedBehindAPooler) {
  Table pooled;
  pooled.server_run = "77 00000001 100.5 0/0 100.4 12";
  SessionScript script;
  script.prepares_by_shape().starts("15.20", "UTF8", 4711).client_sends(client::query(insert(1))).asks_facts(pooled);
  inserts_by_text(script, 1, 1);
  for (int id = 2; id < 5; ++id) {
    script.client_sends(client::query(insert(id)));
    inserts_by_text(script, id, id);
  }
  EXPECT_EQ(script.replay(), "");
}

// An error would undo what the pipeline has done, and the client's own text would then succeed without it.
TEST(SessionShapeTest, NotBehindAnOpenPipeline) {
  SessionScript script;
  prepares(script);
  script.client_is_relayed(client::parse("", "SELECT 1") + client::bind("", "") + client::execute(""))
      .client_sends(client::query(insert(3)))
      .expect_upstream(client::flush())
      .upstream_is_relayed(server::parse_complete() + server::bind_complete() + server::complete("SELECT 1"))
      .expect_upstream(sent_in_part(insert(3) + suffix()) + client::flush());
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionShapeTest, NorInsideOfABlock) {
  SessionScript script;
  prepares(script);
  passes(script, "BEGIN", "BEGIN", 'T');
  script.client_sends(client::query(insert(3))).expect_upstream(client::query(insert(3) + suffix()));
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionShapeTest, NorWhereItIsSwitchedOff) {
  SessionScript script;
  script.starts().client_sends(client::query(insert(1))).asks_facts(Table());
  inserts_by_text(script, 1, 1);
  for (int id = 2; id < 5; ++id) {
    script.client_sends(client::query(insert(id)));
    inserts_by_text(script, id, id);
  }
  EXPECT_EQ(script.replay(), "");
}

}  // namespace
}  // namespace weir::testing
