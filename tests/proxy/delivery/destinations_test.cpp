// Destinations over the starts of one journal: what goes on, what is refused, and what begins with a gap.
#include "proxy/delivery/destinations.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/capture/journal/fake_book.h"
#include "tests/support/child_process.h"

namespace weir::proxy {
namespace {

EmitterSettings to(const std::string& uri) {
  const auto emitter = parse_emitter(uri);
  return emitter ? *emitter : EmitterSettings();
}

using Positions = std::map<std::string, event::Position>;

class DestinationsTest : public testing::Test {
 protected:
  void remembers(const Positions& checkpoints, event::Position released = 0, const Positions& forgotten = {}) {
    shelf.destinations.clear();
    for (const auto& [name, position] : checkpoints) shelf.destinations[name] = {position, false};
    for (const auto& [name, position] : forgotten) shelf.destinations[name] = {position, true};
    last = released;
    shelf.writes = 0;
  }
  /// What is wrong with a start with these destinations; empty where it is fine.
  std::string complaint(const std::vector<std::string>& uris) {
    std::vector<EmitterSettings> configured;
    for (const auto& uri : uris) configured.push_back(to(uri));
    const auto done = settle_destinations(book, last, configured, "/j");
    told.clear();
    if (done)
      for (const auto& notice : *done) told.push_back(notice.text);
    return done ? "" : done.error().message;
  }

  Positions known() {
    Positions result;
    const auto checkpoints = book.checkpoints();
    for (const auto& one : *checkpoints) result[one.emitter] = one.position;
    return result;
  }

  capture::FakeShelf shelf;
  capture::FakeBook book{shelf};
  std::vector<std::string> told;  // by the last start
  event::Position last = 0;
};

TEST_F(DestinationsTest, EachIsKnownFromItsFirstStartOn) {
  EXPECT_EQ(complaint({"stdout", "kafka://a:9092/shop"}), "");
  EXPECT_EQ(known(), (Positions{{"stdout", 0}, {"kafka://a:9092/shop", 0}}));
}

TEST_F(DestinationsTest, OneThatIsLeftOutIsNamedWithTheWaysOut) {
  remembers({{"stdout", 7}, {"kafka://a:9092/shop", 3}}, 7);
  const auto message = complaint({"stdout"});
  for (const char* word : {"kafka://a:9092/shop (4 transactions behind)", "leaves out",
                           "weir journal forget kafka://a:9092/shop --journal /j", "weir journal rename", "--emit"})
    EXPECT_NE(message.find(word), std::string::npos) << word << " in " << message;
  EXPECT_EQ(message.find("stdout"), std::string::npos) << message;
  EXPECT_EQ(shelf.writes, 0) << "a start that is refused changes nothing";
}

TEST_F(DestinationsTest, OneThatHasEverythingIsRefusedToo) {
  remembers({{"stdout", 7}, {"kafka://a:9092/shop", 7}}, 7);
  EXPECT_NE(complaint({"stdout"}), "") << "it would miss what the others take from now on";
}

TEST_F(DestinationsTest, ARefusalLeavesNewOnesUnknown) {
  remembers({{"kafka://a:9092/shop", 3}}, 7);
  EXPECT_NE(complaint({"stdout"}), "");
  EXPECT_EQ(complaint({"kafka://a:9092/shop"}), "");
}

TEST_F(DestinationsTest, WhereNothingWasEverDeliveredNothingIsMissed) {
  remembers({{"kafka://typo:9092/shop", 0}});
  EXPECT_EQ(complaint({"kafka://a:9092/shop"}), "");
  EXPECT_EQ(known(), (Positions{{"kafka://a:9092/shop", 0}}));
}

TEST_F(DestinationsTest, OneMoreBrokerIsTheSameKafka) {
  remembers({{"kafka://a:9092/shop", 3}}, 3);
  EXPECT_EQ(complaint({"kafka://b:9092,a/shop"}), "");
  EXPECT_EQ(told, (std::vector<std::string>{
                      "kafka://a:9092/shop is kafka://b:9092,a/shop from now on, and goes on where it stood"}));
  EXPECT_EQ(known(), (Positions{{"kafka://b:9092,a/shop", 3}}));
}

TEST_F(DestinationsTest, AnotherPrefixOrOtherBrokersAreAnotherDestination) {
  remembers({{"kafka://a:9092/shop", 3}}, 3);
  EXPECT_NE(complaint({"kafka://a:9092/store"}), "");
  EXPECT_NE(complaint({"kafka://b:9092/shop"}), "");
  EXPECT_NE(complaint({"stdout"}), "");
}

TEST_F(DestinationsTest, WhatCouldMeanTwoIsNotGuessed) {
  remembers({{"kafka://a:9092/shop", 3}, {"kafka://b:9092/shop", 5}}, 3);
  EXPECT_NE(complaint({"kafka://a:9092,b:9092/shop"}), "");
}

TEST_F(DestinationsTest, AnExactNameIsNeverGivenAway) {
  remembers({{"kafka://a:9092/shop", 3}}, 3);
  EXPECT_EQ(complaint({"kafka://a:9092,b:9092/shop", "kafka://a:9092/shop"}), "");
  EXPECT_EQ(known(), (Positions{{"kafka://a:9092/shop", 3}, {"kafka://a:9092,b:9092/shop", 0}}));
}

TEST_F(DestinationsTest, AFileIsKnownByItsPlaceAndNotByItsPath) {
  const test_support::TempFolder folder("weir-destinations");
  const auto path = (folder / "events").string();
  std::ofstream(path) << "";
  std::filesystem::create_symlink(path, folder / "link");
  const auto here = std::filesystem::relative(path).string();
  EXPECT_EQ(destination_name(to("file:" + here)), "file:" + path);
  EXPECT_EQ(destination_name(to("file:" + (folder / "." / "x" / ".." / "events").string())), "file:" + path);
  remembers({{"file:" + here, 3}}, 3);
  EXPECT_EQ(complaint({"file:" + path}), "") << "as an older Weir has noted it";
  EXPECT_EQ(complaint({"file:" + (folder / "link").string()}), "");
  EXPECT_EQ(known(), (Positions{{"file:" + (folder / "link").string(), 3}}));
  EXPECT_NE(complaint({"file:" + (folder / "other").string()}), "");
}

TEST_F(DestinationsTest, OneThatComesBackGoesOnWhereItWasForgotten) {
  remembers({{"stdout", 9}}, 9, {{"kafka://a:9092/shop", 4}});
  EXPECT_EQ(complaint({"stdout", "kafka://a:9092/shop"}), "");
  EXPECT_EQ(known(), (Positions{{"stdout", 9}, {"kafka://a:9092/shop", 4}}));
}

TEST_F(DestinationsTest, ABookThatCannotBeReadOrWrittenStopsTheStart) {
  shelf.fail_write = Error{"book: the disk is full", "53100"};
  EXPECT_EQ(complaint({"stdout"}), "book: the disk is full");
  EXPECT_EQ(known(), Positions());
  shelf.fail_read = Error{"book: I/O error", "58030"};
  EXPECT_EQ(complaint({"stdout"}), "book: I/O error");
}

}  // namespace
}  // namespace weir::proxy
