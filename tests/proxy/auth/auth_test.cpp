// Verifiers of passwords without a database: the users file, what the book keeps, what auth.query's answer means.
#include <gtest/gtest.h>

#include "proxy/auth/users_file.h"
#include "proxy/auth/verifier_book.h"
#include "proxy/auth/verifier_query.h"
#include "tests/wire/scram_password.h"

namespace weir::proxy {
namespace {

using Kind = wire::KnownVerifier::Kind;
using std::chrono::seconds;

const std::string kSalt = "sixteen bytes ..";

wire::ScramVerifier verifier(const std::string& password) {
  return testing::verifier(password, kSalt);
}

std::string line(const std::string& user, const std::string& entry) {
  return "\"" + user + "\" \"" + entry + "\"\n";
}

TEST(UsersFile, IsPgbouncers) {
  const std::string ann = wire::to_text(verifier("secret"));
  const auto file = parse_users_file("; a comment\n# another\n\n" + line("ann", ann) + "  \"b\"\"ob\"\t\"" + ann +
                                     "\" \"passed over\"\r\n" + line("carl", "md5a1b2c3d4e5f60718293a4b5c6d7e8f90") +
                                     line("dora", "secret") + line("eve", "") + "\"last\" \"" + ann + "\"");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->verifiers.size(), 3u);
  for (const char* user : {"ann", "b\"ob", "last"}) EXPECT_EQ(file->verifiers.at(user), verifier("secret")) << user;
  EXPECT_EQ(file->passed_over, (std::vector<std::string>{"carl", "dora", "eve"}));
  EXPECT_TRUE(parse_users_file("")->verifiers.empty());
}

TEST(UsersFile, AWrongLineIsNamedByItsNumberAlone) {
  for (const std::string wrong :
       {"ann secret", "\"ann\"", "\"ann\" secret", "\"ann\" \"secret", "\"\" \"secret\"", "\"ann \"secret\""}) {
    const auto file = parse_users_file(line("bob", "secret") + wrong + "\n");
    ASSERT_FALSE(file) << wrong;
    EXPECT_EQ(file.error().message, "line 2 is not of the form \"user\" \"SCRAM-SHA-256$…\"") << wrong;
  }
}

const VerifierQuestion kAnn{"ann", kSalt, 4096};

TEST(VerifierBook, AVerifierHoldsAsLongAsTheDatabaseShowsItsSalt) {
  VerifierBook book;
  const VerifierBook::Clock::time_point start{};
  EXPECT_FALSE(book.known(kAnn, start));
  book.note(kAnn, {Kind::found, verifier("secret"), {}}, start);
  const auto known = book.known(kAnn, start + std::chrono::hours(1000));
  ASSERT_TRUE(known);
  EXPECT_EQ(known->verifier, verifier("secret"));
  EXPECT_FALSE(book.known({"ann", "another salt", 4096}, start));
  EXPECT_FALSE(book.known({"ann", kSalt, 8192}, start));
  EXPECT_FALSE(book.known({"bob", kSalt, 4096}, start));
}

TEST(VerifierBook, ThatThereIsNoneHoldsForAWhile) {
  VerifierBook book;
  const VerifierBook::Clock::time_point start{};
  book.note(kAnn, {Kind::none, {}, "unknown"}, start);
  EXPECT_EQ(book.known(kAnn, start + VerifierBook::kUnknownFor - seconds(1))->why, "unknown");
  EXPECT_FALSE(book.known(kAnn, start + VerifierBook::kUnknownFor));
  EXPECT_FALSE(book.known({"ann", "the salt of a password", 4096}, start)) << "the role was made meanwhile";
}

TEST(VerifierBook, ForgetsWhoWasNotWantedForLongest) {
  VerifierBook book;
  const VerifierBook::Clock::time_point now{};
  const auto name = [](std::size_t i) { return "user " + std::to_string(i); };
  const wire::KnownVerifier found{Kind::found, verifier("x"), {}};
  for (std::size_t i = 0; i < VerifierBook::kMostUsers; ++i) book.note({name(i), kSalt, 4096}, found, now);
  EXPECT_TRUE(book.known({name(0), kSalt, 4096}, now));
  book.note(kAnn, {Kind::none, {}, {}}, now);
  book.note(kAnn, {Kind::found, verifier("secret"), {}}, now);
  EXPECT_EQ(book.size(), VerifierBook::kMostUsers);
  EXPECT_TRUE(book.known({name(0), kSalt, 4096}, now));
  EXPECT_FALSE(book.known({name(1), kSalt, 4096}, now));
  EXPECT_EQ(book.known(kAnn, now)->kind, Kind::found);
}

using Rows = std::vector<AskableDatabase::Row>;

class Answering final : public AskableDatabase {
 public:
  Answering(Rows rows, Error error) : rows_(std::move(rows)), error_(std::move(error)) {}
  Result<std::vector<Row>> query(const std::string& sql, const std::vector<std::string>& parameters) override {
    EXPECT_EQ(sql, "SELECT …");
    EXPECT_EQ(parameters, std::vector<std::string>{"ann"});
    if (!error_.message.empty()) return error_;
    return rows_;
  }
  bool alive() const override { return true; }

 private:
  Rows rows_;
  Error error_;
};

wire::KnownVerifier ask(const Rows& rows, const Error& error = {}) {
  Answering database(rows, error);
  return ask_for_verifier(database, "SELECT …", kAnn);
}

void expect_answer(const wire::KnownVerifier& known, Kind kind, const std::string& words) {
  EXPECT_EQ(known.kind, kind) << words;
  EXPECT_NE(known.why.find(words), std::string::npos) << known.why;
}

TEST(VerifierQuery, TakesAVerifierAloneOrBehindTheName) {
  const std::string text = wire::to_text(verifier("secret"));
  for (const AskableDatabase::Row& row :
       {AskableDatabase::Row{text}, AskableDatabase::Row{"ann", text}, AskableDatabase::Row{"ann", text, "tomorrow"}}) {
    const auto known = ask({row});
    EXPECT_EQ(known.kind, Kind::found);
    EXPECT_EQ(known.verifier, verifier("secret"));
  }
}

TEST(VerifierQuery, WhatIsNoVerifierOfThisSaltIsNone) {
  const std::string other = wire::to_text(testing::verifier("secret", "another salt"));
  expect_answer(ask({}), Kind::none, "no such user");
  expect_answer(ask({{"ann", std::nullopt}}), Kind::none, "no password");
  expect_answer(ask({{"ann", "md5a1b2c3d4e5f60718293a4b5c6d7e8f90"}}), Kind::none, "no SCRAM-SHA-256 verifier");
  expect_answer(ask({{"ann", other}}), Kind::none, "VALID UNTIL");
  expect_answer(ask({}, {"invalid byte sequence for encoding", "22021"}), Kind::none, "no text");
}

TEST(VerifierQuery, WhatIsNoAnswerMakesVerifiersUnavailable) {
  expect_answer(ask({}, {"permission denied for table pg_authid", "42501"}), Kind::unavailable, "permission denied");
  expect_answer(ask({AskableDatabase::Row{}}), Kind::unavailable, "must give one row");
  expect_answer(ask({AskableDatabase::Row{"a"}, AskableDatabase::Row{"b"}}), Kind::unavailable, "must give one row");
}

}  // namespace
}  // namespace weir::proxy
