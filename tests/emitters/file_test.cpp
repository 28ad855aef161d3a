#include "emitters/file.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/file_size_limit.h"
#include "tests/support/temp_folder.h"

namespace weir::emitters {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

Record line(const std::string& value, Record::Kind kind = Record::Kind::change) {
  return {kind, "shop.public.orders", "{\"id\":1}", value, {}};
}

class FileTest : public testing::Test {
 protected:
  FileTest() {
    options_.path = directory_ / "events.ndjson";
    options_.now_us = [this] { return now_us_; };
  }
  ~FileTest() override { emitter_.reset(); }

  void open() {
    emitter_.reset();
    auto made = make_file_emitter(options_);
    ASSERT_TRUE(made) << made.error().message;
    emitter_ = std::move(*made);
  }
  void offer(const std::string& value, event::Position position) {
    const auto taken = emitter_->offer({line(value)}, position, true);
    ASSERT_TRUE(taken) << taken.error().message;
    ASSERT_TRUE(*taken);
  }
  std::string read(const fs::path& path) const {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }
  std::string content() const { return read(options_.path); }
  void write(const std::string& text) const { std::ofstream(options_.path) << text; }
  std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(directory_.path())) found.push_back(entry.path().filename());
    std::sort(found.begin(), found.end());
    return found;
  }

  test_support::TempFolder directory_{"file_test"};
  FileOptions options_;
  std::int64_t now_us_ = 1'795'247'617'702'980;
  std::unique_ptr<Emitter> emitter_;
};

TEST_F(FileTest, WritesALinePerChangeAndGapAndNothingElse) {
  open();
  EXPECT_EQ(emitter_->name(), "file:" + options_.path);
  std::vector<Record> batch = {line("BEGIN", Record::Kind::transaction),
                               line("{1}"),
                               {Record::Kind::tombstone, "t", "{}", std::nullopt, {}},
                               line("{2}", Record::Kind::gap)};
  ASSERT_TRUE(*emitter_->offer(std::move(batch), 1, true));
  EXPECT_EQ(emitter_->durable_through(), 0) << "nothing is promised yet";
  emitter_->wait(milliseconds(0));
  EXPECT_EQ(emitter_->durable_through(), 1);
  EXPECT_EQ(content(), "{1}\n{2}\n");
}

TEST_F(FileTest, ATransactionIsDurableWithItsLastSlice) {
  open();
  ASSERT_TRUE(*emitter_->offer({line("a")}, 1, true));
  ASSERT_TRUE(*emitter_->offer({line("b")}, 2, false));
  emitter_->wait(milliseconds(0));
  EXPECT_EQ(emitter_->durable_through(), 1);
  ASSERT_TRUE(*emitter_->offer({}, 2, true));
  emitter_->wait(milliseconds(0));
  EXPECT_EQ(emitter_->durable_through(), 2);
  EXPECT_EQ(content(), "a\nb\n");
}

TEST_F(FileTest, AppendsAfterARestart) {
  open();
  offer("a", 1);
  EXPECT_TRUE(emitter_->close(milliseconds(0)));
  open();
  offer("b", 2);
  EXPECT_TRUE(emitter_->close(milliseconds(0)));
  EXPECT_EQ(content(), "a\nb\n");
}

TEST_F(FileTest, CutsATornLastLineAtEveryPlace) {
  const std::string whole = "{\"id\":1}\n{\"id\":2}\n";
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    write(whole.substr(0, size));
    open();
    offer("next", 1);
    EXPECT_TRUE(emitter_->close(milliseconds(0)));
    const std::string kept = size < 9 ? "" : size < 18 ? "{\"id\":1}\n" : whole;
    EXPECT_EQ(content(), kept + "next\n") << size;
  }
}

