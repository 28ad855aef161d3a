// A dialogue between a client and a database with an engine in between, written once and replayed with every split of
// every read. Stands in for the I/O: keeps what the engine did not consume, offers it again after a stall, writes what
// the turns hold.
//
//     RelayScript script;
//     script.client_sends(query).expect_upstream(query)
//         .upstream_sends(answer).expect_client(answer);
//     EXPECT_EQ(script.replay([] { return std::make_unique<wire::Relay>(); }), "");
//
// At each expectation all bytes written so far, to both peers, must be exactly those expected so far; expectations that
// stand side by side are judged together. A script says nothing about reads and writes, only about bytes, so it must
// hold however they are cut. The engine is made anew for each replay; an `on` step is where the test acts from outside
// (a journal that answers, for example) or looks at its own fixtures, with EXPECT_… as anywhere.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "wire/engine.h"

namespace weir::testing {

class RelayScript {
 public:
  using MakeEngine = std::function<std::unique_ptr<wire::Engine>()>;
  /// The turn's bytes are written, and if it ended a stall the client's kept bytes are offered again.
  using Action = std::function<void(wire::Engine&, wire::Turn&)>;

  RelayScript& client_sends(std::string bytes);
  RelayScript& upstream_sends(std::string bytes);
  RelayScript& expect_client(std::string bytes);
  RelayScript& expect_upstream(std::string bytes);
  RelayScript& on(std::string name, Action action);
  RelayScript& expect_stalled(bool stalled = true);
  /// The engine has set Turn::close. What is sent afterwards does not reach it.
  RelayScript& expect_close();
  /// The client half-closes; the engine hears of it once all its bytes are consumed.
  RelayScript& client_finishes();
  /// The database's socket is gone. Without this step it is gone at the end of the script.
  RelayScript& upstream_closes();

  /// Whole reads, one byte at a time, and each read split at each place. Empty, or what went wrong first and where.
  [[nodiscard]] std::string replay(const MakeEngine& make) const;
  /// Once for each step: everything up to it, then the session is lost. `lost` gets the number of steps that were
  /// taken, after the engine is gone.
  [[nodiscard]] std::string replay_cut_short(const MakeEngine& make,
                                             const std::function<void(std::size_t steps)>& lost) const;

 private:
  enum class Kind { client_sends, upstream_sends, expect_client, expect_upstream, on, stalled, close, finish, gone };
  struct Step {
    Kind kind;
    std::string bytes;  // or the name of an action
    Action action;
    bool stalled = false;
  };
  struct Reading;
  class Run;

  RelayScript& add(Step step);
  std::vector<Reading> readings() const;
  std::string replay_once(const MakeEngine& make, const Reading& reading, std::size_t steps) const;

  std::vector<Step> steps_;
};

/// Bytes as a C++ string literal shows them, cut where they are long.
std::string printable(std::string_view bytes);

}  // namespace weir::testing
