#include "tests/support/relay_script.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace weir::testing {
namespace {

/// Longer reads are split only near their ends, and in pieces larger than a byte.
constexpr std::size_t kMaxSplits = 2048;

constexpr std::size_t kPrintedBytes = 160;

std::string difference(std::string_view peer, std::string_view expected, std::string_view got) {
  if (expected == got) return {};
  const auto [in_expected, in_got] = std::mismatch(expected.begin(), expected.end(), got.begin(), got.end());
  const auto equal = std::size_t(in_expected - expected.begin());
  return "bytes to the " + std::string(peer) + " differ after " + std::to_string(equal) +
         " equal ones:\n  expected \"" + printable(expected.substr(equal)) + "\"\n  got      \"" +
         printable(got.substr(equal)) + "\"";
}

}  // namespace

std::string printable(std::string_view bytes) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (const char byte : bytes.substr(0, kPrintedBytes)) {
    const auto code = static_cast<unsigned char>(byte);
    if (code >= 0x20 && code < 0x7f && byte != '\\') {
      out.push_back(byte);
    } else {
      out.append("\\x").append({kHex[code >> 4], kHex[code & 15]});
    }
  }
  if (bytes.size() > kPrintedBytes) out.append("… (").append(std::to_string(bytes.size())).append(" bytes)");
  return out;
}

/// How the bytes of the sends are cut into reads.
struct RelayScript::Reading {
  std::string name;
  std::size_t step = 0;    // the one that is cut; steps_.size(): each of them
  std::size_t at = 0;      // where; 0: nowhere
  bool in_pieces = false;  // into pieces of a byte, or as many as are allowed
};

