// Which client's session a question of Weir's goes to, and what becomes of it where none can be asked.
#include "proxy/doubt/askable_sessions.h"

#include <gtest/gtest.h>

#include <thread>

namespace weir::proxy {
namespace {

using capture::Question;

/// A session that answers each question with its own name and the parameter, on another thread.
AskableSessions::Ask answers(const std::string& name) {
  return [name](const Question& question) {
    std::thread([question, name] {
      question.answered(std::vector<Question::Row>{{name, question.parameters.at(0)}});
    }).detach();
  };
}

/// One that is in a transaction, or gone: it drops the question.
AskableSessions::Ask drops(int& asked) {
  return [&asked](const Question&) { ++asked; };
}

std::string said(const Result<std::vector<AskableDatabase::Row>>& rows) {
  if (!rows) return "error " + rows.error().sqlstate;
  return rows->at(0).at(0).value_or("NULL") + " " + rows->at(0).at(1).value_or("NULL");
}

TEST(AskableSessionsTest, WhoeverCameLastIsAskedFirst) {
  AskableSessions sessions;
  sessions.add(1, answers("first"));
  sessions.add(2, answers("second"));
  EXPECT_EQ(said(sessions.query("SELECT $1", {"x"})), "second x");
  sessions.remove(2);
  EXPECT_EQ(said(sessions.query("SELECT $1", {"y"})), "first y");
  EXPECT_FALSE(sessions.has_question());
}

TEST(AskableSessionsTest, WhereOneCannotBeAskedTheNextIs) {
  AskableSessions sessions;
  int asked = 0;
  sessions.add(1, answers("first"));
  sessions.add(2, drops(asked));
  EXPECT_EQ(said(sessions.query("SELECT $1", {"x"})), "first x");
  EXPECT_EQ(asked, 1);
}

/// A session of a moment: it logs in, and is gone again.
TEST(AskableSessionsTest, WhereNoneCanBeAskedTheQuestionWaitsForOneThatLogsIn) {
  AskableSessions sessions;
  int asked = 0;
  for (std::uint64_t id = 1; id <= 300; ++id) sessions.add(id, drops(asked));
  std::thread login([&] {
    while (!sessions.has_question()) std::this_thread::yield();
    const auto question = sessions.take_question();
    ASSERT_TRUE(question);
    EXPECT_FALSE(sessions.has_question());
    EXPECT_FALSE(sessions.take_question()) << "it is asked once";
    answers("new")(*question);
  });
  EXPECT_EQ(said(sessions.query("SELECT $1", {"x"})), "new x");
  login.join();
  EXPECT_EQ(asked, 100);
}

TEST(AskableSessionsTest, WhereNobodyComesThatIsAnError) {
  AskableSessions sessions;
  EXPECT_EQ(said(sessions.query("SELECT $1", {"x"})), "error ");
  EXPECT_FALSE(sessions.has_question()) << "nobody waits for its answer any more";
}

TEST(AskableSessionsTest, WhatWaitsIsGivenUpAtTheEnd) {
  AskableSessions sessions;
  std::thread end([&] {
    while (!sessions.has_question()) std::this_thread::yield();
    sessions.close();
  });
  EXPECT_EQ(said(sessions.query("SELECT $1", {"x"})), "error ");
  end.join();
  EXPECT_EQ(said(sessions.query("SELECT $1", {"x"})), "error ");
}

TEST(AskableSessionsTest, TheServersErrorIsTheAnswer) {
  AskableSessions sessions;
  int asked = 0;
  sessions.add(1, drops(asked));
  sessions.add(2, [](const Question& question) { question.answered(Error{"is in the future", "22023"}); });
  EXPECT_EQ(said(sessions.query("SELECT $1", {"x"})), "error 22023");
  EXPECT_EQ(asked, 0);
}

}  // namespace
}  // namespace weir::proxy
