// The console: its language, then its messages, byte for byte as a client sends and gets them.
#include "proxy/admin/console.h"

#include <gtest/gtest.h>

#include "proxy/admin_room.h"
#include "tests/proxy/admin/admin_snapshot.h"
#include "tests/wire/bytes.h"
#include "wire/frame.h"
#include "wire/message.h"

namespace weir::proxy {
namespace {

using testing::frame;

class ConsoleTest : public ::testing::Test {
 protected:
  ConsoleTest() {
    options.look = [this] {
      auto now = full_snapshot();
      now.config = {{"upstream", "postgresql://ann:***@h/db", "file"}};
      ++looks;
      return now;
    };
    options.orders.reload = [this](const ConsoleOrders::Done& done) {
      orders.push_back("reload");
      when_done = done;
    };
    options.orders.forget = [this](const std::string& name, const ConsoleOrders::Done& done) {
      orders.push_back("forget " + name);
      when_done = done;
    };
    options.later = [this](const std::function<void(wire::Turn&)>& function) { function(turn); };
    options.orders.drain = [this]() -> Result<void> { return said("drain"); };
    options.orders.pause = [this](const std::string& name, bool paused) -> Result<void> {
      if (name == "nowhere") return Error{"there is no destination", "42704"};
      return said((paused ? "pause " : "resume ") + name);
    };
    options.orders.set_log_level = [this](const std::string& level) -> Result<void> { return said("level " + level); };
  }
  Result<void> said(const std::string& what) {
    orders.push_back(what);
    return {};
  }
  Console& console() {
    if (!console_) {
      console_.emplace(options);
      console_->from_upstream(frame('S', std::string("a\0b\0", 4)) + frame('Z', "I"), turn);
      EXPECT_EQ(take(), "S Z");
    }
    return *console_;
  }
  /// Types of the messages for the client, and what is to be read in them.
  std::string take() {
    std::string text;
    auto bytes = turn.to_client.bytes();
    while (!bytes.empty()) {
      const auto header = wire::read_header(bytes);
      EXPECT_EQ(header.state, wire::FrameHeader::State::valid);
      const auto body = bytes.substr(wire::kHeaderSize, header.size - wire::kHeaderSize);
      text += (text.empty() ? "" : " ") + std::string(1, header.type);
      if (header.type == 'C') text += "(" + std::string(body.substr(0, body.size() - 1)) + ")";
      if (header.type == 'E') text += "(" + std::string(body.substr(body.find("C") + 1, 5)) + ")";
      bytes.remove_prefix(header.size);
    }
    turn.to_client.clear();
    return text;
  }
  std::string send(const std::string& bytes) {
    EXPECT_EQ(console().from_client(bytes, turn), bytes.size());
    return take();
  }
  std::string query(const std::string& text) { return send(frame('Q', text + '\0')); }
  static std::string parse(const std::string& name, const std::string& text) {
    std::string out;
    wire::append_parse(out, name, text, wire::kNoParameterTypes);
    return out;
  }
  static std::string bind(const std::string& portal, const std::string& name) {
    std::string out;
    wire::append_bind(out, portal, name, wire::kNoParameters, {});
    return out;
  }
  static std::string describe(char kind, const std::string& name) {
    std::string out;
    wire::append_describe(out, kind, name);
    return out;
  }
  static std::string execute(const std::string& portal, std::int32_t limit = 0) {
    std::string out;
    wire::append_execute(out, portal, limit);
    return out;
  }

