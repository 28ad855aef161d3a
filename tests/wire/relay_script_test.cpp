// The script itself: that it finds what it is there to find.
#include "tests/support/relay_script.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/wire/bytes.h"
#include "wire/frame.h"

namespace weir::testing {
namespace {

using wire::Engine;
using wire::Turn;

/// Relays whole frames of the client and everything of the database; what it gets wrong is up to the test.
class FrameEngine : public Engine {
 public:
  std::size_t from_client(std::string_view received, Turn& turn) override {
    std::size_t consumed = 0;
    while (!stalled_) {
      const wire::FrameHeader header = wire::read_header(received.substr(consumed));
      if (header.state != wire::FrameHeader::State::valid || received.size() - consumed < header.size) break;
      turn.to_upstream.relay(received.substr(consumed, header.size));
      consumed += header.size;
      if (header.type == stall_at) stalled_ = true;
    }
    return consumed;
  }
  std::size_t from_upstream(std::string_view received, Turn& turn) override {
    turn.to_client.relay(received);
    if (stalled_ && received.ends_with('!')) stalled_ = false;
    return received.size();
  }
  wire::Standing standing() const override { return {.stalled = stalled_}; }
  void client_finished(Turn& turn) override { turn.to_upstream.buffer().append("<end>"); }

  void resume(Turn& turn) {
    turn.to_client.buffer().append("<resumed>");
    stalled_ = false;
  }

  char stall_at = '\0';

 private:
  bool stalled_ = false;
};

std::unique_ptr<FrameEngine> stalling_at(char type) {
  auto engine = std::make_unique<FrameEngine>();
  engine->stall_at = type;
  return engine;
}

std::unique_ptr<Engine> plain() {
  return std::make_unique<FrameEngine>();
}

const std::string kSync = frame('S');
const std::string kQuery = frame('Q', cstring("SELECT 1"));

TEST(RelayScript, OffersKeptBytesWhenTheDatabaseEndsAStall) {
  RelayScript script;
  script.client_sends(kSync + kQuery + kSync)
      .expect_upstream(kSync)
      .expect_stalled()
      .upstream_sends("answer!")
      .expect_client("answer!")
      .expect_upstream(kQuery + kSync)
      .expect_stalled();
  EXPECT_EQ(script.replay([] { return stalling_at('S'); }), "");
}

TEST(RelayScript, OffersKeptBytesWhenAnActionEndsAStall) {
  RelayScript script;
  script.client_sends(kSync + kQuery)
      .client_finishes()
      .expect_upstream(kSync)
      .on("the journal answers", [](Engine& engine, Turn& turn) { dynamic_cast<FrameEngine&>(engine).resume(turn); })
      .expect_client("<resumed>")
      .expect_upstream(kQuery + "<end>")
      .expect_stalled(false);
  EXPECT_EQ(script.replay([] { return stalling_at('S'); }), "");
}

TEST(RelayScript, SaysWhereBytesDiffer) {
  RelayScript script;
  script.client_sends(kSync).expect_upstream(kSync).upstream_sends("abc").expect_client("abX");
  const std::string problem = script.replay(plain);
  EXPECT_EQ(problem,
            "whole reads, step 3: bytes to the client differ after 2 equal ones:\n"
            "  expected \"X\"\n  got      \"c\"");
}

TEST(RelayScript, FindsBytesThatNobodyExpected) {
  RelayScript at_the_end;
  at_the_end.client_sends(kSync);
  EXPECT_NE(at_the_end.replay(plain), "");
  RelayScript at_the_other_peer;
  at_the_other_peer.client_sends(kSync).upstream_sends("abc").expect_client("abc").upstream_sends("d").expect_client(
      "d");
  EXPECT_NE(at_the_other_peer.replay(plain).find("step 2: bytes to the database differ"), std::string::npos);
}

TEST(RelayScript, FindsBytesThatNeverCame) {
  RelayScript script;
  script.client_sends(kSync.substr(0, 3)).expect_upstream(kSync);
  EXPECT_NE(script.replay(plain), "");
}

TEST(RelayScript, FindsAStallAndItsAbsence) {
  RelayScript stalled;
  stalled.client_sends(kSync).expect_upstream(kSync).expect_stalled(false);
  EXPECT_NE(stalled.replay([] { return stalling_at('S'); }), "");
  RelayScript not_stalled;
  not_stalled.client_sends(kSync).expect_upstream(kSync).expect_stalled();
  EXPECT_NE(not_stalled.replay(plain), "");
}

/// Wrong in ways that only some reads show.
class Misbehaving : public Engine {
 public:
  enum class How { needs_whole_reads, cannot_read_three_bytes, consumes_too_much, closes };
  explicit Misbehaving(How how) : how_(how) {}

