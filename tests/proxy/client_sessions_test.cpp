// Which client's session a question of Weir's goes to, and what becomes of it where none can be asked.
#include "proxy/client_sessions.h"

#include <gtest/gtest.h>

#include <thread>

namespace weir::proxy {
namespace {

using capture::Question;

/// A session that answers each question with its own name and the parameter, on another thread.
ClientSessions::Ask answers(const std::string& name) {
  return [name](const Question& question) {
    std::thread([question, name] {
      question.answered(std::vector<Question::Row>{{name, question.parameters.at(0)}});
    }).detach();
  };
}

/// One that is in a transaction, or gone: it drops the question.
ClientSessions::Ask drops(int& asked) {
  return [&asked](const Question&) { ++asked; };
}

std::string said(const Result<std::vector<Questions::Row>>& rows) {
  if (!rows) return "error " + rows.error().sqlstate;
  return rows->at(0).at(0).value_or("NULL") + " " + rows->at(0).at(1).value_or("NULL");
}

TEST(ClientSessionsTest, OnlySessionsOfTheDatabaseAreAsked) {
  ClientSessions sessions;
  EXPECT_EQ(sessions.of("a"), nullptr);
  sessions.add(1, "a", answers("first"));
  sessions.add(2, "b", answers("second"));
  EXPECT_EQ(said(sessions.of("a")->query("SELECT $1", {"x"})), "first x");
  EXPECT_EQ(said(sessions.of("b")->query("SELECT $1", {"y"})), "second y");
  sessions.remove(1);
  EXPECT_EQ(sessions.of("a"), nullptr);
}

TEST(ClientSessionsTest, WhereOneCannotBeAskedTheNextIs) {
  ClientSessions sessions;
  int asked = 0;
  sessions.add(1, "a", drops(asked));
  sessions.add(2, "a", answers("second"));
  const auto questions = sessions.of("a");
  EXPECT_EQ(said(questions->query("SELECT $1", {"x"})), "second x");
  // And the one that answered is the first to be asked again.
  EXPECT_EQ(said(questions->query("SELECT $1", {"y"})), "second y");
  EXPECT_EQ(asked, 1);
  EXPECT_TRUE(questions->alive());
}

TEST(ClientSessionsTest, WhereNoneCanBeAskedThatIsAnError) {
  ClientSessions sessions;
  int asked = 0;
  for (std::uint64_t id = 1; id <= 300; ++id) sessions.add(id, "a", drops(asked));
  const auto questions = sessions.of("a");
  const auto rows = questions->query("SELECT $1", {"x"});
  ASSERT_FALSE(rows);
  EXPECT_NE(rows.error().message.find("100 client sessions"), std::string::npos) << rows.error().message;
  EXPECT_EQ(asked, 100);
  EXPECT_FALSE(questions->alive());
}

TEST(ClientSessionsTest, TheServersErrorIsTheAnswer) {
  ClientSessions sessions;
  sessions.add(1, "a", [](const Question& question) { question.answered(Error{"is in the future", "22023"}); });
  int asked = 0;
  sessions.add(2, "a", drops(asked));
  EXPECT_EQ(said(sessions.of("a")->query("SELECT $1", {"x"})), "error 22023");
  EXPECT_EQ(asked, 0);
}

}  // namespace
}  // namespace weir::proxy
