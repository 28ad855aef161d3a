#include "capture/session/query_run.h"

#include <algorithm>

#include "capture/encoding.h"

namespace weir::capture {
namespace {

/// Longer texts of one statement are sent as a group too: in the extended protocol the server copies what it has
/// parsed.
constexpr std::size_t kLongStatement = 32u << 10;
/// No statement is added to a group of so many bytes.
constexpr std::size_t kLargestGroup = 1u << 20;

/// Means something else in a block of Weir's than in the server's own for a Query.
bool is_control(const Statement& statement) {
  return controls_transaction(statement.kind);
}

/// Its text stays to be seen, or it shows that of what runs.
bool stands_alone(const Statement& statement) {
  const bool names = statement.kind == StatementKind::session && !statement.needs_own_query &&
                     (statement.drops_all_statements || !statement.name.empty());
  return names || statement.keeps_text || statement.shows_text;
}

/// Characters, not bytes: what positions in errors count.
std::size_t characters(std::string_view client_text, std::string_view encoding) {
  const auto text = to_utf8(client_text, encoding);
  if (!text) return client_text.size();
  return std::size_t(std::count_if(text->begin(), text->end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string_view suffix_of(const Plan* plan) {
  return plan && plan->how == Plan::How::returning ? std::string_view(plan->suffix) : std::string_view();
}

}  // namespace

bool must_be_query(const Statement& statement, const Plan* plan) {
  return statement.needs_own_query || statement.has_parameters || (plan && plan->how == Plan::How::gap);
}

bool QueryRun::joins_group(std::size_t index) const {
  const Statement& statement = text_->statements[index];
  const Plan* plan = plans_[index].get();
  if (is_control(statement) || (needs_plan(statement) && plan == nullptr)) return false;
  if (plan != nullptr && !plan->lock_query.empty()) return false;
  const bool first = index == next_;
  if (stands_alone(statement)) return first && (statement.shows_text || must_be_query(statement, plan));
  return first || !statement.shows_statements;
}

std::size_t QueryRun::group_end(const Block& block) const {
  const auto& statements = text_->statements;
  const std::size_t first = next_;
  const auto rest = statements.begin() + std::ptrdiff_t(first);
  if (block.is_failed() || (!block.is_open() && std::any_of(rest, statements.end(), is_control))) return first;
  std::size_t end = first;
  std::size_t size = 0;
  while (end < statements.size() && size < kLargestGroup && joins_group(end)) {
    const Statement& statement = statements[end];
    size += statement.end - statement.begin + suffix_of(plans_[end].get()).size();
    ++end;
    if (changes_catalog(statement.kind) || stands_alone(statement)) break;
  }
  if (end != first + 1 || size > kLongStatement) return end;
  const Statement& only = statements[first];
  // In the extended protocol pg_cursors shows the portal that it is read with.
  const bool needs =
      must_be_query(only, plans_[first].get()) || (only.needs_block && !block.is_open()) || only.shows_text;
  return needs ? end : first;
}

/// Where the text of the next step begins in the whole.
std::size_t QueryRun::begin_of_step() const {
  return next_ == 0 ? 0 : text_->statements[next_].begin;
}

QueryRun::Step QueryRun::take_group(std::size_t end, std::string_view encoding) {
  const auto& statements = text_->statements;
  const std::string_view whole = text_->text;
  Step step{{}, std::make_shared<Execution>(Execution{.text = text_})};
  Execution& execution = *step.execution;
  execution.first = execution.next = next_;
  execution.end = end;
  execution.in_group = true;
  std::size_t at = begin_of_step();
  offset_ = characters(whole.substr(0, at), encoding);
  std::size_t size = whole.size() - at;
  for (std::size_t i = next_; i < end; ++i) size += suffix_of(plans_[i].get()).size();
  step.text.reserve(size);
  for (std::size_t i = next_; i < end; ++i) {
    step.text += whole.substr(at, statements[i].end - at);
    step.text += suffix_of(plans_[i].get());
    at = statements[i].end;
    execution.captures |= plans_[i] && plans_[i]->how != Plan::How::none;
  }
  // As it came, to the last comment, where nothing has to be added to it.
  if (end == statements.size() && !step.text.empty() && suffix_of(plans_[end - 1].get()).empty())
    step.text += whole.substr(at);
  next_ = end;
  return step;
}

QueryRun::Step QueryRun::take_single(std::string_view encoding) {
  const Statement& statement = text_->statements[next_];
  const auto& plan = plans_[next_];
  const std::string_view whole = text_->text;
  const std::string_view suffix = suffix_of(plan.get());
  const bool spliced = plan && plan->how == Plan::How::returning;
  const bool alone = size() == 1 && !spliced;
  const std::size_t begin = begin_of_step();
  Step step{std::string(alone ? whole : whole.substr(begin, statement.end - begin)),
            std::make_shared<Execution>(Execution{.text = text_, .statement = &statement, .plan = plan})};
  step.text += suffix;
  offset_ = characters(whole.substr(0, begin), encoding);
  ++next_;
  return step;
}

void QueryRun::take_shape() {
  offset_ = 0;
  next_ = 1;
}

void QueryRun::begin_statement(Pending& group) const {
  Execution& execution = *group.execution;
  if (execution.next >= execution.end) return;
  execution.statement = &execution.text->statements[execution.next];
  execution.plan = plans_[execution.next];
  group.spliced = execution.plan && execution.plan->how == Plan::How::returning;
}

bool QueryRun::shifts(const Pending& pending) const {
  return offset_ > 0 || (pending.execution && pending.execution->in_group);
}

std::size_t QueryRun::position(const Pending& pending, std::size_t position, std::string_view encoding) const {
  if (!pending.execution || !pending.execution->in_group) return position + offset_;
  const auto& statements = text_->statements;
  const std::string_view whole = text_->text;
  const std::size_t first = pending.execution->first;
  std::size_t at = first == 0 ? 0 : statements[first].begin;
  std::size_t added = 0;
  std::size_t behind = 0;  // the end of the pieces so far, in the step's text
  for (std::size_t i = first; i < pending.execution->end; ++i) {
    behind += characters(whole.substr(at, statements[i].end - at), encoding);
    at = statements[i].end;
    if (position <= behind) break;
    const std::size_t suffix = characters(suffix_of(plans_[i].get()), encoding);
    // Inside of what Weir added: the place it was added to.
    added += std::min(suffix, position - behind);
    behind += suffix;
    if (position <= behind) break;
  }
  return position - added + offset_;
}

void QueryRun::hold_status(std::string_view name, std::string_view frame) {
  std::erase_if(statuses_, [name](const auto& held) { return held.first == name; });
  statuses_.emplace_back(name, frame);
}

bool ToldSettings::tell(std::string_view name, std::string_view value) {
  for (std::size_t at = 0; at < told_.size();) {
    const std::string_view known_name = told_.c_str() + at;
    const std::string_view known = told_.c_str() + at + known_name.size() + 1;
    const std::size_t size = known_name.size() + known.size() + 2;
    if (known_name != name) {
      at += size;
      continue;
    }
    if (known == value) return false;
    told_.erase(at, size);
    break;
  }
  (told_ += name) += '\0';
  (told_ += value) += '\0';
  return true;
}

}  // namespace weir::capture
