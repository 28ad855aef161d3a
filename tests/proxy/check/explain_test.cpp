// weir explain: a plan in words, over facts made by hand.
#include "proxy/check/explain.h"

#include <gtest/gtest.h>

namespace weir::proxy {
namespace {

using capture::RelationFacts;
using Facts = std::shared_ptr<RelationFacts>;

Facts table() {
  auto facts = std::make_shared<RelationFacts>();
  facts->oid = 1;
  facts->name = {"public", "t"};
  facts->kind = 'r';
  facts->persistence = 'p';
  facts->selectable = true;
  facts->key = {"id"};
  facts->updates.triggers.known = true;
  facts->updates.types = {{"id", capture::Sameness::of_own_type, true}};
  facts->columns = {{.name = "id", .category = 'N'}, {.name = "v", .category = 'S'}, {.name = "pw", .category = 'S'}};
  facts->leaves = {{1, {"public", "t"}}};
  return facts;
}

Explained explained(const std::string& sql, const Facts& facts, int version = 18, const capture::Scope& scope = {}) {
  const auto text = capture::parse(sql, {});
  const auto* statement = text.single();
  if (statement == nullptr) return explain_unparsed(sql);
  std::vector<std::shared_ptr<const RelationFacts>> relations;
  std::optional<capture::Plan> plan;
  if (capture::needs_plan(*statement)) {
    for (std::size_t i = 0; i < statement->tables.size(); ++i) relations.push_back(facts);
    capture::ServerSettings server;
    server.version = version;
    plan = capture::make_plan({text.text, *statement, relations, server, scope});
  }
  return explain(text, *statement, plan, relations, scope, version);
}

capture::Scope scope(std::vector<std::string> include, std::vector<std::string> exclude,
                     std::vector<std::string> exclude_columns) {
  capture::Scope made;
  made.include = std::move(include);
  made.exclude = std::move(exclude);
  made.exclude_columns = std::move(exclude_columns);
  return made;
}

std::string all(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) text += line + "\n";
  return text;
}

TEST(Explain, AWriteOfATableShowsWhatIsSentInItsPlace) {
  const auto told = explained(" INSERT INTO t VALUES (1) ;", table());
  EXPECT_EQ(told.statement, "INSERT INTO t VALUES (1)");
  EXPECT_EQ(told.events, "an event for each row, with its image (fidelity row)");
  ASSERT_EQ(told.sent.size(), 1u);
  EXPECT_TRUE(told.sent[0].starts_with("INSERT INTO t VALUES (1)\n/*weir*/RETURNING ")) << told.sent[0];
  EXPECT_EQ(all(told.tables), "public.t (key: id)\n");
}

TEST(Explain, AKeyThatMayChangeReadsTheOldRowsFirstWhereTheServerGivesNone) {
  const auto told = explained("UPDATE t SET id = 2 WHERE id = 1", table(), 15);
  ASSERT_EQ(told.sent.size(), 3u) << all(told.why);
  EXPECT_NE(told.sent[1].find("FOR NO KEY UPDATE"), std::string::npos);
  EXPECT_TRUE(told.sent[2].starts_with("UPDATE t SET id = 2 WHERE id = 1\n/*weir*/"));
  EXPECT_NE(all(told.why).find("PostgreSQL 15 gives no old rows"), std::string::npos);
  EXPECT_EQ(explained("UPDATE t SET id = 2 WHERE id = 1", table(), 18).sent.size(), 1u);
}

TEST(Explain, WhatStandsInTheWayIsNamedAsEventsNameIt) {
  const auto with = [](auto change) {
    auto facts = table();
    change(*facts);
    return facts;
  };
  const auto policy = explained("INSERT INTO t VALUES (1)", with([](auto& f) { f.row_security = true; }));
  EXPECT_NE(all(policy.why).find("row-level security: "), std::string::npos);
  EXPECT_NE(policy.events.find("fidelity input"), std::string::npos);
  EXPECT_TRUE(policy.sent.empty());
  const auto rule = explained("DELETE FROM t", with([](auto& f) { f.has_rules = true; }));
  EXPECT_NE(all(rule.why).find("rule: "), std::string::npos);
  EXPECT_TRUE(rule.events.starts_with("a gap event"));
  const auto unknown = explained("DELETE FROM t", nullptr);
  EXPECT_NE(all(unknown.why).find("a table that the catalog does not know"), std::string::npos);
}

TEST(Explain, WhyATableIsNotCaptured) {
  const auto why = [](const capture::Scope& scope, const Facts& facts = table()) {
    const auto told = explained("DELETE FROM t", facts, 18, scope);
    EXPECT_EQ(told.events, "none");
    EXPECT_TRUE(told.sent.empty());
    return all(told.why);
  };
  EXPECT_EQ(why(scope({}, {"public.*"}, {})), "public.t is excluded (capture.exclude)\n");
  EXPECT_EQ(why(scope({"shop.*"}, {}, {})), "public.t is not in capture.include\n");
  auto temporary = table();
  temporary->persistence = 't';
  EXPECT_EQ(why({}, temporary), "public.t is a temporary table\n");
  auto system = table();
  system->name = {"pg_catalog", "t"};
  system->leaves = {};
  EXPECT_EQ(why({}, system), "pg_catalog.t is in a schema of the system\n");
}

TEST(Explain, ColumnsThatAreNotInTheEventsAsTheyAre) {
  auto facts = table();
  facts->columns.push_back({.name = "virtual", .computed = true});
  facts->columns.push_back({.name = "mine", .form = capture::Column::Form::text});
  const auto told = explained("DELETE FROM t", facts, 18, scope({}, {}, {"public.t.pw"}));
  const auto columns = all(told.columns);
  EXPECT_NE(columns.find("pw: left out (capture.exclude_columns)"), std::string::npos) << columns;
  EXPECT_NE(columns.find("virtual: left out (a virtual generated column)"), std::string::npos) << columns;
  EXPECT_NE(columns.find("mine: as text"), std::string::npos) << columns;
  EXPECT_EQ(told.sent.at(0).find("\"pw\""), std::string::npos);
}

TEST(Explain, StatementsThatWriteNoRows) {
  EXPECT_EQ(all(explained("SELECT 1", nullptr).why), "it reads only\n");
  EXPECT_NE(all(explained("CALL p()", nullptr).why).find("is not seen"), std::string::npos);
  EXPECT_NE(all(explained("COMMIT", nullptr).why).find("in the journal"), std::string::npos);
  EXPECT_NE(all(explained("CREATE TABLE x ()", nullptr).why).find("DDL"), std::string::npos);
  EXPECT_NE(all(explained("frobnicate", nullptr).why).find("grammar"), std::string::npos);
}

TEST(Explain, TheTextHasAColumnOfNames) {
  const auto text = explained_text(explained("INSERT INTO t VALUES (1)", table()), false);
  EXPECT_TRUE(text.starts_with("INSERT INTO t VALUES (1)\n  events   an event")) << text;
  EXPECT_NE(text.find("\n  sent     INSERT INTO t VALUES (1)\n           /*weir*/RETURNING"), std::string::npos)
      << text;
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NE(explained_text(explained("SELECT 1", nullptr), true).find("\x1b[1mSELECT 1\x1b[0m"), std::string::npos);
}

}  // namespace
}  // namespace weir::proxy
