// Names: what was sent and did not succeed is undone, and nothing else.
#include "capture/session/names.h"

#include <gtest/gtest.h>

namespace weir::capture {
namespace {

Names::PreparedPtr statement(std::string types) {
  auto prepared = std::make_shared<Prepared>();
  prepared->parameter_types = std::move(types);
  return prepared;
}

Names::PortalPtr portal() {
  return std::make_shared<Portal>();
}

TEST(NamesTest, UnknownNamesAreNeverNull) {
  const Names names;
  EXPECT_EQ(names.find(""), names.unknown_statement());
  EXPECT_EQ(names.find("s"), names.unknown_statement());
  EXPECT_EQ(names.find_portal(""), names.unknown_portal());
  EXPECT_EQ(names.find_portal("p"), names.unknown_portal());
  ASSERT_NE(names.unknown_portal()->prepared, nullptr);
}

TEST(NamesTest, WhatFailedIsUndone) {
  Names names;
  const auto first = statement("1");
  names.succeeded(names.define("s", first));
  const std::int64_t again = names.define("s", statement("2"));
  const std::int64_t other = names.define("r", statement("3"));
  const std::int64_t removed = names.remove("s");
  EXPECT_EQ(names.find("s"), names.unknown_statement());
  EXPECT_LT(again, other);
  EXPECT_LT(other, removed);
  names.failed(removed + 1);
  EXPECT_EQ(names.find("s"), first);
  EXPECT_EQ(names.find("r"), names.unknown_statement());
}

TEST(NamesTest, WhatSucceededStays) {
  Names names;
  const auto first = statement("1"), second = statement("2");
  const std::int64_t mark = names.define("s", first);
  const std::int64_t unnamed = names.define("", second);
  names.succeeded(mark);
  names.failed(unnamed + 1);
  EXPECT_EQ(names.find("s"), first);
  EXPECT_EQ(names.find(""), names.unknown_statement());
}

TEST(NamesTest, WhatWasSentBehindTheSyncStays) {
  Names names;
  const auto kept = statement("kept"), next = statement("next");
  names.succeeded(names.define("s", kept));
  names.define("s", statement("failed"));
  const std::int64_t last = names.define_portal("", portal());
  const auto bound = portal();
  names.define("r", next);
  const std::int64_t end = names.define_portal("", bound);
  names.failed(last + 1);
  EXPECT_EQ(names.find("s"), kept);
  EXPECT_EQ(names.find("r"), next);
  EXPECT_EQ(names.find_portal(""), bound);
  names.failed(end + 1);
  EXPECT_EQ(names.find("r"), names.unknown_statement());
  EXPECT_EQ(names.find_portal(""), names.unknown_portal()) << "what was before the one that failed first";
}

TEST(NamesTest, ANameDefinedAgainBehindTheSyncFallsBackToWhatItWas) {
  Names names;
  const auto kept = statement("kept"), next = statement("next");
  names.succeeded(names.define("s", kept));
  const std::int64_t failing = names.remove("s");
  const std::int64_t later = names.define("s", next);
  names.failed(failing + 1);
  EXPECT_EQ(names.find("s"), next);
  names.failed(later + 1);
  EXPECT_EQ(names.find("s"), kept);
}

TEST(NamesTest, RemoveAll) {
  Names names;
  const auto a = statement("a"), b = statement("b"), unnamed = statement("unnamed");
  names.succeeded(names.define("a", a));
  names.succeeded(names.define("", unnamed));
  names.define("b", b);
  const std::int64_t mark = names.remove_all();
  EXPECT_EQ(names.find("a"), names.unknown_statement());
  EXPECT_EQ(names.find("b"), names.unknown_statement());
  EXPECT_EQ(names.find(""), unnamed) << "DEALLOCATE ALL leaves the unnamed one";
  names.failed(mark, mark);
  EXPECT_EQ(names.find("a"), a);
  EXPECT_EQ(names.find("b"), b);
  names.failed(mark);
  EXPECT_EQ(names.find("b"), names.unknown_statement());
  EXPECT_EQ(names.find("a"), a);
}

TEST(NamesTest, WhatFailsBeforeARemoveAllIsGoneFromWhatItWouldRestore) {
  Names names;
  const auto a = statement("a"), next = statement("next");
  names.succeeded(names.define("a", a));
  const std::int64_t failing = names.define("b", statement("b"));
  const std::int64_t all = names.remove_all();
  names.define("c", next);
  names.failed(failing + 1);
  EXPECT_EQ(names.find("c"), next);
  names.failed(all, all);
  EXPECT_EQ(names.find("a"), a);
  EXPECT_EQ(names.find("b"), names.unknown_statement());
  EXPECT_EQ(names.find("c"), next);
}

TEST(NamesTest, ARemoveAllThatFailsRestoresBelowWhatWasDefinedBehindIt) {
  Names names;
  const auto a = statement("a"), b = statement("b"), next = statement("next");
  names.succeeded(names.define("a", a));
  names.succeeded(names.define("b", b));
  const std::int64_t all = names.remove_all();
  names.define("a", next);
  names.failed(all + 1);
  EXPECT_EQ(names.find("a"), next);
  EXPECT_EQ(names.find("b"), b);
}

TEST(NamesTest, ANameIsUnconfirmedWhereItsLastChangeIsOldAndUnanswered) {
  Names names;
  EXPECT_FALSE(names.is_unconfirmed(false, "s", names.end_mark()));
  const std::int64_t first = names.define("s", statement("1"));
  const std::int64_t sync = names.end_mark();
  EXPECT_TRUE(names.is_unconfirmed(false, "s", sync));
  EXPECT_FALSE(names.is_unconfirmed(true, "s", sync)) << "a portal of that name is another";
  EXPECT_FALSE(names.is_unconfirmed(false, "r", sync));
  names.define("s", statement("2"));
  EXPECT_FALSE(names.is_unconfirmed(false, "s", sync)) << "changed again behind the Sync";
  const std::int64_t all = names.remove_all();
  EXPECT_TRUE(names.is_unconfirmed(false, "r", names.end_mark()));
  names.succeeded(all);
  EXPECT_FALSE(names.is_unconfirmed(false, "s", names.end_mark()));
  EXPECT_LT(first, all);
}

TEST(NamesTest, WhatIsRemovedTwiceDoesNotComeBack) {
  Names names;
  names.succeeded(names.define("s", statement("s")));
  names.define("other", statement("other"));
  const std::int64_t all = names.remove_all();
  names.remove("s");
  names.failed(all, all);
  EXPECT_EQ(names.find("s"), names.unknown_statement());
  EXPECT_NE(names.find("other"), names.unknown_statement());
}

TEST(NamesTest, PortalsGoWithTheTransaction) {
  Names names;
  names.define_portal("p", portal());
  names.define_portal("", portal());
  names.find_portal("p")->suspended = true;
  ASSERT_EQ(names.suspended_portals().size(), 1u);
  EXPECT_EQ(names.suspended_portals()[0].first, "p");
  names.succeeded(names.end_mark() - 1);
  const auto later = portal();
  names.define_portal("later", later);
  const std::int64_t bind = names.define_portal("", later);
  names.drop_portals();
  EXPECT_EQ(names.find_portal("p"), names.unknown_portal());
  EXPECT_EQ(names.find_portal("later"), later) << "of the next transaction";
  EXPECT_TRUE(names.suspended_portals().empty());
  names.failed(bind, bind);
  EXPECT_EQ(names.find_portal(""), names.unknown_portal()) << "what was before is gone too";
}

TEST(NamesTest, PortalsMadeSinceASavepointGoWithIt) {
  Names names;
  const auto before = portal(), since = portal(), later = portal();
  before->savepoint = 0;
  since->savepoint = 1;
  names.define_portal("before", before);
  names.define_portal("since", since);
  names.define_portal("replaced", since);
  names.define_portal("", since);
  names.succeeded(names.end_mark() - 1);
  names.define_portal("later", later);
  const std::int64_t bind = names.define_portal("replaced", later);
  names.drop_portals(2);
  EXPECT_EQ(names.find_portal("since"), since) << "made before that one";
  names.drop_portals(1);
  EXPECT_EQ(names.find_portal("before"), before);
  EXPECT_EQ(names.find_portal("since"), names.unknown_portal());
  EXPECT_EQ(names.find_portal(""), names.unknown_portal());
  EXPECT_EQ(names.find_portal("later"), later) << "not made yet";
  EXPECT_EQ(names.find_portal("replaced"), later);
  names.failed(bind, bind);
  EXPECT_EQ(names.find_portal("replaced"), names.unknown_portal()) << "what was before is gone too";
}

TEST(NamesTest, TwinsAreForgottenOnce) {
  Names names;
  const auto a = statement("a"), b = statement("b");
  a->spliced = {"weir:1", true};
  b->spliced = {"weir:2", false};
  names.define("a", a);
  names.define("b", b);
  names.define("c", nullptr);
  EXPECT_EQ(names.forget_twins(), std::vector<std::string>{"weir:1"});
  EXPECT_TRUE(names.forget_twins().empty());
  EXPECT_FALSE(a->spliced.sent);
}

}  // namespace
}  // namespace weir::capture
