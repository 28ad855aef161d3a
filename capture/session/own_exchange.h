// A question of Weir's own to the database, asked in an exchange of its own: where it comes from, its answer row by
// row, and who is told. One at a time. Used on the session's thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "capture/session/session.h"
#include "wire/message.h"

namespace weir::capture {

class OwnExchange {
 public:
  /// Null: none waits for a session.
  explicit OwnExchange(QuestionSource* source) : source_(source) {}

  bool one_waits() const { return source_ != nullptr && source_->has_question(); }
  std::optional<Question> take_one() { return source_->take_question(); }

  const Question& begin(Question question) {
    asked_ = std::make_unique<Asked>(Asked{std::move(question), std::vector<Question::Row>()});
    return asked_->question;
  }
  void add(const wire::RowView& columns) {
    if (!asked_ || !asked_->answer) return;
    auto& row = asked_->answer->emplace_back();
    for (const auto& column : columns) row.push_back(column ? std::optional(std::string(*column)) : std::nullopt);
  }
  void failed(Error error) {
    if (asked_) asked_->answer = std::move(error);
  }
  /// Whoever asked is told.
  void ended() {
    if (const auto asked = std::move(asked_)) asked->question.answered(std::move(asked->answer));
  }

 private:
  struct Asked {
    Question question;
    Result<std::vector<Question::Row>> answer;
  };
  QuestionSource* source_;
  std::unique_ptr<Asked> asked_;
};

}  // namespace weir::capture
