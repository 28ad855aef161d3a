#include "capture/session/session_catalog.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "capture/cascade.h"
#include "capture/event/gap_cause.h"
#include "capture/facts_shape.h"

namespace weir::capture {
namespace {

/// Plans kept per session; when there are more, all are forgotten and made anew.
constexpr std::size_t kMostPlans = 1000;

/// PostgreSQL manual, "Character Set Support": those that only clients may use.
bool hides_backslashes(std::string_view encoding) {
  constexpr std::string_view kClientOnly[] = {"SJIS", "SHIFT_JIS_2004", "BIG5", "GBK", "UHC", "GB18030", "JOHAB"};
  return std::find(std::begin(kClientOnly), std::end(kClientOnly), encoding) != std::end(kClientOnly);
}

}  // namespace

SessionCatalog::Planned SessionCatalog::plan(const std::shared_ptr<const ParsedText>& text,
                                             const Statement& statement) {
  take_newest_settings();
  if (seen_epoch_ != epoch_->load(std::memory_order_relaxed)) forget();
  const auto known = plans_.find(&statement);
  if (known != plans_.end() && !is_aged(known->second.asked)) return {known->second.plan, true};
  if (std::exchange(failed_, false)) {
    Plan unknown;
    unknown.how = Plan::How::gap;
    unknown.cause = to_text(event::GapCause::unknown_catalog);
    return {std::make_shared<const Plan>(std::move(unknown)), true};
  }
  Planned planned{.plan = nullptr, .missing = missing(*text, statement)};
  if (!planned.missing.empty()) return planned;
  planned.plan = known != plans_.end() ? known->second.plan : by_facts(*text, statement);
  planned.aged = aged(statement);
  return planned;
}

/// A transaction is captured by the same settings from its beginning to its end.
void SessionCatalog::take_newest_settings() {
  if (in_force_ == nullptr || std::exchange(settings_are_taken_, true)) return;
  const CaptureSettings& newest = in_force_->now();
  if (newest.epoch != std::exchange(settings_, &newest)->epoch) forget();
}

SessionCatalog::PlanPtr SessionCatalog::by_facts(const ParsedText& text, const Statement& statement) {
  std::vector<std::shared_ptr<const RelationFacts>> relations;
  for (const TableName& table : statement.tables) relations.push_back(facts_[quoted_name(table)].relation);
  std::vector<std::shared_ptr<const RelationFacts>> emptied;
  for (const TableName& table : statement.tables)
    if (table.cascades) emptied.push_back(facts_[cascade_name(table)].relation);
  return std::make_shared<const Plan>(make_plan({text.text, statement, relations, server_, scope(), emptied}));
}

/// That there is no such table holds for the message at hand only: somebody may make it at any time. (Not shorter: a
/// Query whose statements name several would ask for each again and again.)
void SessionCatalog::keep(const std::shared_ptr<const ParsedText>& text, const Statement& statement,
                          const PlanPtr& plan) {
  bool all_known = true;
  auto asked = std::chrono::milliseconds::max();
  for (const TableName& table : statement.tables) {
    const auto found = facts_.find(quoted_name(table));
    if (found == facts_.end()) continue;
    asked = std::min(asked, found->second.asked);
    all_known = all_known && found->second.relation;
  }
  if (facts_.size() >= kMostPlans)
    std::erase_if(facts_,
                  [this](const auto& known) { return !known.second.relation && known.second.message != message_; });
  if (!text->kept || !all_known) return;
  if (plans_.size() >= kMostPlans) plans_.clear();
  plans_[&statement] = {text, plan, asked};
}

bool SessionCatalog::is_aged(std::chrono::milliseconds asked) const {
  if (!clock_ || asked == std::chrono::milliseconds::max()) return false;
  return settings_->facts_max_age.count() == 0 || clock_() - asked > settings_->facts_max_age;
}

/// The target's facts say whether more of them is needed. That is found only once: `needed_texts_` remembers it.
std::vector<WantedFacts> SessionCatalog::missing(const ParsedText& text, const Statement& statement) const {
  std::vector<WantedFacts> missing;
  for (const TableName& table : statement.tables) {
    std::string name = quoted_name(table);
    const auto found = facts_.find(name);
    if (found == facts_.end() || !found->second.relation) {
      if (found != facts_.end() && found->second.message == message_) continue;
      const auto once = needed_texts_.find(name);
      missing.push_back({std::move(name), once == needed_texts_.end() ? FactsText::plain : once->second});
    } else if (&table == &statement.tables.front()) {
      const KnownFacts& known = found->second;
      const FactsText needed = needed_facts({text.text, statement, {known.relation}, server_, scope()});
      if (needed > known.text) missing.push_back({std::move(name), needed});
    }
  }
  for (const TableName& table : statement.tables) {
    if (!table.cascades) continue;
    const auto found = facts_.find(cascade_name(table));
    const bool known = found != facts_.end() && (found->second.message == message_ || !is_aged(found->second.asked));
    if (!known) missing.push_back({cascade_name(table), FactsText::plain});
  }
  return missing;
}

/// Those that are older than they may be, and were not asked for on behalf of this very message.
std::vector<WantedFacts> SessionCatalog::aged(const Statement& statement) const {
  std::vector<WantedFacts> aged;
  for (const TableName& table : statement.tables) {
    const std::string name = quoted_name(table);
    const auto found = facts_.find(name);
    const bool open = found != facts_.end() && found->second.relation && found->second.message != message_;
    const bool twice = std::any_of(aged.begin(), aged.end(), [&](const auto& one) { return one.name == name; });
    if (open && !twice && is_aged(found->second.asked)) aged.push_back({name, found->second.text});
  }
  return aged;
}

void SessionCatalog::asked(WantedFacts what) {
  asked_.push_back({std::move(what), clock_ ? clock_() : std::chrono::milliseconds(0)});
}

SessionCatalog::Check SessionCatalog::check(const std::string& name) {
  KnownFacts& known = facts_[name];
  known.message = message_;
  asked({name, known.text});
  return {known.text, known.relation->digest};
}

void SessionCatalog::answered(const wire::RowView& row) {
  server_.creation_schema = read_creation_schema(row, server_.server_encoding);
  auto facts = read_facts(row, server_.server_encoding);
  if (!facts) return;
  facts->shape = shape_of(*facts, scope());
  facts->types = {};  // the shape has them now
  answer_ = std::make_shared<const RelationFacts>(std::move(*facts));
}

void SessionCatalog::answer_ended(bool was_check) {
  if (asked_.empty()) return;
  const auto [what, asked] = std::move(asked_.front());
  asked_.pop_front();
  KnownFacts& known = facts_[what.name];
  const bool same = known.relation && answer_ && known.text == what.text && known.relation->digest == answer_->digest;
  if (!same && known.relation) plans_.clear();
  if (!same) known.relation = answer_;
  answer_.reset();
  known.text = what.text;
  note_needed(what, known.relation && known.relation->may_have_casts);
  known.asked = asked;
  if (!was_check) known.message = message_;
}

void SessionCatalog::answer_skipped() {
  if (!asked_.empty()) asked_.pop_front();
}

void SessionCatalog::note_needed(const WantedFacts& what, bool may_have_casts) {
  const FactsText needed = may_have_casts ? FactsText::whole : what.text;
  if (needed == FactsText::plain) return;
  if (needed_texts_.size() >= kMostPlans) needed_texts_.clear();
  FactsText& most = needed_texts_[what.name];
  most = std::max(most, needed);
}

void SessionCatalog::forget() {
  facts_.clear();
  plans_.clear();
  shapes_.drop_all();
  seen_epoch_ = epoch_->load(std::memory_order_relaxed);
}

void SessionCatalog::transaction_ended(bool aborted) {
  // A rollback undoes it, and SET LOCAL ends with a commit too.
  if (touched_) forget();
  // Other sessions see DDL only from here on: what they asked in between is what was before.
  if (changed_ && !aborted) epoch_->fetch_add(1, std::memory_order_relaxed);
  touched_ = changed_ = settings_are_taken_ = false;
}

void SessionCatalog::reported(std::string_view name, std::string_view value) {
  const ServerSettings before = server_;
  if (name == "server_version") {
    std::from_chars(value.data(), value.data() + value.size(), server_.version);
  } else if (name == "client_encoding") {
    reported_encoding_ = value;
    // Something that was sent meanwhile may have changed it again.
    if (!doubts_encoding()) server_.client_encoding = value;
    lexer_.hides_backslashes = hides_backslashes(value);
  } else if (name == "server_encoding") {
    server_.server_encoding = value;
  } else if (name == "standard_conforming_strings") {
    lexer_.standard_conforming_strings = value == "on";
  }
  if (before.client_encoding != server_.client_encoding || before.server_encoding != server_.server_encoding) forget();
}

void SessionCatalog::doubt_encoding() {
  if (!server_.client_encoding.empty()) forget();
  server_.client_encoding.clear();
}

void SessionCatalog::trust_encoding() {
  if (server_.client_encoding == reported_encoding_) return;
  server_.client_encoding = reported_encoding_;
  forget();
}

}  // namespace weir::capture
