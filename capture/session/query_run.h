// A Query that runs in parts (steps), so that its commit can be held; the client sees a Query's answer. A step is
// either one statement, as Parse/Bind/Describe/Execute of the unnamed statement, or a group: several statements one
// behind the other, or one that must be a Query, sent as a Query inside a block. Where the client has no block open a
// group makes Weir open one: a Query of several statements is one to the server as well, so nothing in it can tell the
// difference, but for transaction control, which is why that never stands behind.
//
// Says which step is next and what its text is; keeps what the client sees only later; knows neither gate nor facts.
// Used on the session's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "capture/plan.h"
#include "capture/session/block.h"
#include "capture/session/pending.h"
#include "capture/sql/statement.h"

namespace weir::capture {

/// Would behave differently in the extended protocol, or has an answer there that a Query has not.
bool must_be_query(const Statement& statement, const Plan* plan);

class QueryRun {
 public:
  using Text = std::shared_ptr<const ParsedText>;
  using Plans = std::vector<std::shared_ptr<const Plan>>;

  QueryRun(Text text, Plans plans) : text_(std::move(text)), plans_(std::move(plans)) {}

  const Text& text() const { return text_; }
  std::size_t size() const { return text_->statements.size(); }
  /// The statement to send next; one past the last when all were sent.
  std::size_t next() const { return next_; }
  bool all_sent() const { return next_ == size(); }
  const Statement& statement() const { return text_->statements[next_]; }
  const std::shared_ptr<const Plan>& plan(std::size_t index) const { return plans_[index]; }
  void set_plan(std::size_t index, std::shared_ptr<const Plan> plan) { plans_[index] = std::move(plan); }

  /// One past the last statement of the group that can be sent next; next() where a single one is sent as ever.
  std::size_t group_end(const Block& block) const;
  struct Step {
    std::string text;
    std::shared_ptr<Execution> execution;
  };
  /// Positions in errors count characters of `encoding`, the text's.
  Step take_group(std::size_t end, std::string_view encoding);
  Step take_single(std::string_view encoding);
  /// As an execution of its shape: only where it is the only statement.
  void take_shape();
  /// The answers that come next are those of the group's next statement.
  void begin_statement(Pending& group) const;

  /// Whether an error's position in the step is another one in the whole of the Query, and which. Counted from 1.
  bool shifts(const Pending& pending) const;
  std::size_t position(const Pending& pending, std::size_t position, std::string_view encoding) const;

  void fail() { failed_ = true; }
  /// An error ends what is not sent yet.
  void fail_unless_finished() { failed_ |= !finished_; }
  bool failed() const { return failed_; }
  /// Weir has opened a block for it.
  void open_block() { own_block_ = true; }
  bool own_block() const { return own_block_; }
  /// Its Sync was sent; it stays until ReadyForQuery, which shows what was held.
  void finish() { finished_ = true; }
  bool finished() const { return finished_; }

  /// RowDescription comes when the first row or the end does: rows of a write are collected before any of them is sent.
  void keep_description(std::string frame) { description_ = std::move(frame); }
  std::string take_description() { return std::exchange(description_, {}); }
  /// The last CommandComplete, true only once the commit is.
  void hold_complete(std::string_view frame) { complete_ = frame; }
  std::string take_complete() { return std::exchange(complete_, {}); }
  /// In a Query the server has these wait for its end.
  void hold_notification(std::string_view frame) { notifications_ += frame; }
  std::string take_notifications() { return std::exchange(notifications_, {}); }
  /// ParameterStatus comes before ReadyForQuery, of which there are several and the client sees the last.
  void hold_status(std::string_view name, std::string_view frame);
  std::vector<std::pair<std::string, std::string>> take_statuses() { return std::exchange(statuses_, {}); }

 private:
  bool joins_group(std::size_t index) const;
  std::size_t begin_of_step() const;

  Text text_;
  Plans plans_;
  std::size_t next_ = 0;
  std::size_t offset_ = 0;  // characters before the running step
  std::string description_;
  std::string complete_;
  std::string notifications_;
  std::vector<std::pair<std::string, std::string>> statuses_;  // by name
  bool failed_ = false;
  bool own_block_ = false;
  bool finished_ = false;
};

/// What the client was told that its settings are: names and values of all ParameterStatus that it has seen.
class ToldSettings {
 public:
  /// False where it knows.
  bool tell(std::string_view name, std::string_view value);

 private:
  std::string told_;  // name and value, each with a zero behind it
};

}  // namespace weir::capture
