// What is asked just before a commit: the list, with what is in it, and with one more, as it would be with another
// thing to know.
#include "capture/session/commit_questions.h"

#include <gtest/gtest.h>

#include <array>

#include "capture/session/commit_point.h"
#include "capture/session/server_answers.h"
#include "tests/capture/session/noting_gate.h"
#include "tests/capture/session/session_script.h"

namespace weir::capture {
namespace {

namespace client = testing::client;
namespace server = testing::server;

event::ChangeEvent without_version() {
  event::ChangeEvent change;
  change.op = event::Op::gap;
  change.table = "t";
  return change;
}

class CommitQuestionsTest : public ::testing::Test {
 protected:
  CaptureSettings settings;
  std::atomic<std::uint64_t> epoch{0};
  SessionCatalog catalog{settings, epoch, nullptr};
};

TEST_F(CommitQuestionsTest, IdAndVersionAreAskedWhereSomethingLacksThem) {
  ASSERT_EQ(commit_questions().size(), 2u);
  const CommitQuestion& question = *commit_questions()[0];
  OpenTransaction written;
  EXPECT_FALSE(question.query(written)) << "nothing was written";
  written.add(without_version());
  const auto kept = question.query(written);
  ASSERT_TRUE(kept);
  EXPECT_TRUE(kept->is_kept);
  EXPECT_NE(kept->sql.find("pg_current_xact_id_if_assigned()"), std::string_view::npos);
  written.needs_xid();
  const auto given = question.query(written);
  ASSERT_TRUE(given);
  EXPECT_FALSE(given->is_kept);
  EXPECT_NE(given->sql.find("pg_current_xact_id()"), std::string_view::npos);
  question.answered({"800", "0/30"}, written, catalog);
  EXPECT_FALSE(question.query(written)) << "or the commit would wait for ever";
  EXPECT_EQ(written.xid(), 800u);
  EXPECT_EQ(written.last_lsn(), 0x30u);
}

TEST_F(CommitQuestionsTest, WithoutAnIdNothingWasWritten) {
  OpenTransaction written;
  written.add(without_version());
  commit_questions()[0]->answered({std::nullopt, "0/30"}, written, catalog);
  EXPECT_TRUE(written.empty());
}

TEST_F(CommitQuestionsTest, ATableIsAskedForItsNameUntilThatIsKnownOrWillNotBe) {
  const CommitQuestion& question = *commit_questions()[1];
  OpenTransaction written;
  EXPECT_FALSE(question.query(written));
  auto named = std::make_shared<RelationFacts>();
  named->oid = 16400;
  named->name = {"public", "t"};
  for (const std::uint32_t oid : {16999u, 17000u}) {
    event::ChangeEvent change;
    change.schema = unnamed(oid).schema;
    change.table = unnamed(oid).table;
    change.lsn = 16;
    written.saw(800, 16);
    written.saw_unnamed(oid, named);
    written.add(change);
  }
  EXPECT_FALSE(commit_questions()[0]->query(written)) << "the versions are known";
  const auto query = question.query(written);
  ASSERT_TRUE(query);
  EXPECT_EQ(query->values, (std::vector<std::string>{"16999", "16400"}));
  EXPECT_FALSE(query->is_kept);
  question.answered({"16999", "6f74686572", "6c656166", "true", "p"}, written, catalog);
  EXPECT_TRUE(written.logged());
  EXPECT_EQ(written.events()[0].table, "leaf");
  ASSERT_TRUE(question.query(written));
  EXPECT_EQ(question.query(written)->values[0], "17000");
  question.answered({"17000", std::nullopt, std::nullopt, "false", std::nullopt}, written, catalog);
  EXPECT_FALSE(question.query(written)) << "or the commit would wait for ever";
  EXPECT_EQ(written.events()[1].op, event::Op::gap);
  EXPECT_EQ(written.events()[1].table, "");
}

/// How many rows a table has by the server's own count, say; it wants to know once.
class Count final : public CommitQuestion {
 public:
  std::optional<CommitQuery> query(const OpenTransaction& written) const override {
    if (written.empty() || !count.empty()) return std::nullopt;
    return CommitQuery{"SELECT count($1)", {"16400"}};
  }
  void answered(const wire::RowView& row, OpenTransaction&, const SessionCatalog&) const override {
    count = std::string(row.at(0).value());
  }
  mutable std::string count;
};

class CommitQuestionListTest : public ::testing::Test {
 protected:
  CommitQuestionListTest() {
    session.commit_questions = list;
    session.block.ready('T');
  }
  SessionOptions options() {
    SessionOptions made;
    made.statements = &stand.statements;
    made.settings = &stand.settings;
    made.gate = &gate;
    made.catalog_epoch = &stand.epoch;
    made.own_names = "w:";
    return made;
  }
  bool is_ready() { return CommitPoint(session, turn).ready_to_commit(true); }
  std::string sent() {
    std::string bytes(turn.to_upstream.bytes());
    turn.to_upstream.clear();
    return bytes;
  }
  void answers(const std::string& frame) {
    ServerAnswers(session, turn).take_upstream({frame[0], frame.size(), frame});
  }
  void answers_with(const testing::Values& row) {
    for (const std::string& frame : {server::parse_complete(), server::bind_complete(), server::row(row),
                                     server::complete("SELECT 1"), server::close_complete()})
      answers(frame);
  }

