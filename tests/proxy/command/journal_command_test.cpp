// weir journal …: on journals made by hand, whole and damaged, and on one that is written meanwhile.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "capture/journal/journal.h"
#include "proxy/command/subcommand.h"
#include "tests/capture/journal/contract.h"
#include "tests/support/child_process.h"

namespace weir::proxy {
namespace {

namespace fs = std::filesystem;
using capture::released;
using event::Position;

struct Ran {
  int code = 0;
  std::string out;
  std::string errors;
};

void expect_words(const std::string& text, const std::vector<std::string>& words) {
  for (const auto& word : words) EXPECT_NE(text.find(word), std::string::npos) << "\"" << word << "\" in\n" << text;
}

class JournalCommandTest : public testing::Test {
 protected:
  JournalCommandTest() { open(); }

  void open() {
    journal_.reset();
    auto opened = capture::open_journal({path(), capture::Durability::answer, 64 << 10});
    ASSERT_TRUE(opened) << opened.error().message;
    journal_ = std::make_unique<capture::Journal>(std::move(*opened));
  }
  void close() { journal_.reset(); }
  std::string path() const { return (folder_ / "journal").string(); }
  capture::EventLog& log() { return *journal_->log; }

  Ran run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "journal");
    arguments.insert(arguments.end(), {"--journal", path()});
    return run_all(arguments);
  }
  static Ran run_all(const std::vector<std::string>& arguments) {
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    Ran ran;
    ran.code = run_subcommand(arguments).value_or(-1);
    ran.out = testing::internal::GetCapturedStdout();
    ran.errors = testing::internal::GetCapturedStderr();
    return ran;
  }

  std::int64_t write(std::uint32_t events = 1) {
    const auto id = log().next_id();
    EXPECT_TRUE(log().write(capture::transaction(id, events), capture::rows(1, events), nullptr, nullptr));
    return id;
  }
  std::int64_t write_spilled(std::uint32_t events) {
    const auto id = log().next_id();
    auto spill = log().open_spill(id);
    EXPECT_TRUE(spill && (*spill)->append(capture::rows(1, events)));
    EXPECT_TRUE(log().write(capture::transaction(id, events), {}, std::move(*spill), nullptr));
    return id;
  }
  void note(const capture::LogOutcome& outcome) { ASSERT_TRUE(log().note({&outcome, 1})); }
  std::int64_t release(Position position, std::uint32_t events = 1) {
    const auto id = write(events);
    note(released(id, position));
    return id;
  }
  void add(const std::string& name, Position position) { ASSERT_TRUE(journal_->book->add_destination(name, position)); }
  std::string name_of(std::int64_t id) { return journal_->book->instance().substr(0, 16) + "-" + std::to_string(id); }
  /// Overwrites bytes of the first segment.
  void damage(std::streamoff at) {
    for (const auto& entry : fs::directory_iterator(path() + "/log")) {
      if (entry.path().filename() != "0000000000000000.log") continue;
      std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(at);
      file.write("damaged!", 8);
    }
  }

  test_support::TempFolder folder_{"journal_command_test"};
  std::unique_ptr<capture::Journal> journal_;
};

