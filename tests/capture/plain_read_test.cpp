#include "capture/sql/plain_read.h"

#include <gtest/gtest.h>

#include <random>

#include "capture/sql/statement.h"

namespace weir::capture {
namespace {

/// What is_plain_read promises of a text.
bool is_read_by_the_grammar(const std::string& text, LexerSettings settings) {
  const ParsedText parsed = parse(text, settings);
  if (!parsed.parsed) return true;  // the server refuses it as well
  return parsed.single() != nullptr && parsed.only_reads();
}

TEST(PlainReadTest, KeyValueReadsArePlain) {
  EXPECT_TRUE(is_plain_read("SELECT abalance FROM pgbench_accounts WHERE aid = 17"));
  EXPECT_TRUE(is_plain_read("\n  select a.x, b.\"Y\" from s.a, b where a.x = b.y and a.n = 'O''Neill' for share"));
  EXPECT_TRUE(is_plain_read("SELECT * FROM t WHERE id = $1"));
  EXPECT_TRUE(is_plain_read("SELECT 1"));
  EXPECT_TRUE(is_plain_read("SELECT 1; \n"));
  EXPECT_TRUE(is_plain_read("SELECT v FROM t WHERE v ->> 'a' = 'b' AND n <> 3.5e-7 ORDER BY n LIMIT 10"));
}

TEST(PlainReadTest, AllThatMightBeMoreIsNot) {
  for (const char* text : {"",
                           " ",
                           "SELECT",
                           "SELECT1",
                           "SELECTED 1",
                           "INSERT INTO t VALUES 1",
                           "UPDATE t SET v = 1",
                           "TABLE t",
                           "BEGIN",
                           "SELECT 1; DELETE FROM t",
                           "SELECT f(1)",
                           "SELECT * INTO n FROM t",
                           "select * \ninto\tn from t",
                           "SELECT * FROM pg_cursors",
                           "SELECT * FROM PG_stat_activity",
                           "SELECT * FROM \"pg_prepared_statements\"",
                           "SELECT * FROM pg_catalog.pg_cursors",
                           "SELECT E'\\'' FROM t",
                           "SELECT * FROM U&\"!0070g_cursors\" UESCAPE '!'",
                           "SELECT 'é'",
                           "/* x */ SELECT 1",
                           "SELECT 1 /* INTO */",
                           "WITH x AS (DELETE FROM t) SELECT 1"}) {
    EXPECT_FALSE(is_plain_read(text)) << text;
  }
  EXPECT_FALSE(is_plain_read("SELECT '" + std::string(4000, 'x') + "'")) << "worth a parse";
  EXPECT_FALSE(is_plain_read(std::string("SELECT 1\0", 9)));
}

TEST(PlainReadTest, WordsThatOnlyBeginLikeATellingOneAreFine) {
  EXPECT_TRUE(is_plain_read("SELECT intox, pgx, pg, page, i, p FROM pgbench_tellers"));
}

TEST(PlainReadTest, TheGrammarAgreesWhateverTheTextIsMadeOf) {
  const std::vector<std::string> parts{"SELECT ",    "select ",
                                       " FROM ",     "t",
                                       " INTO ",     "into",
                                       " * ",        ", ",
                                       "pg_cursors", "pg_",
                                       "'",          "''",
                                       "\"",         "--",
                                       "\n",         "/*",
                                       "*/",         " WITH ",
                                       " x ",        " AS ",
                                       "(",          ")",
                                       ";",          "$1",
                                       "$a$",        "$$",
                                       "E'",         "\\",
                                       "U&\"",       "DELETE FROM t",
                                       " = ",        "1",
                                       " UNION ",    " WHERE ",
                                       "::",         " FOR UPDATE",
                                       " AND ",      "current_query()",
                                       " LIMIT ",    "."};
  std::mt19937 random(20);
  int plain = 0;
  for (int i = 0; i < 60'000; ++i) {
    std::string text = "SELECT ";
    for (int n = 1 + int(random() % 9); n > 0; --n) text += parts[random() % parts.size()];
    if (!is_plain_read(text)) continue;
    ++plain;
    for (const bool standard : {true, false}) {
      ASSERT_TRUE(is_read_by_the_grammar(text, {.standard_conforming_strings = standard, .hides_backslashes = false}))
          << text;
    }
  }
  EXPECT_GT(plain, 3'000);
}

}  // namespace
}  // namespace weir::capture
