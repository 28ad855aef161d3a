// The gate of those tests that have no session around: it notes what it is told, and answers as it was told to.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "capture/gate.h"

namespace weir::capture {

class NotingGate : public CommitGate {
 public:
  std::int64_t open() override {
    said.push_back("open " + std::to_string(++last));
    return last;
  }
  void append(std::int64_t id, std::vector<event::ChangeEvent> events) override {
    said.push_back("append " + std::to_string(id) + ": " + std::to_string(events.size()));
    for (event::ChangeEvent& event : events) written.push_back(std::move(event));
  }
  void truncate(std::int64_t id, std::uint32_t ordinal) override {
    said.push_back("truncate " + std::to_string(id) + " from " + std::to_string(ordinal));
  }
  std::optional<Result<void>> prepare(event::Transaction transaction, std::vector<event::ChangeEvent> rest) override {
    said.push_back("prepare " + std::to_string(transaction.id) + ": " + std::to_string(rest.size()));
    for (event::ChangeEvent& event : rest) written.push_back(std::move(event));
    run = transaction.server_run;
    if (!answers) return std::nullopt;
    return answer;
  }
  bool may_be_told(std::int64_t) override { return told; }
  void reopen(std::int64_t id) override { said.push_back("reopen " + std::to_string(id)); }
  void outcome(std::int64_t id, Outcome outcome) override {
    const char* const words[] = {"committed", "aborted", "unknown"};
    said.push_back(words[int(outcome)] + (" " + std::to_string(id)));
  }
  void report(event::Transaction transaction, event::ChangeEvent gap) override {
    said.push_back("report at " + std::to_string(transaction.last_lsn) + ": " + gap.cause);
  }

  std::vector<std::string> take() { return std::exchange(said, {}); }

  std::vector<std::string> said;
  std::vector<event::ChangeEvent> written;  ///< all that was appended or came with a prepare
  bool answers = true;
  Result<void> answer;
  bool told = true;
  std::string run;
  std::int64_t last = 0;
};

}  // namespace weir::capture
