// Weir's own questions, asked in a client's session: the client must not notice.
#include <gtest/gtest.h>

#include "tests/capture/session/session_script.h"

namespace weir::testing {
namespace {

const std::string kQuestion = "SELECT $1";

/// The question is sent, and all of its answer but ReadyForQuery comes.
void asks(SessionScript& script, const std::string& answer) {
  const std::string own = script.next_own_name();
  script.weir_asks()
      .expect_upstream(client::parse(own, kQuestion) + client::bind("weir:own", own, {"x"}) +
                       client::execute("weir:own") + client::close('P', "weir:own") + client::close('S', own) +
                       client::sync())
      .expect_stalled()
      .upstream_sends(answer)
      .expect_client("")
      .weir_heard({});
}

std::string answer(const std::vector<Values>& rows) {
  std::string out = server::parse_complete() + server::bind_complete();
  for (const Values& row : rows) out += server::row(row);
  return out + server::complete("SELECT " + std::to_string(rows.size())) + server::close_complete() +
         server::close_complete();
}

TEST(SessionQuestionTest, TheClientSeesNothingOfIt) {
  SessionScript script;
  script.starts();
  asks(script, server::report('N', "WARNING", "01000", "by the way") + answer({{"a", "b"}, {std::nullopt, ""}}));
  script.upstream_sends(server::ready('I')).expect_client("").weir_heard({"rows a|b, NULL|"}).expect_stalled(false);
  asks(script, answer({}));
  script.upstream_sends(server::ready('I')).weir_heard({"rows"});
  passes(script, "SELECT 1", "SELECT 1", 'I');
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionQuestionTest, WhatTheClientSendsMeanwhileWaits) {
  SessionScript script;
  script.starts();
  asks(script, answer({{"a"}}));
  script.client_sends(client::query("BEGIN"))
      .expect_upstream("")
      .upstream_sends(server::ready('I'))
      .weir_heard({"rows a"})
      .expect_upstream(client::query("BEGIN"))
      .upstream_is_relayed(server::complete("BEGIN") + server::ready('T'));
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionQuestionTest, WhatComesAtAnyTimeIsRelayed) {
  SessionScript script;
  script.starts();
  asks(script, answer({{"a"}}));
  script.upstream_is_relayed(frame('A', int32(7) + cstring("channel") + cstring("payload")))
      .upstream_is_relayed(server::parameter_status("TimeZone", "UTC"))
      .upstream_sends(server::ready('I'))
      .weir_heard({"rows a"});
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionQuestionTest, AnErrorIsWeirsOwn) {
  SessionScript script;
  script.starts();
  asks(script, server::parse_complete() + server::bind_complete() + server::error("22023", "is in the future"));
  script.upstream_sends(server::ready('I')).expect_client("").weir_heard({"error 22023 is in the future"});
  // Its statement is closed with the next one.
  const std::string next = script.next_own_name();
  script.weir_asks().expect_upstream(client::parse(next, kQuestion) + client::bind("weir:own", next, {"x"}) +
                                     client::execute("weir:own") + client::close('P', "weir:own") +
                                     client::close('S', "weir:1") + client::close('S', next) + client::sync());
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionQuestionTest, OnlyBetweenTwoTransactions) {
  SessionScript script;
  script.weir_asks().weir_heard({"not asked"}).starts();
  script.client_is_relayed(client::query("SELECT 1")).weir_asks().weir_heard({"not asked"});
  script.upstream_is_relayed(server::complete("SELECT 1") + server::ready('I'));
  passes(script, "BEGIN", "BEGIN", 'T');
  script.weir_asks().weir_heard({"not asked"});
  passes(script, "ROLLBACK", "ROLLBACK", 'I');
  script.client_is_relayed(client::parse("", "SELECT 1")).upstream_is_relayed(server::parse_complete());
  script.weir_asks()
      .weir_heard({"not asked"})
      .client_is_relayed(client::sync())
      .upstream_is_relayed(server::ready('I'));
  asks(script, "");
  script.weir_asks().weir_heard({"not asked"});
  EXPECT_EQ(script.replay(), "");
}

/// Its texts are ASCII.
TEST(SessionQuestionTest, InWhateverEncoding) {
  SessionScript script;
  script.starts("15.20", "LATIN1");
  asks(script, answer({{"a"}}));
  script.upstream_sends(server::ready('I')).weir_heard({"rows a"});
  EXPECT_EQ(script.replay(), "");
}

/// What the session sends for a question that waited, behind a ReadyForQuery.
std::string asked_with(const std::string& own) {
  return client::parse(own, kQuestion) + client::bind("weir:own", own, {"x"}) + client::execute("weir:own") +
         client::close('P', "weir:own") + client::close('S', own) + client::sync();
}

TEST(SessionQuestionTest, OneThatWaitsIsAskedAtTheLoginBeforeTheFirstStatement) {
  SessionScript script;
  script.question_waits().starts().expect_upstream(asked_with(script.next_own_name())).expect_stalled();
  script.client_sends(client::query("SELECT 1"))
      .expect_upstream("")
      .upstream_sends(answer({{"a"}}) + server::ready('I'))
      .weir_heard({"rows a"})
      .expect_upstream(client::query("SELECT 1"))
      .upstream_is_relayed(server::complete("SELECT 1") + server::ready('I'));
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionQuestionTest, OneThatWaitsIsAskedWhenATransactionHasEnded) {
  SessionScript script;
  script.starts();
  passes(script, "BEGIN", "BEGIN", 'T');
  script.question_waits();
  passes(script, "SELECT 1", "SELECT 1", 'T');
  script.expect_upstream("").expect_stalled(false);
  passes(script, "COMMIT", "COMMIT", 'I');
  script.expect_upstream(asked_with(script.next_own_name())).expect_stalled();
  script.upstream_sends(answer({{"a"}}) + server::ready('I')).expect_client("").weir_heard({"rows a"});
  passes(script, "SELECT 1", "SELECT 1", 'I');
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionQuestionTest, ASessionThatEndsLeavesItUnanswered) {
  SessionScript script;
  script.starts();
  asks(script, server::parse_complete());
  script.upstream_closes().weir_heard({"error  the session ended"});
  EXPECT_EQ(script.replay(), "");
}

TEST(SessionQuestionTest, AnswersThatMakeNoSenseAreNone) {
  SessionScript script;
  script.starts();
  asks(script, server::parse_complete());
  // The rest of its answer is nothing for the client.
  script.upstream_sends(server::complete("SELECT 1"))
      .expect_client(server::report('E', "FATAL", "08P01", "the database's answers do not fit what was sent"))
      .expect_close()
      .weir_heard({"error  lost track of the session"})
      .gate({"report xid 0 | g . 1.1 0/0 cause lost track of the session: an answer to nothing that "
             "was sent"});
  EXPECT_EQ(script.replay(), "");
}

}  // namespace
}  // namespace weir::testing