/// One replay: the I/O's part.
class RelayScript::Run {
 public:
  explicit Run(std::unique_ptr<wire::Engine> engine) : engine_(std::move(engine)) {}
  ~Run() {
    if (!gone_) engine_->upstream_gone();
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  /// Empty, or what is wrong.
  std::string take(const Step& step, bool last_of_expectations, std::size_t piece, std::size_t at) {
    switch (step.kind) {
      case Kind::client_sends:
        return send(client_, step.bytes, piece, at);
      case Kind::upstream_sends:
        return send(upstream_, step.bytes, piece, at);
      case Kind::expect_client:
        client_.expected.append(step.bytes);
        break;
      case Kind::expect_upstream:
        upstream_.expected.append(step.bytes);
        break;
      case Kind::on:
        return act(step.action);
      case Kind::stalled:
        if (engine_->standing().stalled != step.stalled)
          return step.stalled ? "the engine is not stalled" : "the engine is stalled";
        break;
      case Kind::close:
        close_expected_ = true;
        break;
      case Kind::finish:
        client_finishing_ = true;
        return finish_client();
      case Kind::gone:
        gone_ = true;
        engine_->upstream_gone();
        break;
    }
    return last_of_expectations ? judge() : std::string();
  }

  std::string judge() const {
    if (closed_ != close_expected_) return closed_ ? "the engine closes the session" : "the engine closes nothing";
    const std::string problem = difference("client", client_.expected, client_.written);
    return problem.empty() ? difference("database", upstream_.expected, upstream_.written) : problem;
  }

 private:
  struct Peer {
    std::string kept;      // received, not consumed
    std::string written;   // to this peer
    std::string expected;  // to have been written
  };

  std::string send(Peer& from, std::string_view bytes, std::size_t piece, std::size_t at) {
    while (!bytes.empty() && !closed_) {
      const std::size_t size = std::min(at != 0 ? at : piece, bytes.size());
      at = 0;
      from.kept.append(bytes.substr(0, size));
      bytes.remove_prefix(size);
      if (&from == &client_ && engine_->standing().stalled) continue;
      if (std::string problem = offer(from); !problem.empty()) return problem;
    }
    return {};
  }

  std::string offer(Peer& from) {
    // A buffer of exactly this size, gone after the turn, so that sanitizers see reads beyond it and views kept.
    const std::vector<char> buffer(from.kept.begin(), from.kept.end());
    const std::string_view received(buffer.data(), buffer.size());
    std::size_t consumed = 0;
    std::string problem = in_turn([&](wire::Turn& turn) {
      consumed = &from == &client_ ? engine_->from_client(received, turn) : engine_->from_upstream(received, turn);
      from.kept.erase(0, std::min(consumed, received.size()));
    });
    return consumed > received.size() ? "the engine consumed more than it was given" : problem;
  }

  /// Where it ends a stall of the database's side, what that had sent meanwhile is offered again.
  std::string act(const Action& action) {
    const bool was_stalled = engine_->standing().upstream_stalled;
    std::string problem = in_turn([&](wire::Turn& turn) { action(*engine_, turn); });
    const bool goes_on = was_stalled && !engine_->standing().upstream_stalled && !upstream_.kept.empty();
    return problem.empty() && goes_on ? offer(upstream_) : problem;
  }

  template <typename Call>
  std::string in_turn(Call call) {
    const bool was_stalled = engine_->standing().stalled;
    wire::Turn turn;
    call(turn);
    client_.written.append(turn.to_client.bytes());
    upstream_.written.append(turn.to_upstream.bytes());
    closed_ = closed_ || turn.close;
    if (closed_) return {};
    if (was_stalled && !engine_->standing().stalled && !client_.kept.empty()) return offer(client_);
    return finish_client();
  }

  std::string finish_client() {
    if (!client_finishing_ || !client_.kept.empty()) return {};
    client_finishing_ = false;
    return in_turn([&](wire::Turn& turn) { engine_->client_finished(turn); });
  }

  std::unique_ptr<wire::Engine> engine_;
  Peer client_;
  Peer upstream_;
  bool closed_ = false;
  bool close_expected_ = false;
  bool client_finishing_ = false;
  bool gone_ = false;
};

RelayScript& RelayScript::add(Step step) {
  steps_.push_back(std::move(step));
  return *this;
}

RelayScript& RelayScript::client_sends(std::string bytes) {
  return add({Kind::client_sends, std::move(bytes), {}});
}

RelayScript& RelayScript::upstream_sends(std::string bytes) {
  return add({Kind::upstream_sends, std::move(bytes), {}});
}

RelayScript& RelayScript::expect_client(std::string bytes) {
  return add({Kind::expect_client, std::move(bytes), {}});
}

RelayScript& RelayScript::expect_upstream(std::string bytes) {
  return add({Kind::expect_upstream, std::move(bytes), {}});
}

RelayScript& RelayScript::on(std::string name, Action action) {
  return add({Kind::on, std::move(name), std::move(action)});
}

RelayScript& RelayScript::expect_stalled(bool stalled) {
  return add({Kind::stalled, {}, {}, stalled});
}

RelayScript& RelayScript::expect_close() {
  return add({Kind::close, {}, {}});
}

RelayScript& RelayScript::client_finishes() {
  return add({Kind::finish, {}, {}});
}

RelayScript& RelayScript::upstream_closes() {
  return add({Kind::gone, {}, {}});
}

std::vector<RelayScript::Reading> RelayScript::readings() const {
  std::vector<Reading> all{{"whole reads"}, {"one byte at a time", steps_.size(), 0, true}};
  for (std::size_t step = 0; step < steps_.size(); ++step) {
    if (steps_[step].kind != Kind::client_sends && steps_[step].kind != Kind::upstream_sends) continue;
    const std::size_t size = steps_[step].bytes.size();
    for (std::size_t at = 1; at < size; ++at) {
      if (at > kMaxSplits / 2 && at < size - std::min(size, kMaxSplits / 2)) continue;
      all.push_back({"step " + std::to_string(step) + " split after byte " + std::to_string(at), step, at});
    }
  }
  return all;
}

std::string RelayScript::replay_once(const MakeEngine& make, const Reading& reading, std::size_t steps) const {
  const ::testing::ScopedTrace trace(__FILE__, __LINE__, reading.name);
  const auto is_expectation = [&](std::size_t i) {
    const Kind kind = steps_[i].kind;
    return kind == Kind::expect_client || kind == Kind::expect_upstream || kind == Kind::close || kind == Kind::stalled;
  };
  Run run(make());
  std::string problem;
  std::size_t i = 0;
  for (; i < steps && problem.empty(); ++i) {
    const std::size_t size = steps_[i].bytes.size();
    const std::size_t piece = reading.in_pieces ? std::max<std::size_t>(1, size / kMaxSplits) : size;
    const bool judged = i + 1 < steps && is_expectation(i) && !is_expectation(i + 1);
    problem = run.take(steps_[i], judged, piece, reading.step == i ? reading.at : 0);
  }
  if (problem.empty() && steps == steps_.size()) problem = run.judge();
  return problem.empty() ? problem : reading.name + ", step " + std::to_string(i - 1) + ": " + problem;
}

std::string RelayScript::replay(const MakeEngine& make) const {
  for (const Reading& reading : readings())
    if (std::string problem = replay_once(make, reading, steps_.size()); !problem.empty()) return problem;
  return {};
}

std::string RelayScript::replay_cut_short(const MakeEngine& make, const std::function<void(std::size_t)>& lost) const {
  for (std::size_t steps = 0; steps <= steps_.size(); ++steps) {
    const Reading reading{"cut short after " + std::to_string(steps) + " steps"};
    if (std::string problem = replay_once(make, reading, steps); !problem.empty()) return problem;
    const ::testing::ScopedTrace trace(__FILE__, __LINE__, reading.name);
    lost(steps);
  }
  return {};
}

}  // namespace weir::testing