  testing::Stand stand;
  NotingGate gate;
  Count count;
  std::array<const CommitQuestion*, 2> list = {commit_questions()[0], &count};
  SessionState session{options()};
  wire::Turn turn;
};

TEST_F(CommitQuestionListTest, AllThatHaveOneAskInOneExchangeAndHearTheirOwnAnswer) {
  session.transaction.written().add(without_version());
  EXPECT_FALSE(is_ready());
  const std::string epilogue(commit_questions()[0]->query(session.transaction.written())->sql);
  EXPECT_EQ(sent(), client::parse("w:1", epilogue) + client::bind("w:own", "w:1") + client::execute("w:own") +
                        client::close('P', "w:own") + client::parse("w:2", "SELECT count($1)") +
                        client::bind("w:own", "w:2", {"16400"}) + client::execute("w:own") +
                        client::close('P', "w:own") + client::flush());
  answers_with({"800", "0/30"});
  EXPECT_EQ(count.count, "");
  answers_with({"7"});
  EXPECT_EQ(count.count, "7");
  EXPECT_EQ(session.transaction.written().xid(), 800u);
  is_ready();
  EXPECT_EQ(gate.said.back(), "prepare 1: 1");
  EXPECT_EQ(sent(), "");
}

TEST_F(CommitQuestionListTest, OneAloneAsksAlone) {
  event::ChangeEvent row = without_version();
  row.lsn = 5;
  session.transaction.written().saw(800, 5);
  session.transaction.written().add(std::move(row));
  EXPECT_FALSE(is_ready());
  EXPECT_EQ(sent(), client::parse("w:1", "SELECT count($1)") + client::bind("w:own", "w:1", {"16400"}) +
                        client::execute("w:own") + client::close('P', "w:own") + client::flush());
  answers_with({"7"});
  is_ready();
  EXPECT_EQ(gate.said.back(), "prepare 1: 1");
}

TEST_F(CommitQuestionListTest, WhereNobodyHasOneNothingIsAsked) {
  count.count = "known";
  session.transaction.written().saw(800, 5);
  event::ChangeEvent row = without_version();
  row.lsn = 5;
  session.transaction.written().add(std::move(row));
  is_ready();
  EXPECT_EQ(sent(), "");
  EXPECT_EQ(gate.said.back(), "prepare 1: 1");
}

}  // namespace
}  // namespace weir::capture
