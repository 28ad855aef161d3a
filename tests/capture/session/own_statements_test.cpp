// What is sent has an expectation, and what Weir makes for itself has a name that nothing else has.
#include "capture/session/own_statements.h"

#include <gtest/gtest.h>

#include <set>

#include "capture/sql/statement_cache.h"
#include "tests/capture/session/messages.h"
#include "tests/capture/session/model_server.h"
#include "tests/capture/session/noting_gate.h"

namespace weir::capture {
namespace {

namespace client = testing::client;

class OwnStatementsTest : public ::testing::Test {
 protected:
  std::string sent() {
    std::string bytes(out.bytes());
    out.clear();
    return bytes;
  }
  void skip_all() {
    for (Pending& skipped : queue.fail_to_sync(false)) own.skipped(skipped);
  }

  StatementCache texts;
  CaptureSettings settings;
  std::atomic<std::uint64_t> epoch{0};
  NotingGate gate;
  Rules rules;
  CommandQueue queue{rules};
  CopyIn copy{queue};
  GatedTransaction transaction{gate, "db", {}, rules};
  SessionCatalog catalog{settings, epoch, nullptr};
  wire::Outbox out;
  Sender send{out, queue, copy, transaction, catalog};
  OwnStatements own{"w:"};
};

using SenderTest = OwnStatementsTest;

TEST_F(SenderTest, EveryFrameHasOneExpectation) {
  send.parse("s", "SELECT 1", wire::kNoParameterTypes, {});
  send.bind("p", "s", wire::kNoParameters, {}, {});
  send.bind_texts("p", "s", {}, {});
  send.describe_portal("p", {});
  send.execute("p", {});
  send.close('S', "s", {});
  send.query("SELECT 1", {});
  send.sync({});
  const auto frames = testing::split_frames(out.bytes());
  const Expect expected[] = {Expect::parse,   Expect::bind,  Expect::bind,  Expect::describe_portal,
                             Expect::execute, Expect::close, Expect::query, Expect::sync};
  ASSERT_EQ(frames.size(), std::size(expected));
  ASSERT_EQ(queue.size(), std::size(expected));
  EXPECT_TRUE(std::equal(queue.begin(), queue.end(), std::begin(expected),
                         [](const Pending& pending, Expect expect) { return pending.expect == expect; }));
  EXPECT_EQ(frames[0], client::parse("s", "SELECT 1"));
  EXPECT_EQ(frames[4], client::execute("p"));
}

TEST_F(SenderTest, WhatIsRelayedGoesAsItIs) {
  const std::string parse = client::parse("s", "SELECT 1");
  send.relay(parse, true, {.expect = Expect::parse});
  EXPECT_EQ(out.bytes().data(), parse.data()) << "without a copy";
  EXPECT_EQ(queue.size(), 1u);
  out.clear();
  send.relay_unanswered(parse, false);
  EXPECT_NE(out.bytes().data(), parse.data()) << "what may be gone before it is sent";
  EXPECT_EQ(out.bytes(), parse);
  EXPECT_EQ(queue.size(), 1u);
  send.flush();
  EXPECT_EQ(queue.size(), 1u);
}

TEST_F(SenderTest, TheGateHearsOfACapturedStatement) {
  const auto text = texts.find_or_parse("INSERT INTO t VALUES (1)", {});
  auto plan = std::make_shared<Plan>();
  plan->how = Plan::How::returning;
  send.execute({}, {});
  EXPECT_EQ(gate.last, 0);
  send.execute(
      {},
      {.execution = std::make_shared<Execution>(Execution{.text = text, .statement = text->single(), .plan = plan})});
  EXPECT_EQ(gate.last, 1);
  EXPECT_TRUE(transaction.is_announced());
}

TEST_F(SenderTest, TheCatalogHearsOfWhatChangesTheEncoding) {
  const auto text = texts.find_or_parse("SET client_encoding = 'LATIN1'", {});
  send.execute({}, {.execution = std::make_shared<Execution>(Execution{.text = text, .statement = text->single()})});
  EXPECT_EQ(catalog.server().client_encoding, "");
}

TEST_F(SenderTest, ACopyHearsOfWhatEndsIt) {
  copy.client_sent('c');
  send.parse("s", "SELECT 1", wire::kNoParameterTypes, {});
  EXPECT_TRUE(copy.ended());
  send.execute({}, {});
  EXPECT_FALSE(copy.ended());
}

TEST_F(OwnStatementsTest, NoNameIsUsedTwice) {
  std::set<std::string> names;
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(names.insert(own.parse("SELECT 1", wire::kNoParameterTypes, {}, send).name).second);
    own.hide({}, {}, send);
    EXPECT_TRUE(names.insert(own.facts(FactsText(i % 3), send).name).second);
    EXPECT_TRUE(names.insert(own.commit_question(0, "SELECT 2", send).name).second);
    if (i % 3 == 0) own.are_gone();
    if (i % 3 == 1) own.may_be_gone();
    if (i % 3 == 2) skip_all();
  }
  for (const std::string& other : {own.portal(), own.shape_portal(), own.no_portal()})
    EXPECT_TRUE(names.insert(other).second);
  for (const std::string& name : names) EXPECT_EQ(name.substr(0, 2), "w:");
}

TEST_F(OwnStatementsTest, OneThatIsKeptIsParsedOnce) {
  const std::string name = own.facts(FactsText::plain, send).name;
  sent();
  EXPECT_EQ(own.facts(FactsText::plain, send).name, name);
  EXPECT_EQ(sent(), "");
  EXPECT_NE(own.facts(FactsText::updates, send).name, name);
}

TEST_F(OwnStatementsTest, RunsInAPortalOfItsOwnAndClosesIt) {
  own.run_once("SELECT 1", std::vector<std::string>{"x"}, Purpose::outcome, send);
  EXPECT_EQ(sent(), client::parse("w:1", "SELECT 1") + client::bind("w:own", "w:1", {"x"}) + client::execute("w:own") +
                        client::close('P', "w:own") + client::close('S', "w:1"));
  EXPECT_EQ(queue.back().purpose, Purpose::tidy);
  EXPECT_EQ(queue.back().closes, "w:1");
  EXPECT_EQ(queue.front().purpose, Purpose::outcome);
}

TEST_F(OwnStatementsTest, WhatTheServerSkippedIsMadeAnewAndItsCloseMadeUpFor) {
  const std::string kept = own.facts(FactsText::plain, send).name;
  own.run_once("SELECT 1", {}, Purpose::outcome, send);
  skip_all();
  sent();
  EXPECT_NE(own.facts(FactsText::plain, send).name, kept);
  sent();
  own.close("w:9", send);
  EXPECT_EQ(sent(), client::close('S', "w:2") + client::close('S', "w:9"));
}

TEST_F(OwnStatementsTest, BehindAPoolerNoneOutlivesItsExchange) {
  own.set_backend("41");
  EXPECT_FALSE(own.outlive_exchange()) << "not before it is known";
  EXPECT_FALSE(own.knows_pooling());
  EXPECT_FALSE(own.note_backend("41"));
  EXPECT_TRUE(own.outlive_exchange());
  own.facts(FactsText::plain, send);
  sent();
  own.let_go_facts(send);
  EXPECT_EQ(sent(), "");
  EXPECT_TRUE(own.note_backend("42"));
  EXPECT_FALSE(own.outlive_exchange());
  own.let_go_facts(send);
  EXPECT_EQ(sent(), client::close('S', "w:1"));
  own.let_go_facts(send);
  EXPECT_EQ(sent(), "");
  EXPECT_FALSE(own.note_backend("41"));
  EXPECT_FALSE(own.outlive_exchange()) << "once pooled, always";
}

TEST_F(OwnStatementsTest, AServerWithoutProcessIdsHasOneBackend) {
  EXPECT_TRUE(own.outlive_exchange());
  own.set_backend("0");
  EXPECT_TRUE(own.outlive_exchange());
}

TEST_F(OwnStatementsTest, OneThatIsMissingMeansAPooler) {
  own.set_backend("41");
  own.note_backend("41");
  const std::string kept = own.commit_question(0, "SELECT 1", send).name;
  own.missing();
  EXPECT_FALSE(own.outlive_exchange());
  EXPECT_NE(own.commit_question(0, "SELECT 1", send).name, kept);
}

TEST_F(OwnStatementsTest, HidesAllThereAre) {
  own.facts(FactsText::plain, send);
  own.commit_question(0, "SELECT 1", send);
  own.close_later("w:8");
  sent();
  own.hide({"twin"}, {"shape"}, send);
  EXPECT_EQ(sent(), client::close('S', "twin") + client::close('S', "w:2") + client::close('S', "w:1") +
                        client::close('S', "shape") + client::close('S', "w:8"));
  own.hide({}, {}, send);
  EXPECT_EQ(sent(), "");
}

TEST_F(OwnStatementsTest, OneOfThoseLeftBehindGoesAtATime) {
  own.close_one_left(send);
  EXPECT_EQ(sent(), "");
  own.close_later("w:8");
  own.close_one_left(send);
  EXPECT_EQ(sent(), client::close('S', "w:8"));
}

}  // namespace
}  // namespace weir::capture