std::size_t lines(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

// -- the command line -----------------------------------------------------------------------------------------------

TEST_F(JournalCommandTest, WithoutAWordItIsLs) {
  EXPECT_EQ(run({}).out, run({"ls"}).out);
  EXPECT_EQ(run({}).code, 0);
}

TEST_F(JournalCommandTest, AWrongCommandLineIsSaidSo) {
  const std::vector<std::pair<std::vector<std::string>, std::vector<std::string>>> wrong{
      {{"journl", "ls"}, {"\"journl\" is no command", "\"journal\""}},
      {{"journal", "exprt"}, {"\"journal exprt\" is no command", "\"journal export\""}},
      {{"journal", "forget"}, {"weir journal forget DESTINATION"}},
      {{"journal", "forget", "a", "b"}, {"weir journal forget DESTINATION"}},
      {{"journal", "rename", "stdout"}, {"weir journal rename DESTINATION NEW"}},
      {{"journal", "ls", "stdout"}, {"weir journal ls"}},
      {{"journal", "show", "--json"}, {"--json is no flag"}},
      {{"journal", "ls"}, {"say which journal: --journal PATH"}},
      {{"journal", "ls", "--journal", "/nonexistent/j"}, {"there is no journal /nonexistent/j"}},
      {{"journal", "show", "x", "--journal", path()}, {"\"x\" is neither a position"}},
      {{"journal", "show", "0", "--journal", path()}, {"\"0\" is neither a position"}},
      {{"journal", "show", "0000000000000000-1", "--journal", path()}, {"is of another journal"}},
  };
  for (const auto& [arguments, words] : wrong) {
    const auto ran = run_all(arguments);
    EXPECT_EQ(ran.code, 2) << ran.errors;
    EXPECT_EQ(ran.out, "");
    expect_words(ran.errors, words);
  }
}

TEST_F(JournalCommandTest, EachOneSaysHowItIsCalled) {
  const auto ran = run_all({"journal", "export", "--help"});
  EXPECT_EQ(ran.code, 0);
  expect_words(ran.out, {"weir journal export [DESTINATION] --journal PATH | --config PATH"});
}

TEST_F(JournalCommandTest, TheConfigurationSaysWhichJournal) {
  const auto config = (folder_ / "weir.yaml").string();
  std::ofstream(config) << "journal:\n  path: " << path() << "\n";
  expect_words(run_all({"journal", "ls", "--config", config}).out, {path()});
}

TEST_F(JournalCommandTest, AFileOfAnEarlierVersionIsNamed) {
  const auto file = (folder_ / "old").string();
  std::ofstream(file) << "SQLite format 3";
  const auto ran = run_all({"journal", "ls", "--journal", file});
  EXPECT_EQ(ran.code, 2);
  expect_words(ran.errors, {file, "earlier versions", "takes it over"});
}

// -- ls -------------------------------------------------------------------------------------------------------------

TEST_F(JournalCommandTest, LsSaysWhereEverybodyStands) {
  add("stdout", 0);
  add("file:/a", 0);
  add("file:/gone", 1);
  ASSERT_TRUE(journal_->book->forget("file:/gone"));
  for (Position position = 1; position <= 5; ++position) release(position);
  const std::vector<capture::Checkpoint> checkpoints{{"stdout", 5}, {"file:/a", 3}};
  ASSERT_TRUE(journal_->book->set_checkpoints(checkpoints));
  write();
  const auto known = write();
  note(capture::acknowledged(known));
  const auto live = run({"ls"});
  expect_words(live.out, {"in use by process " + std::to_string(getpid()), "transactions 1 to 5 of the stream",
                          "1 in doubt or under way", "1 committed without a position yet", journal_->book->instance(),
                          "stdout               5  0 transactions", "file:/a              3  2 transactions",
                          "forgotten: file:/gone, which had up to 1"});
  close();
  const auto ran = run({"ls"});
  EXPECT_EQ(ran.code, 0) << ran.errors;
  expect_words(ran.out, {"not in use", "1 in doubt,"});
}

TEST_F(JournalCommandTest, LsForAMachine) {
  add("stdout", 0);
  release(1);
  release(2);
  write();
  const auto instance = journal_->book->instance();
  const auto live = run({"ls", "--json"});
  expect_words(live.out, {"\"in_use\":true,\"pid\":" + std::to_string(getpid())});
  close();
  const auto ran = run({"ls", "--json"});
  EXPECT_EQ(lines(ran.out), 1u);
  expect_words(ran.out,
               {"{\"path\":\"" + path() + "\",\"instance\":\"" + instance + "\"", "\"in_use\":false,\"pid\":null",
                "\"last_position\":2,\"erased_position\":0,\"in_doubt\":1,\"acknowledged\":0,\"bytes\":",
                "\"segments\":1,\"damaged\":false",
                "\"destinations\":[{\"name\":\"stdout\",\"position\":0,\"behind\":2}],\"forgotten\":[]}"});
}

TEST_F(JournalCommandTest, LsCountsTransactionsAndNotPositions) {
  add("stdout", 0);
  release(1);
  release(1000);
  expect_words(run({"ls", "--json"}).out, {"\"position\":0,\"behind\":2}"});
}

TEST_F(JournalCommandTest, LsOfANewOne) {
  expect_words(run({"ls"}).out, {"nothing of the stream, 0 in doubt"});
}

// -- forget and rename ----------------------------------------------------------------------------------------------

TEST_F(JournalCommandTest, ForgetAndRenameWaitForNobody) {
  add("stdout", 0);
  for (const auto& words : {std::vector<std::string>{"forget", "stdout"}, {"rename", "stdout", "file:/a"}}) {
    const auto ran = run(words);
    EXPECT_EQ(ran.code, 1);
    expect_words(ran.errors, {"in use by process " + std::to_string(getpid())});
  }
  EXPECT_EQ(journal_->book->checkpoints()->front().emitter, "stdout");
}

TEST_F(JournalCommandTest, ForgetLetsGo) {
  add("stdout", 7);
  add("file:/a", 3);
  close();
  const auto unknown = run({"forget", "kafka://a/b"});
  EXPECT_EQ(unknown.code, 1);
  expect_words(unknown.errors, {"knows no destination kafka://a/b", "stdout", "file:/a"});
  EXPECT_EQ(run({"forget", "stdout"}).code, 0);
  open();
  ASSERT_EQ(journal_->book->checkpoints()->size(), 1u);
  EXPECT_EQ(journal_->book->forgotten()->front().position, 7);
}

TEST_F(JournalCommandTest, RenameGoesOn) {
  add("file:/a", 3);
  add("stdout", 4);
  close();
  const auto taken = run({"rename", "file:/a", "stdout"});
  EXPECT_EQ(taken.code, 1);
  expect_words(taken.errors, {"has a destination stdout already"});
  EXPECT_EQ(run({"rename", "file:/a", "carrier-pigeon"}).code, 2);
  EXPECT_EQ(run({"rename", "file:/a", "file:/b"}).code, 0);
  open();
  EXPECT_EQ(journal_->book->checkpoints()->front().emitter, "file:/b");
  EXPECT_EQ(journal_->book->checkpoints()->front().position, 3);
}

TEST_F(JournalCommandTest, AnEmptyFolderIsNoJournalAndStaysEmpty) {
  const auto empty = (folder_ / "empty").string();
  fs::create_directory(empty);
  for (const std::vector<std::string>& words : {std::vector<std::string>{"ls"}, {"check"}, {"forget", "stdout"}}) {
    std::vector<std::string> arguments = words;
    arguments.insert(arguments.begin(), "journal");
    arguments.insert(arguments.end(), {"--journal", empty});
    const auto ran = run_all(arguments);
    EXPECT_EQ(ran.code, 2);
    expect_words(ran.errors, {"there is no journal in " + empty});
  }
  EXPECT_TRUE(fs::is_empty(empty));
}

TEST_F(JournalCommandTest, AFolderThatMayNotBeReadIsSaidSo) {
  ASSERT_EQ(getuid() == 0 ? 0 : chmod(path().c_str(), 0), 0);
  close();
  const pid_t child = fork();
  if (child == 0) {
    const bool refused = getuid() != 0 || setuid(65534) == 0;
    const auto ran = run({"ls"});
    _exit(refused && ran.code == 2 && ran.errors.find("Permission denied; run this as the user") != std::string::npos
              ? 0
              : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  ASSERT_EQ(chmod(path().c_str(), 0700), 0);
}

// -- dead letters ---------------------------------------------------------------------------------------------------

TEST_F(JournalCommandTest, DeadLettersAreLinesOfJson) {
  ASSERT_TRUE(
      journal_->book->add_dead_letter({"stdout", 3, "shop.public.t", "{\"id\":1}", "a\n\"b\"\xff", "too large", {}}));
  ASSERT_TRUE(journal_->book->add_dead_letter({"file:/a", 4, "t", "", "v", "r", {}}));
  const auto ran = run({"dead-letters"});
  EXPECT_EQ(ran.code, 0);
  EXPECT_EQ(lines(ran.out), 2u);
  expect_words(ran.out,
               {R"({"destination":"stdout","position":3,"topic":"shop.public.t","key":"{\"id\":1}","value":"a\n\"b\")",
                R"("reason":"too large","stored_at":"20)", "{\"destination\":\"file:/a\""});
}

// -- export ---------------------------------------------------------------------------------------------------------

TEST_F(JournalCommandTest, ExportIsTheStreamInItsOrder) {
  const auto first = write();
  const auto second = write(3);
  note(released(second, 1));
  note(released(first, 2));
  const auto aborted = write();
  note(capture::aborted(aborted));
  write();
  const auto acknowledged = write();
  note(capture::acknowledged(acknowledged));
  const auto ran = run({"export"});
  EXPECT_EQ(ran.code, 0);
  EXPECT_EQ(lines(ran.out), 4u) << ran.out;
  const auto at = [&](std::int64_t id, int place) {
    return ran.out.find("\"id\":\"" + name_of(id) + ":" + std::to_string(place) + "\"");
  };
  EXPECT_LT(at(second, 1), at(second, 3));
  EXPECT_LT(at(second, 3), at(first, 1));
  expect_words(ran.out, {R"("op":"insert","db":"shop","schema":"public","table":"orders","key":{"id":1})"});
  expect_words(ran.errors, {"1 transaction without a known outcome, not exported",
                            "1 transaction that committed and has no position yet"});
}

TEST_F(JournalCommandTest, ExportOfWhatADestinationHasNotGot) {
  add("stdout", 2);
  add("file:/a", 5);
  for (Position position = 1; position <= 5; ++position) release(position);
  EXPECT_EQ(lines(run({"export"}).out), 5u);
  EXPECT_EQ(lines(run({"export", "stdout"}).out), 3u);
  EXPECT_EQ(run({"export", "file:/a"}).out, "");
  const auto unknown = run({"export", "file:/b"});
  EXPECT_EQ(unknown.code, 1);
  expect_words(unknown.errors, {"knows no destination file:/b"});
}

TEST_F(JournalCommandTest, ExportOfALargeTransaction) {
  note(released(write_spilled(5000), 1));
  release(2);
  const auto ran = run({"export"});
  EXPECT_EQ(ran.code, 0) << ran.errors;
  EXPECT_EQ(lines(ran.out), 5001u);
}

TEST_F(JournalCommandTest, ALargeOneThatEverybodyHasMayBeGone) {
  add("stdout", 0);
  const auto id = write_spilled(10);
  note(released(id, 1));
  release(2);
  ASSERT_TRUE(log().sync());
  const auto spill = path() + "/spill/" + std::to_string(id);
  fs::remove(spill);
  const auto missed = run({"export"});
  EXPECT_EQ(missed.code, 1);
  expect_words(missed.errors, {"not exported: transaction 1 of the stream", spill});
  EXPECT_EQ(run({"check"}).code, 1);
  const capture::Checkpoint checkpoint{"stdout", 1};
  ASSERT_TRUE(journal_->book->set_checkpoints({&checkpoint, 1}));
  const auto ran = run({"export"});
  EXPECT_EQ(ran.code, 0);
  EXPECT_EQ(lines(ran.out), 1u);
  expect_words(ran.errors, {"1 large transaction that every destination has, not there any more"});
  EXPECT_EQ(run({"check"}).code, 0);
}

TEST_F(JournalCommandTest, ExportWithoutABookHasTheSameIds) {
  const auto id = release(1);
  const auto name = name_of(id);
  close();
  std::ofstream(path() + "/book.sqlite") << std::string(5000, 'x');
  const auto ran = run({"export"});
  EXPECT_EQ(ran.code, 0) << ran.errors;
  expect_words(ran.out, {"\"id\":\"" + name + ":1\""});
  EXPECT_EQ(run({"export", "stdout"}).code, 1);
}

// -- show -----------------------------------------------------------------------------------------------------------

TEST_F(JournalCommandTest, ShowIsForAPerson) {
  add("stdout", 1);
  const auto delivered = release(1);
  const auto second = release(2, 2);
  const auto doubtful = write();
  const auto ran = run({"show"});
  EXPECT_EQ(ran.code, 0);
  EXPECT_EQ(lines(ran.out), 5u) << ran.out;
  expect_words(ran.out, {name_of(second) + ": position 2, committed 2026-",
                         "lsn 0/7D0, database shop, user anne, psql, 2 events", "INSERT public.orders",
                         name_of(doubtful) + ": no outcome yet, written 2026-"});
  for (const auto& word : {std::string("1"), name_of(delivered), name_of(delivered) + ":1"}) {
    const auto one = run({"show", word});
    EXPECT_EQ(one.code, 0) << one.errors;
    EXPECT_EQ(lines(one.out), 2u) << one.out;
    expect_words(one.out, {name_of(delivered) + ": position 1"});
  }
  EXPECT_EQ(lines(run({"show", "1", name_of(doubtful)}).out), 4u);
  const auto missing = run({"show", "7", name_of(99)});
  EXPECT_EQ(missing.code, 1);
  expect_words(missing.errors, {"not in the journal", " 7 ", name_of(99)});
}

TEST_F(JournalCommandTest, ShowStatesAShapeInFrontOfItsFirstEvent) {
  const auto shaped = capture::shape("no\nte");
  for (Position position = 1; position <= 2; ++position) {
    const auto id = log().next_id();
    auto rows = capture::rows(1, 2);
    for (auto& row : rows) row.shape = shaped;
    ASSERT_TRUE(log().write(capture::transaction(id, 2), rows, nullptr, nullptr));
    note({released(id, position)});
  }
  const auto ran = run({"show", "1", "2"});
  EXPECT_EQ(ran.code, 0) << ran.errors;
  EXPECT_EQ(lines(ran.out), 7u) << ran.out;
  const auto said = ran.out.find("  shape f00df00df00df00d: public.orders: id int8 not null, no");
  ASSERT_NE(said, std::string::npos) << ran.out;
  EXPECT_LT(said, ran.out.find("INSERT public.orders"));
  expect_words(ran.out, {"varchar(20); key id\n"});
  EXPECT_EQ(lines(run({"export"}).out), 4u) << "lines of events alone";
}

// -- check ----------------------------------------------------------------------------------------------------------

TEST_F(JournalCommandTest, CheckOfAWholeOne) {
  for (Position position = 1; position <= 3; ++position) release(position, 2);
  note(released(write_spilled(100), 4));
  write();
  ASSERT_TRUE(log().sync());
  const auto ran = run({"check"});
  EXPECT_EQ(ran.code, 0) << ran.out;
  expect_words(ran.out, {"107 events of 5 transactions",
                         "readable positions of the stream: 1 to 4; without one: 1 transaction", "no damage"});
  const auto json = run({"check", "--json"});
  EXPECT_EQ(json.code, 0);
  expect_words(json.out,
               {"\"whole\":true,\"damage\":[],\"torn\":null",
                "\"events\":107,\"transactions\":4,\"without_position\":1", "\"readable\":[[1,4]],\"unreadable\":[]}"});
}

TEST_F(JournalCommandTest, CheckNamesTheFirstDamage) {
  const auto at = static_cast<std::streamoff>(log().end());
  release(1);
  for (Position position = 2; position <= 6; ++position) {
    release(position);
    ASSERT_TRUE(log().sync());
  }
  close();
  damage(at + 40);
  const auto segment = path() + "/log/0000000000000000.log";
  const auto ran = run({"check"});
  EXPECT_EQ(ran.code, 1);
  expect_words(ran.out, {"damaged: " + segment + ", byte " + std::to_string(at) + " (place " + std::to_string(at),
                         "not what was written", "readable positions of the stream: 2 to 6",
                         "positions that cannot be read: 1", "weir journal export saves"});
  const auto json = run({"check", "--json"});
  EXPECT_EQ(json.code, 1);
  expect_words(json.out,
               {"\"whole\":false,\"damage\":[{\"file\":\"" + segment + "\",\"byte\":" + std::to_string(at),
                "\"kind\":\"what is here is not what was written\"}]", "\"readable\":[[2,6]],\"unreadable\":[[1,1]]}"});
  const auto exported = run({"export"});
  EXPECT_EQ(exported.code, 1);
  EXPECT_EQ(lines(exported.out), 5u);
  expect_words(exported.errors, {"transaction 1 of the stream: its record is damaged", "the log is damaged at byte"});
  expect_words(run({"ls"}).out, {"damaged: weir journal check"});
  EXPECT_FALSE(capture::open_journal({path(), capture::Durability::answer}));
}

TEST_F(JournalCommandTest, AnEndThatWasNeverSyncedIsNoDamage) {
  release(1);
  ASSERT_TRUE(log().sync());
  const auto at = static_cast<std::streamoff>(log().end());
  write();
  write();
  close();
  damage(at + 40);
  const auto ran = run({"check"});
  EXPECT_EQ(ran.code, 0) << ran.out;
  expect_words(ran.out, {"the end is torn at byte " + std::to_string(at), "no damage"});
  EXPECT_TRUE(capture::open_journal({path(), capture::Durability::answer})) << "which says the same";
}

TEST_F(JournalCommandTest, CheckFindsADamagedSpill) {
  const auto id = write_spilled(100);
  note(released(id, 1));
  ASSERT_TRUE(log().sync());
  close();
  const auto spill = path() + "/spill/" + std::to_string(id);
  std::fstream(spill, std::ios::in | std::ios::out | std::ios::binary).seekp(200).write("damaged!", 8);
  const auto ran = run({"check"});
  EXPECT_EQ(ran.code, 1);
  expect_words(ran.out, {"damaged: " + spill, "positions that cannot be read: 1"});
}

TEST_F(JournalCommandTest, CheckFindsADamagedBook) {
  release(1);
  close();
  std::ofstream(path() + "/book.sqlite") << std::string(5000, 'x');
  const auto ran = run({"check"});
  EXPECT_EQ(ran.code, 1);
  expect_words(ran.out, {"damaged: " + path() + "/book.sqlite", "readable positions of the stream: 1"});
}

TEST_F(JournalCommandTest, CheckWithoutALog) {
  close();
  fs::remove_all(path() + "/log");
  for (const char* word : {"ls", "check", "show", "export"}) {
    const auto ran = run({word});
    EXPECT_EQ(ran.code, 1) << word;
    expect_words(ran.errors, {"there is no log", path()});
  }
}

// -- while a Weir writes --------------------------------------------------------------------------------------------

/// Another process that writes, releases, delivers and lets go, in segments of 64 kB, until it is killed.
class Writer {
 public:
  explicit Writer(const std::string& path) : child_(fork()) {
    if (child_ != 0) return;
    auto journal = capture::open_journal({path, capture::Durability::process, 64 << 10});
    if (!journal || !journal->book->add_destination("stdout", 0)) _exit(1);
    auto& log = *journal->log;
    for (Position position = 1; position < 10'000'000; ++position) {
      const auto id = log.next_id();
      const bool large = position % 97 == 0;
      auto spill = large ? std::move(*log.open_spill(id)) : nullptr;
      if (large && !spill->append(capture::rows(1, 50))) _exit(2);
      const std::uint32_t first = large ? 51 : 1;
      if (!log.write(capture::transaction(id, first + 2), capture::rows(first, first + 2), std::move(spill), nullptr))
        _exit(3);
      const auto outcome = released(id, position);
      if (!log.note({&outcome, 1})) _exit(4);
      if (position % 200 != 0) continue;
      const capture::Checkpoint checkpoint{"stdout", position - 100};
      if (!log.sync() || !journal->book->set_checkpoints({&checkpoint, 1}) || !log.keep_from(position - 100)) _exit(5);
    }
    _exit(0);
  }
  ~Writer() {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }

 private:
  pid_t child_;
};

/// The numbers of the transactions whose first event is among these lines, in their order.
std::vector<std::int64_t> transactions_in(const std::string& lines) {
  std::vector<std::int64_t> found;
  for (std::size_t at = lines.find("\"id\":\""); at != std::string::npos; at = lines.find("\"id\":\"", at + 1)) {
    const auto id = lines.substr(at + 6, lines.find('"', at + 6) - at - 6);
    const auto colon = id.find(':');
    if (id.substr(colon) == ":1") found.push_back(std::stoll(id.substr(id.find('-') + 1)));
  }
  return found;
}

/// Without a hole, but for large ones that were delivered while they were looked for, and for what `errors` says is
/// gone.
void expect_whole(const std::vector<std::int64_t>& numbers, const std::string& errors) {
  for (std::size_t i = 1; i < numbers.size(); ++i) {
    auto next = numbers[i - 1] + 1;
    if (next % 97 == 0 && numbers[i] != next) ++next;
    if (numbers[i] == next) continue;
    const auto told = [&](std::int64_t first) {
      return errors.find("transactions " + std::to_string(first) + " to ") != std::string::npos;
    };
    ASSERT_TRUE(told(next) || told(numbers[i - 1] + 1)) << numbers[i - 1] << " to " << numbers[i] << ": " << errors;
  }
}

TEST_F(JournalCommandTest, ALiveJournalIsReadAsItIs) {
  close();
  const Writer writer(path());
  std::int64_t last = 0;
  int exports = 0;
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::minutes(2);  // however slow the disk is
  while ((last < 20'000 || exports < 10) && std::chrono::steady_clock::now() < give_up) {
    const auto check = run({"check"});
    if (check.errors.find("there is no") != std::string::npos) continue;  // the writer has not begun
    EXPECT_EQ(check.code, 0) << check.out << check.errors;
    const auto exported = run({"export", "stdout"});
    if (exported.errors.find("knows no destination") != std::string::npos) continue;
    EXPECT_EQ(exported.code, 0) << exported.errors;
    const auto numbers = transactions_in(exported.out);
    expect_whole(numbers, exported.errors);
    exports += numbers.empty() ? 0 : 1;
    last = numbers.empty() ? last : numbers.back();
    for (const char* word : {"ls", "show"}) {
      const auto ran = run({word});
      EXPECT_EQ(ran.code, 0) << word << ": " << ran.errors;
    }
  }
  EXPECT_GE(last, 20'000);
  EXPECT_GE(exports, 10);
}

}  // namespace
}  // namespace weir::proxy
