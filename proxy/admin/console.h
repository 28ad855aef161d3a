// A session of the console: the engine of the database name `weir`. The login was the database's own, by the user's own
// password (see "Decisions" in the README); from then on nothing of the client's reaches the database but Terminate.
//
// Answers SHOW and orders, in simple and extended queries, all columns as text. The database's connection stays open
// beside it and idle: what it says on its own (its end, say) is relayed. Sans-I/O; used by its session's worker.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/admin/show.h"
#include "wire/engine.h"

namespace weir::proxy {

class Console final : public wire::Engine {
 public:
  struct Options {
    std::function<Snapshot()> look;
    ConsoleOrders orders;
    /// Runs something on this session's thread, with a turn; nothing where the session is gone by then.
    std::function<void(std::function<void(wire::Turn&)>)> later;
    /// Why this user gets no console: told in place of it, FATAL; nothing where it does.
    std::optional<Error> refusal;
  };
  explicit Console(Options options) : options_(std::move(options)) {}

  std::size_t from_client(std::string_view received, wire::Turn& turn) override;
  std::size_t from_upstream(std::string_view received, wire::Turn& turn) override;
  wire::Standing standing() const override {
    return {.stalled = !greeted_ || then_,
            .idle = !then_,
            .between_messages = upstream_body_ == 0,
            .client_frame_size = frame_size_};
  }

 private:
  struct Portal {
    ConsoleStatement statement;
    std::optional<ConsoleTable> table;  // once it has run
    std::size_t next = 0;
  };

  void answer(char type, std::string_view body, std::string& out);
  void query(std::string_view text, std::string& out);
  void go_on(std::string& out);
  void run_query(const std::string& text, std::string& out);
  void tell_query(const ConsoleStatement& statement, const Result<ConsoleTable>& table, std::string& out);
  void execute(Portal& portal, std::int32_t row_limit, std::string& out);
  void begin(const ConsoleStatement& statement, std::function<void(Result<ConsoleTable>, std::string& out)> then);
  Result<void> extended(char type, std::string_view body, std::string& out);
  Result<void> parse(std::string_view body, std::string& out);
  Result<void> bind(std::string_view body, std::string& out);
  Result<void> describe(std::string_view body, std::string& out);
  Result<void> execute(std::string_view body, std::string& out);
  Result<void> close(std::string_view body, std::string& out);

  Options options_;
  std::map<std::string, ConsoleStatement> statements_;
  std::map<std::string, Portal> portals_;
  std::vector<std::string> rest_;                                     // of a Query, the last first
  std::function<void(Result<ConsoleTable>, std::string& out)> then_;  // a statement takes its time; empty: none does
  bool greeted_ = false;                                              // the database's first ReadyForQuery was relayed
  bool skips_ = false;                                                // after an error, up to Sync
  std::size_t upstream_body_ = 0;                                     // of the database's current frame, still to come
  std::size_t frame_size_ = 0;
};

}  // namespace weir::proxy
