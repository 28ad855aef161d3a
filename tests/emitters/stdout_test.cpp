#include "emitters/stdout.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/temp_folder.h"

namespace weir::emitters {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

Record line(const std::string& value) {
  return {Record::Kind::change, "shop.public.orders", std::nullopt, value, {}};
}

class PipeTest : public testing::Test {
 protected:
  PipeTest() {
    EXPECT_EQ(pipe(ends_.data()), 0);
    fcntl(ends_[0], F_SETFL, O_NONBLOCK);
    auto made = make_stdout_emitter(ends_[1]);
    EXPECT_TRUE(made);
    emitter_ = std::move(*made);
  }
  ~PipeTest() override {
    for (const int end : ends_) close(end);
  }
  std::string drain() {
    std::string all;
    std::array<char, 65536> block;
    for (ssize_t got = 0; (got = read(ends_[0], block.data(), block.size())) > 0;) {
      all.append(block.data(), static_cast<std::size_t>(got));
    }
    return all;
  }

  std::array<int, 2> ends_{-1, -1};
  std::unique_ptr<Emitter> emitter_;
};

TEST_F(PipeTest, WritesAtOnce) {
  EXPECT_EQ(emitter_->name(), "stdout");
  ASSERT_TRUE(*emitter_->offer({line("a"), line("b")}, 1, true));
  EXPECT_EQ(emitter_->durable_through(), 1);
  EXPECT_EQ(drain(), "a\nb\n");
}

TEST_F(PipeTest, AReaderThatIsSlowIsWaitedForWithoutBlocking) {
  std::string expected;
  std::string got;
  event::Position position = 0;
  const std::string value(3000, 'x');
  for (;;) {
    const auto taken = emitter_->offer({line(value), line(value)}, position + 1, true);
    ASSERT_TRUE(taken);
    if (!*taken) break;
    ++position;
    expected += value + "\n" + value + "\n";
    ASSERT_LT(position, 1000) << "a pipe has an end";
  }
  EXPECT_LT(emitter_->durable_through(), position);
  emitter_->wait(milliseconds(1));
  EXPECT_FALSE(emitter_->close(milliseconds(1))) << "not all of it is out";
  got = drain();
  EXPECT_EQ(emitter_->durable_through(), position);
  got += drain();
  EXPECT_EQ(got, expected);
  EXPECT_TRUE(*emitter_->offer({line("next")}, position + 1, true));
}

TEST_F(PipeTest, LinesThatFitIntoAnAtomicWriteAreNeverTorn) {
  std::string got;
  event::Position position = 0;
  for (int round = 0; round < 300; ++round) {
    std::vector<Record> batch;
    for (std::size_t i = 0; i < 20; ++i)
      batch.push_back(line(std::string(1 + (i * 391 + static_cast<std::size_t>(round)) % (PIPE_BUF - 1), 'x')));
    const auto taken = emitter_->offer(std::vector<Record>(batch), ++position, true);
    ASSERT_TRUE(taken);
    if (!*taken) {
      const std::string part = drain();
      ASSERT_FALSE(part.empty());
      EXPECT_EQ(part.back(), '\n');
    }
  }
}

TEST_F(PipeTest, ALineOfAnyLengthPasses) {
  const std::string value(1 << 20, 'x');
  ASSERT_TRUE(*emitter_->offer({line(value)}, 1, true));
  std::string got;
  while (emitter_->durable_through() < 1) got += drain();
  got += drain();
  EXPECT_EQ(got, value + "\n");
}

TEST_F(PipeTest, AReaderThatIsGoneIsTrouble) {
  close(ends_[0]);
  ASSERT_TRUE(*emitter_->offer({line("a")}, 1, true)) << "taken, and not lost";
  EXPECT_EQ(emitter_->durable_through(), 0);
  EXPECT_NE(emitter_->trouble().find("its reader is gone"), std::string::npos) << emitter_->trouble();
  EXPECT_FALSE(emitter_->offer({line("b")}, 2, true));
  EXPECT_FALSE(emitter_->close(milliseconds(1)));
}

class RedirectTest : public testing::Test {
 protected:
  RedirectTest() { path_ = directory_ / "out"; }

  void emit(int flags, const std::string& value) {
    const int file = open(path_.c_str(), flags | O_CREAT, 0600);
    ASSERT_GE(file, 0);
    auto made = make_stdout_emitter(file);
    ASSERT_TRUE(made) << made.error().message;
    ASSERT_TRUE(*(*made)->offer({line(value)}, 1, true));
    EXPECT_EQ((*made)->durable_through(), 1);
    close(file);
  }
  std::string content() const {
    std::ostringstream text;
    text << std::ifstream(path_).rdbuf();
    return text.str();
  }

  test_support::TempFolder directory_{"stdout_test"};
  fs::path path_;
};

TEST_F(RedirectTest, AppendsWhereTheShellSaysAppend) {
  emit(O_WRONLY | O_APPEND, "a");
  emit(O_WRONLY | O_APPEND, "b");
  EXPECT_EQ(content(), "a\nb\n");
}

TEST_F(RedirectTest, CutsALineTornByACrash) {
  std::ofstream(path_) << "a\n{\"id\":";
  emit(O_WRONLY | O_APPEND, "b");
  EXPECT_EQ(content(), "a\nb\n");
}

TEST_F(RedirectTest, BeginsAnewWhereTheShellSaysSo) {
  std::ofstream(path_) << "old\n";
  emit(O_WRONLY | O_TRUNC, "new");
  EXPECT_EQ(content(), "new\n");
}

}  // namespace
}  // namespace weir::emitters
