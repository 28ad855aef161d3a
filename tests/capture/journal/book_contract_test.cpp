// What any Book must do: the same tests with the one that is a file, and with the fake that other tests use.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "capture/journal/sqlite_book.h"
#include "tests/capture/journal/fake_book.h"
#include "tests/support/temp_folder.h"

namespace weir::capture {
namespace {

namespace fs = std::filesystem;
using event::Position;
using Positions = std::vector<std::pair<std::string, Position>>;

/// A book and what remains of it.
class BookBench {
 public:
  virtual ~BookBench() = default;
  virtual Book& book() = 0;
  /// kill -9 and a new start.
  virtual void restart() = 0;
  virtual void fail_writes(bool fail) = 0;
};

class FakeBench final : public BookBench {
 public:
  Book& book() override { return *book_; }
  void restart() override { book_ = std::make_unique<FakeBook>(shelf_); }
  void fail_writes(bool fail) override {
    shelf_.set([&](FakeShelf& shelf) {
      shelf.fail_write = fail ? std::optional(Error{"no room", "53100"}) : std::nullopt;
    });
  }

 private:
  FakeShelf shelf_;
  std::unique_ptr<FakeBook> book_ = std::make_unique<FakeBook>(shelf_);
};

class FileBench final : public BookBench {
 public:
  FileBench() { restart(); }
  ~FileBench() override {
    book_.reset();
    folder_.reset();
  }
  Book& book() override { return *book_; }
  void restart() override {
    book_.reset();
    folder_.reset();
    auto folder = Folder::claim(directory_ / "journal");
    if (!folder) throw std::runtime_error(folder.error().message);
    folder_ = *folder;
    auto book = SqliteBook::open(*folder_, true);
    if (!book) throw std::runtime_error(book.error().message);
    book_ = std::move(*book);
  }
  void fail_writes(bool fail) override {
    const auto path = folder_->book_path();
    fs::rename(fail ? path : path + ".away", fail ? path + ".away" : path);
  }

 private:
  test_support::TempFolder directory_{"book_test"};
  std::shared_ptr<Folder> folder_;
  std::unique_ptr<SqliteBook> book_;
};

struct Kind {
  std::string name;
  std::unique_ptr<BookBench> (*make)();
};

class BookContractTest : public testing::TestWithParam<Kind> {
 protected:
  Book& book() { return bench_->book(); }
  static Positions pairs(const Result<std::vector<Checkpoint>>& read) {
    EXPECT_TRUE(read) << read.error().message;
    Positions pairs;
    for (const auto& one : *read) pairs.emplace_back(one.emitter, one.position);
    std::sort(pairs.begin(), pairs.end());
    return pairs;
  }
  Positions checkpoints() { return pairs(book().checkpoints()); }
  Positions forgotten() { return pairs(book().forgotten()); }
  Result<void> set(const std::vector<Checkpoint>& checkpoints) { return book().set_checkpoints(checkpoints); }