  Console::Options options;
  std::vector<std::string> orders;
  ConsoleOrders::Done when_done;  // of an order that takes its time
  int looks = 0;
  wire::Turn turn;
  std::optional<Console> console_;
};

const std::string kSync = frame('S', "");

Result<ConsoleTable> run(const std::string& text) {
  const auto statement = ConsoleStatement::parse(text);
  if (!statement) return statement.error();
  return statement->run(full_snapshot, {});
}

TEST(Show, EveryTopicHasColumnsAndRowsOfThatSize) {
  const auto help = run("show help");
  ASSERT_TRUE(help);
  int topics = 0;
  for (const auto& row : help->rows) {
    if (!row[0].starts_with("SHOW ")) continue;
    ++topics;
    const auto table = run(row[0] + " ;");
    ASSERT_TRUE(table) << row[0];
    EXPECT_FALSE(table->columns.empty());
    for (const auto& one : table->rows) EXPECT_EQ(one.size(), table->columns.size()) << row[0];
  }
  EXPECT_EQ(topics, 8);
}

TEST(Show, TellsWhatTheSnapshotHas) {
  EXPECT_EQ(run("SHOW SESSIONS")->rows.at(0).at(1), "ann");
  const auto destination = run("SHOW DESTINATIONS")->rows.at(0);
  EXPECT_EQ(destination[1], "failing");
  EXPECT_EQ(destination[3], "2");
  EXPECT_EQ(destination[4], "3.000");
  EXPECT_EQ(run("SHOW TABLES")->rows.at(0),
            (std::vector<std::string>{"shop", "public.orders", "8", "0", "2", "1", ""}));
  EXPECT_NE(run("SHOW GAPS")->rows.at(0).back(), "");
  EXPECT_EQ(run("show version")->rows.at(0).at(0), "weir 1.2.3");
}

TEST(Show, WhatItDoesNotKnowIsASyntaxError) {
  for (const char* wrong : {"SELECT 1", "SHOW", "SHOW TABLES now", "SHOW nothing", "PAUSE DESTINATION", "PAUSE x",
                            "PAUSE DESTINATION a b", "DRAIN now", "SET log.level", "-- SHOW TABLES"}) {
    const auto statement = ConsoleStatement::parse(wrong);
    ASSERT_FALSE(statement) << wrong;
    EXPECT_EQ(statement.error().sqlstate, "42601");
    EXPECT_NE(statement.error().message.find("SHOW HELP"), std::string::npos);
  }
}

TEST(Show, SplitsAtSemicolonsOutsideOfQuotes) {
  EXPECT_EQ(split_statements(" a; 'b;c' d;; \"e;\" ; "), (std::vector<std::string>{" a", " 'b;c' d", " \"e;\" "}));
}

TEST_F(ConsoleTest, AnswersAQuery) {
  EXPECT_EQ(query("SHOW DESTINATIONS"), "T D C(SHOW) Z");
  EXPECT_EQ(query(""), "I Z");
  EXPECT_EQ(query(" ; "), "I Z");
  EXPECT_EQ(query("SHOW VERSION; SHOW SESSIONS;"), "T D C(SHOW) T D D C(SHOW) Z");
  EXPECT_EQ(query("SHOW VERSION; nonsense; SHOW VERSION"), "T D C(SHOW) E(42601) Z");
  EXPECT_EQ(query("SHOW VERSION"), "T D C(SHOW) Z") << "and goes on";
  EXPECT_TRUE(turn.to_upstream.bytes().empty()) << "nothing of it reaches the database";
}

TEST_F(ConsoleTest, CarriesOutOrders) {
  EXPECT_EQ(query("pause destination 'kafka://a b'"), "C(PAUSE) Z");
  EXPECT_EQ(query("RESUME DESTINATION file:/x;"), "C(RESUME) Z");
  EXPECT_EQ(query("PAUSE DESTINATION nowhere"), "E(42704) Z");
  EXPECT_EQ(query("DRAIN"), "C(DRAIN) Z");
  EXPECT_EQ(query("SET log.level = 'debug'"), "C(SET) Z");
  EXPECT_EQ(query("SET extra_float_digits = 3"), "C(SET) Z");
  EXPECT_EQ(query("BEGIN; COMMIT"), "C(BEGIN) C(COMMIT) Z");
  EXPECT_EQ(orders, (std::vector<std::string>{"pause kafka://a b", "resume file:/x", "drain", "level debug"}));
}

TEST_F(ConsoleTest, AnOrderThatTakesItsTimeKeepsWhatIsBehindIt) {
  const auto two = frame('Q', std::string("RELOAD; SHOW VERSION") + '\0');
  const auto behind = frame('Q', std::string("SHOW VERSION") + '\0');
  EXPECT_EQ(console().from_client(two + behind, turn), two.size());
  EXPECT_EQ(take(), "");
  EXPECT_TRUE(console().standing().stalled);
  EXPECT_FALSE(console().standing().idle) << "a drain waits for it";
  when_done(ConsoleTable{{"setting", "old", "new", "result"}, {{"log.level", "info", "warn", "taken"}}});
  EXPECT_EQ(take(), "T D C(RELOAD) T D C(SHOW) Z");
  EXPECT_FALSE(console().standing().stalled);
  EXPECT_EQ(send(behind), "T D C(SHOW) Z");
  query("RELOAD; SHOW VERSION");
  when_done(Error{"weir.yaml:2: no such key", "F0000"});
  EXPECT_EQ(take(), "E(F0000) Z") << "an error ends the Query";
  query("FORGET DESTINATION file:/a");
  when_done(ConsoleTable());
  EXPECT_EQ(take(), "C(FORGET) Z");
  EXPECT_EQ(orders, (std::vector<std::string>{"reload", "reload", "forget file:/a"}));
}

TEST_F(ConsoleTest, AnOrderThatTakesItsTimeInAnExtendedQuery) {
  const auto order = parse("", "RELOAD") + bind("", "") + describe('P', "") + execute("");
  EXPECT_EQ(console().from_client(order + kSync, turn), order.size());
  EXPECT_EQ(take(), "1 2 T");
  when_done(ConsoleTable{{"setting", "old", "new", "result"}, {}});
  EXPECT_EQ(take(), "C(RELOAD)");
  EXPECT_EQ(send(kSync), "Z");
  EXPECT_EQ(console().from_client(order, turn), order.size());
  take();
  when_done(Error{"wrong", "F0000"});
  EXPECT_EQ(take(), "E(F0000)");
  EXPECT_EQ(send(parse("", "SHOW VERSION") + kSync), "Z") << "skipped up to Sync";
}

TEST_F(ConsoleTest, AnswersExtendedQueries) {
  EXPECT_EQ(send(parse("", "SHOW SESSIONS") + bind("", "") + describe('P', "") + execute("") + kSync),
            "1 2 T D D C(SHOW) Z");
  EXPECT_EQ(send(parse("s", "DRAIN") + describe('S', "s") + kSync), "1 t n Z");
  EXPECT_TRUE(orders.empty()) << "nothing runs before Execute";
  EXPECT_EQ(send(bind("p", "s") + execute("p") + kSync), "2 C(DRAIN) Z");
  EXPECT_EQ(orders.size(), 1u);
  EXPECT_EQ(send(parse("s", "RELOAD") + kSync), "E(42P05) Z");
  EXPECT_EQ(send(parse("", "") + bind("", "") + describe('P', "") + execute("") + kSync), "1 2 n I Z");
}

TEST_F(ConsoleTest, ARowLimitSuspendsThePortal) {
  EXPECT_EQ(send(parse("", "SHOW SESSIONS") + bind("p", "") + execute("p", 1)), "1 2 D s");
  EXPECT_EQ(send(execute("p", 1)), "D C(SHOW)");
  EXPECT_EQ(looks, 1) << "one table, however it is fetched";
  EXPECT_EQ(send(kSync + execute("p") + kSync), "Z E(34000) Z");
}

TEST_F(ConsoleTest, BehindAnErrorEverythingIsSkippedUpToSync) {
  EXPECT_EQ(send(parse("", "nonsense") + bind("", "") + execute("")), "E(42601)");
  EXPECT_EQ(send(execute("") + kSync), "Z");
  EXPECT_EQ(send(bind("", "never") + kSync), "E(26000) Z");
  EXPECT_EQ(send(frame('F', "") + kSync), "E(0A000) Z Z");
  EXPECT_EQ(send(frame('P', "x") + kSync), "E(08P01) Z");
  EXPECT_EQ(send(frame('?', "") + kSync), "E(08P01) Z");
}

TEST_F(ConsoleTest, TakesMessagesInPieces) {
  const auto bytes = frame('Q', std::string("SHOW VERSION") + '\0');
  for (std::size_t size = 1; size < bytes.size(); ++size) {
    EXPECT_EQ(console().from_client(bytes.substr(0, size), turn), 0u);
    EXPECT_EQ(console().standing().client_frame_size, size < wire::kHeaderSize ? 0 : bytes.size());
  }
  EXPECT_EQ(send(bytes), "T D C(SHOW) Z");
}

TEST_F(ConsoleTest, OnlyTerminateReachesTheDatabase) {
  send(frame('X', ""));
  EXPECT_EQ(turn.to_upstream.bytes(), frame('X', ""));
}

TEST_F(ConsoleTest, AMessageThatIsTooLongEndsIt) {
  std::string bytes = frame('Q', "x");
  bytes[1] = 0x10;
  console().from_client(bytes, turn);
  EXPECT_EQ(take(), "E(08P01)");
  EXPECT_TRUE(turn.close);
}

TEST_F(ConsoleTest, WaitsForTheDatabasesGreetingAndRelaysItInPieces) {
  console_.emplace(options);
  EXPECT_TRUE(console_->standing().stalled);
  const auto greeting = frame('S', std::string("name\0value\0", 11)) + frame('K', "12345678") + frame('Z', "I");
  std::string kept;
  for (const char byte : greeting) {
    kept += byte;
    kept.erase(0, console_->from_upstream(kept, turn));
  }
  EXPECT_EQ(turn.to_client.bytes(), greeting);
  EXPECT_FALSE(console_->standing().stalled);
}

TEST_F(ConsoleTest, WhoMayNotUseItIsTold) {
  options.refusal = Error{"no", "28000"};
  console_.emplace(options);
  console_->from_upstream(frame('S', std::string("a\0b\0", 4)), turn);
  EXPECT_EQ(take(), "E(28000)");
  EXPECT_TRUE(turn.close);
  EXPECT_EQ(looks, 0);
}

TEST(ConsoleUsers, ANameAloneProvesNothing) {
  AdminSettings settings;
  settings.users = {"ann"};
  SessionInfo info;
  info.user = "bob";
  info.proved = true;
  EXPECT_TRUE(refusal_of_console(settings.users, info, 1000));
  info.user = "ann";
  EXPECT_FALSE(refusal_of_console(settings.users, info, 1000));
  info.proved = false;
  ASSERT_TRUE(refusal_of_console(settings.users, info, 1000));
  EXPECT_EQ(refusal_of_console(settings.users, info, 1000)->sqlstate, "28000");
  info.local_user = 1001;
  EXPECT_TRUE(refusal_of_console(settings.users, info, 1000));
  for (const unsigned owner : {1000u, 0u}) {
    info.local_user = owner;
    EXPECT_FALSE(refusal_of_console(settings.users, info, 1000));
  }
  info.user = "bob";
  EXPECT_TRUE(refusal_of_console(settings.users, info, 1000)) << "of those in the list";
}

}  // namespace
}  // namespace weir::proxy