TEST_F(FileTest, FindsTheEndBeforeAVeryLongTornLine) {
  write("a\n" + std::string(300'000, 'x'));
  open();
  EXPECT_EQ(content(), "a\n");
}

TEST_F(FileTest, RotatesBySizeAndNeverOverwrites) {
  options_.rotate_bytes = 4;
  open();
  for (const char* value : {"one", "two", "three"}) {
    offer(value, 1);
    emitter_->wait(milliseconds(0));
  }
  emitter_->wait(milliseconds(0));
  EXPECT_EQ(names(),
            (std::vector<std::string>{"events.ndjson", "events.ndjson.20261121T075337Z-1",
                                      "events.ndjson.20261121T075337Z-2", "events.ndjson.20261121T075337Z-3"}));
  EXPECT_EQ(read(options_.path + ".20261121T075337Z-1"), "one\n");
  EXPECT_EQ(read(options_.path + ".20261121T075337Z-2"), "two\n");
  EXPECT_EQ(read(options_.path + ".20261121T075337Z-3"), "three\n");
  EXPECT_EQ(content(), "");
}

TEST_F(FileTest, RotatesByAgeAlsoWhileNothingIsWritten) {
  options_.rotate_age = std::chrono::seconds(60);
  open();
  now_us_ += 3'600'000'000;
  offer("a", 1);
  emitter_->wait(milliseconds(0));
  now_us_ += 59'000'000;
  emitter_->wait(milliseconds(0));
  EXPECT_EQ(content(), "a\n") << "its age is that of its first line";
  now_us_ += 1'000'000;
  emitter_->wait(milliseconds(0));
  EXPECT_EQ(content(), "");
  now_us_ += 100'000'000;
  emitter_->wait(milliseconds(0));
  EXPECT_EQ(names().size(), 2u) << "an empty file is not rotated";
}

TEST_F(FileTest, AFileThatWasMovedAwayIsFollowedByANewOne) {
  open();
  offer("1", 1);
  emitter_->wait(milliseconds(0));
  fs::rename(options_.path, directory_ / "moved");
  offer("2", 2);
  emitter_->wait(milliseconds(0));
  EXPECT_EQ(emitter_->durable_through(), 2);
  EXPECT_EQ(read(directory_ / "moved"), "1\n");
  EXPECT_EQ(content(), "2\n");
}

TEST_F(FileTest, AFileThatWasRemovedIsFollowedByANewOneAlsoWhileNothingIsWritten) {
  open();
  offer("1", 1);
  emitter_->wait(milliseconds(0));
  fs::remove(options_.path);
  emitter_->wait(milliseconds(0));
  EXPECT_EQ(content(), "");
  offer("2", 2);
  emitter_->wait(milliseconds(0));
  EXPECT_EQ(content(), "2\n");
}

TEST_F(FileTest, ARotationWithoutItsNewFileIsFinishedLater) {
  options_.rotate_bytes = 2;
  open();
  offer("1", 1);
  emitter_->wait(milliseconds(0));
  // As if no file could be made after it was renamed.
  fs::rename(options_.path, directory_ / "events.ndjson.20261121T053318Z-1");
  fs::create_directory(options_.path);
  offer("2", 2);
  emitter_->wait(milliseconds(0));
  EXPECT_NE(emitter_->trouble(), "");
  EXPECT_EQ(emitter_->durable_through(), 1);
  fs::remove(options_.path);
  emitter_->wait(milliseconds(0));
  EXPECT_EQ(emitter_->trouble(), "");
  EXPECT_EQ(emitter_->durable_through(), 2);
  EXPECT_EQ(content(), "2\n");
}

TEST_F(FileTest, ALineStaysOneWhateverStandsInIt) {
  open();
  offer("{\"j\":{\n \"a\": 1,\r\n\t\"b\":\"x\\ny\"}}", 1);
  emitter_->wait(milliseconds(0));
  EXPECT_EQ(content(), "{\"j\":{  \"a\": 1,  \t\"b\":\"x\\ny\"}}\n");
}

TEST_F(FileTest, IsWrittenByOneProcessAtATime) {
  open();
  const auto second = make_file_emitter(options_);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find("another process writes to it"), std::string::npos);
}

TEST_F(FileTest, SaysWhichFileAndWhyNot) {
  options_.path = directory_ / "missing" / "events";
  const auto made = make_file_emitter(options_);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().message, "file:" + options_.path +
                                      ": could not open it: No such file or directory; check that its directory exists "
                                      "and that Weir may write there");
}

TEST_F(FileTest, AFullDiskLeavesNoPartOfALineAndIsOverWhenThereIsRoom) {
  open();
  offer("first", 1);
  emitter_->wait(milliseconds(0));
  {
    const test_support::FileSizeLimit full(10);
    offer("second", 2);
    emitter_->wait(milliseconds(0));
    EXPECT_EQ(content(), "first\n");
    EXPECT_EQ(emitter_->durable_through(), 1);
    EXPECT_NE(emitter_->trouble().find("free space"), std::string::npos) << emitter_->trouble();
    const auto refused = emitter_->offer({line("third")}, 3, true);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find(options_.path), std::string::npos);
    EXPECT_FALSE(emitter_->close(milliseconds(0)));
  }
  offer("third", 3);
  emitter_->wait(milliseconds(0));
  EXPECT_EQ(emitter_->trouble(), "");
  EXPECT_EQ(emitter_->durable_through(), 3);
  EXPECT_EQ(content(), "first\nsecond\nthird\n");
}

TEST_F(FileTest, ManyTransactionsShareOneWrite) {
  open();
  const std::string value(1000, 'x');
  for (event::Position position = 1; position <= 5000; ++position) offer(value, position);
  EXPECT_GT(emitter_->durable_through(), 1000) << "written once there was much";
  EXPECT_LT(emitter_->durable_through(), 5000);
  emitter_->wait(milliseconds(0));
  EXPECT_EQ(emitter_->durable_through(), 5000);
  EXPECT_EQ(fs::file_size(options_.path), 5000u * 1001u);
}

}  // namespace
}  // namespace weir::emitters
