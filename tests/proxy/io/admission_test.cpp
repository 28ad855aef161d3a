// Who may come in, and who has to give way.
#include "proxy/io/admission.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weir::proxy {
namespace {

using std::chrono::milliseconds;
using Stage = Admission::Stage;
using Verdict = Admission::Verdict;

class AdmissionTest : public ::testing::Test {
 protected:
  std::unique_ptr<Admission::Ticket> open(const std::string& name) {
    auto ticket = admission.open(now);
    if (ticket) ticket->on_victim([this, name] { told.push_back(name); });
    return ticket;
  }
  /// Who is told to give way now, in this order, one after the other.
  std::vector<std::string> victims() {
    told.clear();
    while (const auto give_way = admission.take_victim(now)) give_way();
    return told;
  }

  Admission admission{{.connections = 2, .logins = 3, .connections_per_client = 0}};
  Admission::Clock::time_point now{};
  std::vector<std::string> told;
};

using Names = std::vector<std::string>;

TEST_F(AdmissionTest, PlacesForLoginsAreFreeAgainAfterTheLoginAndAtTheEnd) {
  auto a = open("a");
  auto b = open("b");
  auto c = open("c");
  EXPECT_FALSE(open("d"));
  a->logged_in();
  auto d = open("d");
  EXPECT_TRUE(d);
  EXPECT_FALSE(open("e"));
  b.reset();
  EXPECT_TRUE(open("e"));
}

TEST_F(AdmissionTest, ClientsAreCountedFromTheStartupMessageToTheEnd) {
  auto a = open("a");
  auto b = open("b");
  auto c = open("c");
  EXPECT_EQ(a->begin_session("1.1.1.1"), Verdict::welcome);
  EXPECT_EQ(b->begin_session("1.1.1.1"), Verdict::welcome);
  EXPECT_EQ(c->begin_session("1.1.1.1"), Verdict::too_many);
  a->logged_in();
  EXPECT_EQ(c->begin_session("1.1.1.1"), Verdict::too_many) << "a login that is over is a client still";
  c.reset();
  a.reset();
  c = open("c");
  EXPECT_EQ(c->begin_session("1.1.1.1"), Verdict::welcome);
}

TEST(Admission, OneAddressHasNoMoreThanItsShare) {
  Admission admission({.connections = 10, .logins = 10, .connections_per_client = 1});
  auto a = admission.open({});
  auto b = admission.open({});
  auto c = admission.open({});
  EXPECT_EQ(a->begin_session("1.1.1.1"), Verdict::welcome);
  EXPECT_EQ(b->begin_session("1.1.1.1"), Verdict::too_many_of_address);
  EXPECT_EQ(c->begin_session("2.2.2.2"), Verdict::welcome);
  b.reset();
  a.reset();
  a = admission.open({});
  EXPECT_EQ(a->begin_session("1.1.1.1"), Verdict::welcome) << "one that was refused holds nothing";
}

TEST_F(AdmissionTest, TheOldestThatKeepsSilentGivesWayOnce) {
  auto a = open("a");
  now += milliseconds(60);
  auto b = open("b");
  EXPECT_EQ(victims(), Names{}) << "its first message may be on its way";
  now += milliseconds(60);
  EXPECT_EQ(victims(), Names{"a"});
  EXPECT_EQ(victims(), Names{}) << "told already";
  now += milliseconds(60);
  EXPECT_EQ(victims(), Names{"b"});
}

TEST_F(AdmissionTest, WhoeverIsFurtherMayStayLonger) {
  auto silent = open("silent");
  auto negotiating = open("negotiating");
  auto authenticating = open("authenticating");
  negotiating->enter(Stage::negotiating);
  authenticating->enter(Stage::authenticating);
  now += milliseconds(500);
  EXPECT_EQ(victims(), Names{"silent"});
  now += milliseconds(600);
  EXPECT_EQ(victims(), Names{"negotiating"}) << "one byte at a time gains no time";
  now += milliseconds(4'000);
  EXPECT_EQ(victims(), Names{"authenticating"});
}

TEST_F(AdmissionTest, WhoeverWaitsForTheDatabaseOrIsLoggedInStays) {
  auto waiting = open("waiting");
  auto in = open("in");
  waiting->enter(Stage::connecting);
  in->logged_in();
  now += std::chrono::hours(1);
  EXPECT_EQ(victims(), Names{});
}

TEST_F(AdmissionTest, OneThatIsGoneIsNotTold) {
  auto a = open("a");
  now += std::chrono::hours(1);
  a.reset();
  EXPECT_EQ(victims(), Names{});
}

TEST(FitLimits, DescriptorsAreDividedAmongClientsAndLogins) {
  const auto limits = fit_limits({}, 1024, 24, 8);
  EXPECT_EQ(limits.logins, 124u);
  EXPECT_EQ(limits.connections, 372u);
  EXPECT_LE(2 * (limits.logins + limits.connections) + 24 + 8, 1024u);
  EXPECT_EQ(fit_limits({}, 1'000'000, 24, 8).logins, 1000u);
}

TEST(FitLimits, WhatIsSetIsKeptWhereItFits) {
  const ConnectionLimits wanted{.connections = 100, .logins = 10, .connections_per_client = 5};
  const auto limits = fit_limits(wanted, 1024, 24, 8);
  EXPECT_EQ(limits.connections, 100u);
  EXPECT_EQ(limits.logins, 10u);
  EXPECT_EQ(limits.connections_per_client, 5u);
  const auto less = fit_limits({.connections = 10'000, .logins = 10'000}, 1024, 24, 8);
  EXPECT_LE(2 * (less.logins + less.connections) + 24 + 8, 1024u);
}

TEST(FitLimits, FewDescriptorsAreEnoughForSomeAndNoneForOne) {
  const auto few = fit_limits({}, 60, 30, 8);
  EXPECT_EQ(few.logins, 4u);
  EXPECT_EQ(few.connections, 7u);
  const auto none = fit_limits({}, 20, 30, 8);
  EXPECT_EQ(none.logins, 1u);
  EXPECT_EQ(none.connections, 1u);
}

}  // namespace
}  // namespace weir::proxy