  std::unique_ptr<BookBench> bench_ = GetParam().make();
};

TEST_P(BookContractTest, ANewOneIsEmptyAndHasAName) {
  EXPECT_EQ(checkpoints(), Positions{});
  EXPECT_EQ(forgotten(), Positions{});
  EXPECT_TRUE(book().dead_letters()->empty());
  EXPECT_TRUE(book().server_runs()->empty());
  EXPECT_EQ(book().instance().size(), 32u);
  EXPECT_TRUE(book().look());
  EXPECT_FALSE(book().booted_since());
  const std::string instance = book().instance();
  bench_->restart();
  EXPECT_EQ(book().instance(), instance);
}

TEST_P(BookContractTest, CheckpointsGoOnlyForward) {
  ASSERT_TRUE(book().add_destination("stdout", 3));
  ASSERT_TRUE(book().add_destination("kafka://a/b", 0));
  ASSERT_TRUE(set({{"stdout", 5}, {"kafka://a/b", 2}}));
  ASSERT_TRUE(set({{"stdout", 4}, {"kafka://a/b", 3}}));
  EXPECT_EQ(checkpoints(), (Positions{{"kafka://a/b", 3}, {"stdout", 5}}));
  bench_->restart();
  EXPECT_EQ(checkpoints(), (Positions{{"kafka://a/b", 3}, {"stdout", 5}}));
}

TEST_P(BookContractTest, CheckpointsAreSetAllOrNone) {
  ASSERT_TRUE(book().add_destination("stdout", 0));
  const auto done = set({{"stdout", 5}, {"unknown", 5}});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().sqlstate, "58030");
  EXPECT_NE(done.error().message.find("knows no destination unknown"), std::string::npos) << done.error().message;
  EXPECT_EQ(checkpoints(), (Positions{{"stdout", 0}}));
  EXPECT_TRUE(set({}));
}

TEST_P(BookContractTest, ADestinationIsAddedOnce) {
  ASSERT_TRUE(book().add_destination("stdout", 3));
  EXPECT_FALSE(book().add_destination("stdout", 0));
  EXPECT_EQ(checkpoints(), (Positions{{"stdout", 3}}));
}

TEST_P(BookContractTest, OneThatIsForgottenIsRememberedUntilItComesBack) {
  ASSERT_TRUE(book().add_destination("stdout", 7));
  ASSERT_TRUE(book().forget("stdout"));
  EXPECT_EQ(checkpoints(), Positions{});
  EXPECT_EQ(forgotten(), (Positions{{"stdout", 7}}));
  EXPECT_FALSE(set({{"stdout", 8}})) << "nothing is kept for it";
  EXPECT_FALSE(book().forget("stdout"));
  EXPECT_FALSE(book().rename("stdout", "other"));
  bench_->restart();
  EXPECT_EQ(forgotten(), (Positions{{"stdout", 7}}));
  ASSERT_TRUE(book().add_destination("stdout", 7));
  EXPECT_EQ(checkpoints(), (Positions{{"stdout", 7}}));
  EXPECT_EQ(forgotten(), Positions{});
}

TEST_P(BookContractTest, ARenamedOneGoesOnWhereItStood) {
  ASSERT_TRUE(book().add_destination("file:/a", 7));
  ASSERT_TRUE(book().add_destination("stdout", 9));
  ASSERT_TRUE(book().rename("file:/a", "file:/b"));
  EXPECT_EQ(checkpoints(), (Positions{{"file:/b", 7}, {"stdout", 9}}));
  EXPECT_FALSE(book().rename("file:/a", "file:/c")) << "it is not there any more";
  EXPECT_FALSE(book().rename("file:/b", "stdout")) << "there is one of that name";
  EXPECT_TRUE(book().rename("stdout", "stdout"));
  EXPECT_EQ(checkpoints(), (Positions{{"file:/b", 7}, {"stdout", 9}}));
  EXPECT_EQ(forgotten(), Positions{});
}

TEST_P(BookContractTest, ANameThatWasForgottenCanBeTaken) {
  ASSERT_TRUE(book().add_destination("file:/a", 7));
  ASSERT_TRUE(book().add_destination("file:/b", 3));
  ASSERT_TRUE(book().forget("file:/a"));
  ASSERT_TRUE(book().rename("file:/b", "file:/a"));
  EXPECT_EQ(checkpoints(), (Positions{{"file:/a", 3}}));
  EXPECT_EQ(forgotten(), Positions{});
}

TEST_P(BookContractTest, DeadLettersAreKeptAsTheyAre) {
  const std::string bytes("\0\xff\x01 value", 9);
  ASSERT_TRUE(book().add_dead_letter({"stdout", 3, "shop.public.a", "{\"id\":1}", bytes, "too large", {}}));
  ASSERT_TRUE(book().add_dead_letter({"kafka://a/b", 2, "t", "", "", "refused", {}}));
  bench_->restart();
  const auto letters = book().dead_letters();
  ASSERT_TRUE(letters);
  ASSERT_EQ(letters->size(), 2u);
  const auto& first = letters->front();
  EXPECT_EQ(first.emitter, "stdout");
  EXPECT_EQ(first.position, 3);
  EXPECT_EQ(first.topic, "shop.public.a");
  EXPECT_EQ(first.key, "{\"id\":1}");
  EXPECT_EQ(first.value, bytes);
  EXPECT_EQ(first.reason, "too large");
  EXPECT_EQ(first.stored_at.size(), 24u) << first.stored_at;
  EXPECT_EQ(letters->back().reason, "refused");
}

TEST_P(BookContractTest, ServerRunsKeepTheirOrderAndComeOnce) {
  for (const char* run : {"b", "a", "b", "c"}) ASSERT_TRUE(book().note_server_run(run));
  bench_->restart();
  ASSERT_TRUE(book().note_server_run("a"));
  EXPECT_EQ(*book().server_runs(), (std::vector<std::string>{"b", "a", "c"}));
}

TEST_P(BookContractTest, OfAWriteThatFailsNothingIsThereAndTheNextOneIsWhole) {
  ASSERT_TRUE(book().add_destination("stdout", 1));
  bench_->fail_writes(true);
  const auto done = set({{"stdout", 2}});
  ASSERT_FALSE(done);
  EXPECT_TRUE(done.error().sqlstate == "58030" || done.error().sqlstate == "53100");
  EXPECT_FALSE(book().add_destination("file:/a", 0));
  EXPECT_FALSE(book().forget("stdout"));
  EXPECT_FALSE(book().rename("stdout", "other"));
  EXPECT_FALSE(book().add_dead_letter({"stdout", 1, "t", "k", "v", "r", {}}));
  EXPECT_FALSE(book().note_server_run("a"));
  EXPECT_FALSE(book().note_boot());
  bench_->fail_writes(false);
  EXPECT_EQ(checkpoints(), (Positions{{"stdout", 1}}));
  EXPECT_TRUE(book().dead_letters()->empty());
  EXPECT_TRUE(book().server_runs()->empty());
  ASSERT_TRUE(set({{"stdout", 2}}));
  bench_->restart();
  EXPECT_EQ(checkpoints(), (Positions{{"stdout", 2}}));
}

TEST_P(BookContractTest, AnyThreadMayWrite) {
  for (const char* name : {"a", "b", "c", "d"}) ASSERT_TRUE(book().add_destination(name, 0));
  std::vector<std::thread> threads;
  for (const char* name : {"a", "b", "c", "d"}) {
    threads.emplace_back([this, name] {
      for (Position position = 1; position <= 50; ++position) {
        EXPECT_TRUE(set({{name, position}}));
        EXPECT_TRUE(book().checkpoints());
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(checkpoints(), (Positions{{"a", 50}, {"b", 50}, {"c", 50}, {"d", 50}}));
}

INSTANTIATE_TEST_SUITE_P(Books, BookContractTest,
                         testing::Values(Kind{"Fake", [] { return std::unique_ptr<BookBench>(new FakeBench); }},
                                         Kind{"File", [] { return std::unique_ptr<BookBench>(new FileBench); }}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace weir::capture
