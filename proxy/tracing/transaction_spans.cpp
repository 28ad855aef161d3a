#include "proxy/tracing/transaction_spans.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/text.h"

namespace weir::proxy {

namespace {

/// The traces of the events: the first, which is the parent, and the others. Events of one statement have the same
/// tags.
std::vector<TraceContext> contexts_of(std::span<const event::ChangeEvent> events) {
  std::vector<TraceContext> contexts;
  const std::string* last = nullptr;
  for (const auto& change : events) {
    if (change.tags.empty() || (last != nullptr && *last == change.tags)) continue;
    last = &change.tags;
    auto context = trace_context_of(change.tags);
    if (!context || std::find(contexts.begin(), contexts.end(), *context) != contexts.end()) continue;
    contexts.push_back(std::move(*context));
    if (contexts.size() > TransactionSpans::kMostLinks) break;
  }
  return contexts;
}

/// Empty where there are several, or not all events are here.
std::string only_table(const event::Transaction& transaction, std::span<const event::ChangeEvent> events) {
  if (events.empty() || events.size() < transaction.event_count) return {};
  const auto& first = events.front();
  const bool same = std::all_of(events.begin(), events.end(), [&](const event::ChangeEvent& one) {
    return one.table == first.table && one.schema == first.schema;
  });
  return same ? event::qualified_table(first) : std::string();
}

std::vector<SpanAttribute> attributes_of(const event::Transaction& transaction,
                                         std::span<const event::ChangeEvent> events) {
  std::vector<SpanAttribute> attributes = {
      {"db.system.name", "postgresql"}, {"db.namespace", transaction.database}, {"db.operation.name", "COMMIT"}};
  if (auto table = only_table(transaction, events); !table.empty())
    attributes.push_back({"db.collection.name", std::move(table)});
  attributes.push_back({"weir.events", std::int64_t(transaction.event_count)});
  attributes.push_back({"weir.position", transaction.position});
  if (transaction.xid != 0) attributes.push_back({"weir.txid", static_cast<std::int64_t>(transaction.xid)});
  if (transaction.last_lsn != 0) attributes.push_back({"weir.lsn", event::to_text(transaction.last_lsn)});
  return attributes;
}

}  // namespace

std::string TransactionSpans::new_id() {
  std::uint64_t bits = 0;
  while (bits == 0) bits = random_();  // zero is no id
  return hex(bits);
}

void TransactionSpans::begin_destination(const std::string& name, const std::string& system) {
  auto& destination = destinations_[name];
  destination.system = system;
  ++destination.begun;
}

void TransactionSpans::end_destination(const std::string& name) {
  const auto found = destinations_.find(name);
  if (found == destinations_.end() || --found->second.begun > 0) return;
  given_up_ += found->second.open.size();
  destinations_.erase(found);
}

void TransactionSpans::committed(const event::Transaction& transaction, std::span<const event::ChangeEvent> events,
                                 std::vector<Span>& spans) {
  const auto contexts = contexts_of(events);
  if (contexts.empty() || !contexts.front().sampled) return;
  const auto& parent = contexts.front();
  Span span;
  span.trace_id = parent.trace_id;
  span.id = new_id();
  span.parent_id = parent.span_id;
  span.parent_is_remote = true;
  span.state = parent.state;
  span.name = "COMMIT " + transaction.database;
  span.kind = Span::Kind::client;
  span.end_us = transaction.committed_us;
  span.start_us = std::min(transaction.prepared_us, span.end_us);  // somebody may have set the clock
  span.attributes = attributes_of(transaction, events);
  for (auto other = contexts.begin() + 1; other != contexts.end(); ++other)
    span.links.push_back({other->trace_id, other->span_id});
  for (auto& [name, destination] : destinations_) {
    destination.open.push_back({transaction.position, transaction.committed_us, std::int64_t(transaction.event_count),
                                span.trace_id, span.id, span.state});
    if (destination.open.size() <= kMostOpen) continue;
    destination.open.pop_front();
    ++given_up_;
  }
  spans.push_back(std::move(span));
}

void TransactionSpans::delivered(const std::string& destination, event::Position through, std::int64_t at_us,
                                 std::vector<Span>& spans) {
  const auto found = destinations_.find(destination);
  if (found == destinations_.end()) return;
  const auto& system = found->second.system;
  auto& open = found->second.open;
  for (; !open.empty() && open.front().position <= through; open.pop_front()) {
    auto& one = open.front();
    Span span;
    span.trace_id = std::move(one.trace_id);
    span.id = new_id();
    span.parent_id = std::move(one.parent_id);
    span.state = std::move(one.state);
    span.name = "send " + system;
    span.kind = Span::Kind::producer;
    span.start_us = one.committed_us;
    span.end_us = std::max(at_us, one.committed_us);
    span.attributes = {{"messaging.system", system},
                       {"messaging.operation.name", "send"},
                       {"messaging.operation.type", "send"},
                       {"messaging.batch.message_count", one.events},
                       {"weir.destination", destination}};
    spans.push_back(std::move(span));
  }
}

}  // namespace weir::proxy