  std::size_t from_client(std::string_view received, Turn& turn) override {
    if (how_ == How::cannot_read_three_bytes && received.size() == 3) {
      turn.to_upstream.buffer().append("oops");
    } else if (how_ != How::needs_whole_reads || received.size() >= kSync.size()) {
      turn.to_upstream.relay(received);
    }
    turn.close = how_ == How::closes;
    return received.size() + (how_ == How::consumes_too_much ? 1 : 0);
  }
  std::size_t from_upstream(std::string_view received, Turn&) override { return received.size(); }

 private:
  How how_;
};

TEST(RelayScript, FindsWhatOnlyCertainReadsShow) {
  RelayScript script;
  script.client_sends(kSync).expect_upstream(kSync);
  const auto problem = [&](Misbehaving::How how) {
    return script.replay([how] { return std::make_unique<Misbehaving>(how); });
  };
  EXPECT_TRUE(problem(Misbehaving::How::needs_whole_reads).starts_with("one byte at a time"));
  // Five bytes: the first split with a piece of three is 2 and 3.
  EXPECT_TRUE(problem(Misbehaving::How::cannot_read_three_bytes).starts_with("step 0 split after byte 2"));
  EXPECT_NE(problem(Misbehaving::How::consumes_too_much).find("consumed more than it was given"), std::string::npos);
  EXPECT_NE(problem(Misbehaving::How::closes).find("closes the session"), std::string::npos);
}

/// Counts how it is read and how it ends.
class Recording : public Engine {
 public:
  Recording(std::multiset<std::size_t>& reads, int& ends) : reads_(reads), ends_(ends) {}
  std::size_t from_client(std::string_view received, Turn&) override {
    reads_.insert(received.size());
    return received.size();
  }
  std::size_t from_upstream(std::string_view received, Turn&) override { return received.size(); }
  void upstream_gone() override { ++ends_; }

 private:
  std::multiset<std::size_t>& reads_;
  int& ends_;
};

TEST(RelayScript, ReplaysEverySplitOfEveryRead) {
  std::multiset<std::size_t> reads;
  int ends = 0;
  RelayScript script;
  script.client_sends("abcd");
  EXPECT_EQ(script.replay([&] { return std::make_unique<Recording>(reads, ends); }), "");
  // Whole: 4. One byte at a time: 1 1 1 1. Split: 1 3, 2 2, 3 1.
  EXPECT_EQ(reads, (std::multiset<std::size_t>{4, 1, 1, 1, 1, 1, 3, 2, 2, 3, 1}));
  EXPECT_EQ(ends, 5) << "each replay ends with upstream_gone, once";
}

TEST(RelayScript, TellsTheEngineOnceThatTheDatabaseIsGone) {
  std::multiset<std::size_t> reads;
  int ends = 0;
  RelayScript script;
  script.client_sends("a").upstream_closes();
  EXPECT_EQ(script.replay([&] { return std::make_unique<Recording>(reads, ends); }), "");
  EXPECT_EQ(ends, 2) << "a whole read, and one of one byte";
}

TEST(RelayScript, CutsTheSessionShortAfterEachStep) {
  std::multiset<std::size_t> reads;
  int ends = 0;
  std::vector<std::size_t> cuts;
  RelayScript script;
  script.client_sends("a").expect_client("").expect_upstream("").client_sends("bc");
  const auto lost = [&](std::size_t steps) {
    cuts.push_back(steps);
    EXPECT_EQ(ends, int(cuts.size())) << "the engine is gone by then";
  };
  EXPECT_EQ(script.replay_cut_short([&] { return std::make_unique<Recording>(reads, ends); }, lost), "");
  EXPECT_EQ(cuts, (std::vector<std::size_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(reads, (std::multiset<std::size_t>{1, 1, 1, 1, 2}));
}

TEST(Printable, ShowsBytesAsALiteralWould) {
  EXPECT_EQ(printable(std::string_view("a\0\\\xff", 4)), "a\\x00\\x5c\\xff");
  EXPECT_TRUE(printable(std::string(1000, 'x')).ends_with("… (1000 bytes)"));
}

}  // namespace
}  // namespace weir::testing
