// A destination from its settings; and one that cannot be opened yet.
#include "proxy/delivery/open_destination.h"

#include <gtest/gtest.h>

#include "tests/support/child_process.h"

namespace weir::proxy {
namespace {

DestinationSpec spec_of(const std::string& uri, const std::string& format = "flat") {
  auto settings = default_settings();
  settings.emit.push_back(*parse_emitter(uri));
  settings.format = format;
  return destinations_of(settings).front();
}

std::vector<emitters::Record> line(const std::string& text) {
  emitters::Record record;
  record.value = text;
  return {record};
}

TEST(DestinationSpec, IsEqualWhereNothingWouldBeDifferent) {
  auto settings = default_settings();
  settings.emit.push_back(*parse_emitter("file:/a"));
  settings.prefix = "shop";
  const auto by_all = destinations_of(settings).front();
  settings.prefix = "other";
  EXPECT_FALSE(by_all == destinations_of(settings).front());
  settings.emit.front().prefix = "shop";
  settings.emit.front().format = "debezium";
  EXPECT_TRUE(by_all == destinations_of(settings).front()) << "whoever says it";
  settings.emit.front().own["rotate_bytes"] = "5";
  EXPECT_FALSE(by_all == destinations_of(settings).front());
}

TEST(OpenLate, FailsEveryOfferUntilItCanBeOpened) {
  const test_support::TempFolder folder("weir-open-late");
  const auto spec = spec_of("file:" + (folder / "events").string());
  auto before = open_destination(spec, "i");
  ASSERT_TRUE(before) << before.error().message;
  EXPECT_TRUE(check_destination(spec, "i")) << "beside the one that is open";
  const auto late = open_late(spec, "i", false);
  ASSERT_NE(late.format, nullptr);
  EXPECT_FALSE(late.emitter->resume_after());
  const auto refused = late.emitter->offer(line("one"), 1, true);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("another process writes to it"), std::string::npos);
  EXPECT_EQ(late.emitter->durable_through(), 0);
  before->emitter.reset();
  EXPECT_TRUE(late.emitter->resume_after());
  EXPECT_EQ(*late.emitter->offer(line("one"), 1, true), true);
  late.emitter->wait(std::chrono::milliseconds(0));
  EXPECT_EQ(late.emitter->durable_through(), 1);
  EXPECT_EQ(test_support::read_file(folder / "events"), "one\n");
}

TEST(CheckDestination, SaysWhatAnOpenWouldSay) {
  EXPECT_NE(check_destination(spec_of("file:/nonexistent/x"), "i").error().message.find("/nonexistent"),
            std::string::npos);
  EXPECT_FALSE(check_destination(spec_of("file:/tmp/x", "no such format"), "i"));
}

}  // namespace
}  // namespace weir::proxy
