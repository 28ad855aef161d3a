#include "capture/session/own_statements.h"

#include <utility>

namespace weir::capture {

OwnStatement OwnStatements::parse(std::string_view text, std::string_view types, Pending pending, const Sender& send) {
  OwnStatement own{prefix_ + std::to_string(++names_), true};
  pending.makes = own.name;
  send.parse(own.name, text, types, std::move(pending));
  return own;
}

const OwnStatement& OwnStatements::facts(FactsText text, const Sender& send) {
  OwnStatement& own = facts_.at(std::size_t(text));
  if (!own.sent) own = parse(facts_query(text), wire::kNoParameterTypes, {.purpose = Purpose::facts}, send);
  return own;
}

const OwnStatement& OwnStatements::commit_question(std::uint8_t place, std::string_view text, const Sender& send) {
  if (commit_questions_.size() <= place) commit_questions_.resize(place + std::size_t(1));
  OwnStatement& own = commit_questions_[place];
  if (!own.sent)
    own = parse(text, wire::kNoParameterTypes, {.purpose = Purpose::epilogue, .commit_question = place}, send);
  return own;
}

void OwnStatements::run(const OwnStatement& own, std::span<const std::string> values, Asking asking,
                        const Sender& send) const {
  send.bind_texts(portal_, own.name, values, {.purpose = asking.purpose});
  send.execute(portal_, {.purpose = asking.purpose, .commit_question = asking.commit_question});
  send.close('P', portal_, {.purpose = asking.purpose});
}

void OwnStatements::run_once(std::string_view text, std::span<const std::string> values, Asking asking,
                             const Sender& send) {
  OwnStatement own = parse(text, wire::kNoParameterTypes, {.purpose = asking.purpose}, send);
  run(own, values, asking, send);
  close(std::move(own.name), send);
}

void OwnStatements::close(std::string name, const Sender& send) {
  left_behind_.push_back(std::move(name));
  for (std::string& left : std::exchange(left_behind_, {})) {
    Pending pending{.purpose = Purpose::tidy};
    pending.closes = left;
    send.close('S', left, std::move(pending));
  }
}

void OwnStatements::close_one_left(const Sender& send) {
  if (left_behind_.empty()) return;
  std::string last = std::move(left_behind_.back());
  left_behind_.pop_back();
  close(std::move(last), send);
}

void OwnStatements::let_go(OwnStatement& own, const Sender& send) {
  if (!own.sent || outlive_exchange()) return;
  close(own.name, send);
  own.sent = false;
}

void OwnStatements::let_go_facts(const Sender& send) {
  for (OwnStatement& own : facts_) let_go(own, send);
}

void OwnStatements::skipped(Pending& skipped) {
  if (!skipped.closes.empty()) left_behind_.push_back(std::move(skipped.closes));
  if (skipped.makes.empty()) return;
  for (OwnStatement& own : facts_) own.sent &= own.name != skipped.makes;
  for (OwnStatement& own : commit_questions_) own.sent &= own.name != skipped.makes;
}

void OwnStatements::hide(std::vector<std::string> twins, const std::vector<std::string>& shapes, const Sender& send) {
  std::vector<std::string> names = std::move(twins);
  for (OwnStatement& own : commit_questions_)
    if (std::exchange(own.sent, false)) names.push_back(own.name);
  for (OwnStatement& own : facts_)
    if (std::exchange(own.sent, false)) names.push_back(own.name);
  for (const std::vector<std::string>& more : {shapes, std::exchange(left_behind_, {})})
    names.insert(names.end(), more.begin(), more.end());
  for (std::string& name : names) close(std::move(name), send);
}

void OwnStatements::are_gone() {
  for (OwnStatement& own : commit_questions_) own.sent = false;
  for (OwnStatement& own : facts_) own.sent = false;
}

void OwnStatements::may_be_gone() {
  for (const OwnStatement& own : commit_questions_)
    if (own.sent) left_behind_.push_back(own.name);
  for (const OwnStatement& own : facts_)
    if (own.sent) left_behind_.push_back(own.name);
  are_gone();
}

bool OwnStatements::note_backend(std::string_view process_id) {
  const bool pooled = process_id != backend_;
  if (pooling_ != Pooling::pooled) pooling_ = pooled ? Pooling::pooled : Pooling::none;
  return pooled;
}

void OwnStatements::missing() {
  pooling_ = Pooling::pooled;
  are_gone();
}

}  // namespace weir::capture
