#include "tests/support/validators.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cctype>
#include <stdexcept>
#include <tuple>

namespace weir::test_support {
namespace {

namespace json = boost::json;

constexpr std::size_t most_violations = 12;

void complain(Violations& violations, const std::string& sentence) {
  if (violations.size() < most_violations) violations.push_back(sentence);
  if (violations.size() == most_violations) violations.push_back("… and more");
}

/// Walks over the top level of an object or array; what is nested stays one piece of text.
class Pieces {
 public:
  explicit Pieces(const std::string& text) : text_(text) {
    boost::system::error_code malformed;
    json::parse(text, malformed);
    if (malformed) throw std::runtime_error("no JSON: " + text);
    at_ = text.find_first_of("{[") + 1;
  }

  /// Up to the next of `:`, `,` or the end of this level; false behind the last one.
  bool next(std::string& piece) {
    piece.clear();
    int depth = 0;
    for (bool quoted = false; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (quoted) {
        if (c == '\\') piece.push_back(text_[at_++]);
        quoted = c != '"';
      } else if (depth == 0 && (c == ',' || c == ':' || c == '}' || c == ']')) {
        break;
      } else {
        quoted = c == '"';
        depth += c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0;
      }
      if (quoted || !std::isspace(static_cast<unsigned char>(c)) || depth > 0) piece.push_back(text_[at_]);
    }
    ++at_;
    return !piece.empty();
  }

 private:
  const std::string& text_;
  std::size_t at_ = 0;
};

std::string canonical_or_empty(const std::string& value) {
  return value == "null" ? "" : canonical(value);
}

std::string root_of(const std::string& table, const std::map<std::string, std::string>& roots) {
  const auto found = roots.find(table);
  return found == roots.end() ? table : found->second;
}

// The send times are the only thing that a redelivery may change.
std::string content_of(json::object value) {
  for (const char* name : {"ts_ms", "ts_us", "ts_ns"}) value.erase(name);
  return json::serialize(value);
}

std::string text_of(const json::value& value) {
  return std::string(value.as_string());
}

StreamEvent to_event(const KafkaRecord& record, const std::map<std::string, std::string>& roots) {
  const auto value = json::parse(*record.value).as_object();
  const auto& source = value.at("source").as_object();
  const auto& weir = value.at("weir").as_object();
  StreamEvent event;
  event.topic = record.topic;
  event.partition = record.partition;
  event.write.table = root_of(text_of(source.at("schema")) + "." + text_of(source.at("table")), roots);
  event.write.op = text_of(value.at("op")).at(0);
  event.write.key = record.key ? canonical(*record.key) : "";
  event.write.after = canonical_or_empty(members_of(*record.value).at("after"));
  event.xid = source.at("txId").to_number<std::uint64_t>();
  event.lsn = source.at("lsn").to_number<std::uint64_t>();
  event.total_order = value.at("transaction").at("total_order").to_number<std::int64_t>();
  const auto& transaction = value.at("transaction").as_object();
  if (transaction.contains("last") != transaction.contains("event_count"))
    throw std::runtime_error("last and event_count need each other");
  if (transaction.contains("last")) {
    if (!transaction.at("last").as_bool()) throw std::runtime_error("last is false");
    event.last = transaction.at("event_count").to_number<std::int64_t>();
  }
  event.statement_order = weir.at("statement_order").to_number<std::int64_t>();
  event.id = text_of(weir.at("id"));
  event.fidelity = text_of(weir.at("fidelity"));
  event.content = content_of(value);
  event.raw = *record.value;
  event.key = record.key.value_or("");
  if (text_of(value.at("transaction").at("id")) != std::to_string(event.xid))
    throw std::runtime_error("transaction.id is not source.txId");
  if (record.header("weir-id") != event.id) throw std::runtime_error("header weir-id is not weir.id");
  if (record.header("weir-txid") != std::to_string(event.xid))
    throw std::runtime_error("header weir-txid is not source.txId");
  return event;
}

Boundary to_boundary(const KafkaRecord& record) {
  const auto value = json::parse(*record.value).as_object();
  Boundary boundary;
  boundary.status = text_of(value.at("status"));
  boundary.xid = std::stoull(text_of(value.at("id")));
  if (boundary.status == "BEGIN") return boundary;
  boundary.event_count = value.at("event_count").to_number<std::int64_t>();
  for (const auto& collection : value.at("data_collections").as_array()) {
    boundary.collections[text_of(collection.at("data_collection"))] +=
        collection.at("event_count").to_number<std::int64_t>();
  }
  return boundary;
}

std::string name_of(const Write& write) {
  return write.table + " " + write.key;
}

std::map<std::uint64_t, std::vector<const StreamEvent*>> by_transaction(const Stream& stream) {
  std::map<std::uint64_t, std::vector<const StreamEvent*>> transactions;
  for (const auto& event : stream.events) transactions[event.xid].push_back(&event);
  for (auto& [xid, events] : transactions) {
    std::stable_sort(events.begin(), events.end(),
                     [](const auto* a, const auto* b) { return a->total_order < b->total_order; });
  }
  return transactions;
}

bool same_write(Write ours, Write theirs, const std::set<std::string>& loose_ops) {
  if (loose_ops.count(ours.table) != 0 && ours.op != 'd' && theirs.op != 'd') ours.op = theirs.op;
  return ours == theirs;
}

/// Brings what follows each other in one of the tables into one order.
template <typename Element, typename WriteOf>
void regroup(std::vector<Element>& elements, const std::set<std::string>& tables, WriteOf write_of) {
  const auto order = [&](const Element& element) {
    const Write& write = write_of(element);
    return std::tuple(write.op != 'd', write.key, write.after);
  };
  for (auto begin = elements.begin(); begin != elements.end();) {
    const std::string& table = write_of(*begin).table;
    const auto end =
        std::find_if(begin, elements.end(), [&](const Element& element) { return write_of(element).table != table; });
    if (tables.contains(table))
      std::stable_sort(begin, end, [&](const Element& a, const Element& b) { return order(a) < order(b); });
    begin = end;
  }
}

void compare_transaction(std::uint64_t xid, std::vector<const StreamEvent*> events, const Oracle& oracle,
                         const std::set<std::string>& loose_ops, const std::set<std::string>& regrouped,
                         Violations& violations) {
  std::vector<std::pair<Write, std::string>> expected;
  for (std::size_t i = 0; i < oracle.transactions.at(xid).size(); ++i)
    expected.emplace_back(oracle.transactions.at(xid)[i], oracle.images.at(xid)[i]);
  const auto name = "transaction " + std::to_string(xid);
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (events[i]->total_order != static_cast<std::int64_t>(i + 1))
      complain(violations, name + ", event " + std::to_string(i + 1) + ": total_order is " +
                               std::to_string(events[i]->total_order));
  }
  regroup(expected, regrouped, [](const auto& write) -> const Write& { return write.first; });
  regroup(events, regrouped, [](const auto* event) -> const Write& { return event->write; });
  if (events.size() != expected.size()) {
    complain(violations, name + " has " + std::to_string(events.size()) + " events for " +
                             std::to_string(expected.size()) + " writes");
  }
  for (std::size_t i = 0; i < std::min(events.size(), expected.size()); ++i) {
    const auto& event = *events[i];
    const auto& [write, image] = expected[i];
    const auto place = name + ", write " + std::to_string(i + 1) + ": ";
    if (!same_write(event.write, write, loose_ops)) {
      complain(violations, place + "the event is " + to_text(event.write) + ", the write was " + to_text(write));
    } else if (!image.empty() && event.raw.find("\"after\":" + image + ",") == std::string::npos) {
      complain(violations, place + "the image is not the server's own text " + image);
    }
  }
}

}  // namespace

std::string to_text(const Write& write) {
  return std::string(1, write.op) + " " + write.table + " " + write.key + " " + write.after;
}

Members members_of(const std::string& json_object) {
  Pieces pieces(json_object);
  Members members;
  for (std::string name, value; pieces.next(name) && pieces.next(value);) {
    const bool is_string = value.front() == '"';
    members[std::string(json::parse(name).as_string())] = is_string ? json::serialize(json::parse(value)) : value;
  }
  return members;
}

std::vector<std::string> elements_of(const std::string& json_array) {
  Pieces pieces(json_array);
  std::vector<std::string> elements;
  for (std::string element; pieces.next(element);) elements.push_back(element);
  return elements;
}

std::string canonical(const Members& members) {
  std::string out = "{";
  for (const auto& [name, value] : members) out += (out.size() == 1 ? "" : ",") + name + ":" + value;
  return out + "}";
}

void Oracle::add(std::uint64_t xid, const Write& write, const std::string& image) {
  transactions[xid].push_back(write);
  images[xid].push_back(image);
  if (!write.key.empty()) versions[name_of(write)].push_back(xid);
}

std::set<std::uint64_t> Stream::transactions() const {
  std::set<std::uint64_t> xids;
  for (const auto& event : events) xids.insert(event.xid);
  return xids;
}

Stream read_stream(const std::vector<KafkaRecord>& records, const std::string& prefix,
                   const std::map<std::string, std::string>& roots) {
  Stream stream;
  for (const auto& record : records) {
    if (!record.value) continue;  // see check_tombstones
    try {
      if (record.topic == prefix + ".transaction") {
        stream.boundaries.push_back(to_boundary(record));
      } else if (record.topic == prefix + ".gap") {
        stream.gaps.push_back(*record.value);
      } else if (record.topic != prefix + ".resolved" && record.topic != prefix + ".schema") {
        stream.events.push_back(to_event(record, roots));
      }
    } catch (const std::exception& error) {
      complain(stream.malformed, record.topic + " offset " + std::to_string(record.offset) + ": " + error.what() +
                                     " in " + *record.value);
    }
  }
  return stream;
}

Violations check_transactions(const Stream& stream, const Oracle& oracle, const std::set<std::string>& loose_ops,
                              const std::set<std::string>& regrouped) {
  Violations violations = stream.malformed;
  const auto transactions = by_transaction(stream);
  for (const auto& [xid, writes] : oracle.transactions) {
    if (transactions.count(xid) == 0) {
      complain(violations,
               "transaction " + std::to_string(xid) + " is missing; it began with " + to_text(writes.front()));
    }
  }
  for (const auto& [xid, events] : transactions) {
    if (oracle.transactions.count(xid) == 0) {
      complain(violations, "transaction " + std::to_string(xid) + " was never committed; its event is " +
                               to_text(events.front()->write));
    } else {
      compare_transaction(xid, events, oracle, loose_ops, regrouped, violations);
    }
  }
  return violations;
}

Violations check_deletes_first(const Stream& stream) {
  Violations violations;
  for (const auto& [xid, events] : by_transaction(stream)) {
    std::set<std::int64_t> created;
    for (const auto* event : events) {
      if (event->write.op == 'c') created.insert(event->statement_order);
      if (event->write.op == 'd' && created.contains(event->statement_order))
        complain(violations, "transaction " + std::to_string(xid) + ", statement " +
                                 std::to_string(event->statement_order) + ": " + to_text(event->write) +
                                 " comes behind a create");
    }
  }
  return violations;
}

Violations check_versions(const Stream& stream, const Oracle& oracle) {
  Violations violations;
  std::map<std::string, std::vector<std::uint64_t>> versions;
  std::map<std::string, std::uint64_t> last_lsn;
  for (const auto& event : stream.events) {
    if (event.write.key.empty()) continue;
    const auto name = name_of(event.write);
    versions[name].push_back(event.xid);
    auto& last = last_lsn[name];
    if (event.lsn < last) complain(violations, name + ": its lsn falls at transaction " + std::to_string(event.xid));
    last = event.lsn;
  }
  for (const auto& [name, writers] : oracle.versions) {
    const auto& ours = versions[name];
    if (ours == writers) continue;
    const auto at = std::mismatch(ours.begin(), ours.end(), writers.begin(), writers.end());
    complain(violations, name + ": version " + std::to_string(at.first - ours.begin() + 1) + " of " +
                             std::to_string(writers.size()) + " is by " +
                             (at.first == ours.end() ? "nobody" : std::to_string(*at.first)) + " instead of " +
                             (at.second == writers.end() ? "nobody" : std::to_string(*at.second)));
  }
  return violations;
}

Violations check_duplicates(const Stream& stream) {
  Violations violations;
  std::map<std::string, const StreamEvent*> first;
  for (const auto& event : stream.events) {
    const auto* known = first.try_emplace(event.id, &event).first->second;
    if (known->content != event.content || known->topic != event.topic || known->write.key != event.write.key) {
      complain(violations,
               "event " + event.id + " came with two contents: " + known->content + " and " + event.content);
    }
  }
  return violations;
}

Violations check_exactly_once(const Stream& stream) {
  Violations violations;
  std::set<std::string> seen;
  for (const auto& event : stream.events) {
    if (!seen.insert(event.id).second) complain(violations, "event " + event.id + " came twice");
  }
  return violations;
}

Violations check_last(const Stream& stream) {
  Violations violations;
  for (const auto& [xid, events] : by_transaction(stream)) {
    const auto name = "transaction " + std::to_string(xid);
    const auto count = static_cast<std::int64_t>(events.size());
    for (const auto* event : events) {
      const bool is_last = event == events.back();
      if (event->last.has_value() != is_last)
        complain(violations, name + ": " + event->id + (is_last ? " does not say" : " says") + " that it is the last");
      if (event->last && *event->last != count)
        complain(violations, name + ": its last event counts " + std::to_string(*event->last) + " events, there are " +
                                 std::to_string(count));
    }
  }
  return violations;
}

Violations check_boundaries(const Stream& stream) {
  Violations violations;
  std::map<std::uint64_t, std::map<std::string, std::int64_t>> counted;
  for (const auto& event : stream.events) {
    const auto table = event.topic.substr(event.topic.find('.') + 1);
    ++counted[event.xid][table];
  }
  std::map<std::uint64_t, int> begun;
  std::map<std::uint64_t, int> ended;
  for (const auto& boundary : stream.boundaries) {
    const auto name = "transaction " + std::to_string(boundary.xid);
    if (boundary.status == "BEGIN") {
      ++begun[boundary.xid];
      continue;
    }
    ++ended[boundary.xid];
    if (begun[boundary.xid] == 0) complain(violations, name + ": END without BEGIN");
    std::int64_t total = 0;
    for (const auto& [table, count] : counted[boundary.xid]) total += count;
    if (total != boundary.event_count || counted[boundary.xid] != boundary.collections) {
      complain(violations, name + ": END counts " + std::to_string(boundary.event_count) + " events, there are " +
                               std::to_string(total));
    }
  }
  for (const auto& [xid, tables] : counted) {
    if (begun[xid] == 0 || ended[xid] == 0)
      complain(violations, "transaction " + std::to_string(xid) + " has no BEGIN or no END");
  }
  return violations;
}

Violations check_tombstones(const std::vector<KafkaRecord>& records, const std::string& prefix) {
  Violations violations;
  std::map<std::pair<std::string, std::int32_t>, const KafkaRecord*> last;
  const auto is_delete = [&](const KafkaRecord* record) {
    if (record == nullptr || !record->value || !record->key || record->topic == prefix + ".transaction") return false;
    boost::system::error_code malformed;  // read_stream complains about it
    const auto value = json::parse(*record->value, malformed);
    return !malformed && value.is_object() && value.as_object().contains("op") && value.at("op") == "d";
  };
  for (const auto& record : records) {
    auto& before = last[{record.topic, record.partition}];
    const auto place = record.topic + " offset " + std::to_string(record.offset);
    const bool expected = is_delete(before);
    if (expected && (record.value || record.key != before->key))
      complain(violations, place + ": a delete without its tombstone");
    if (!expected && !record.value) complain(violations, place + ": a tombstone without a delete");
    before = &record;
  }
  for (const auto& [place, record] : last) {
    if (is_delete(record)) complain(violations, place.first + ": the last delete has no tombstone");
  }
  return violations;
}

Violations check_fidelity(const Stream& stream) {
  Violations violations;
  for (const auto& event : stream.events) {
    if (event.fidelity != "row")
      complain(violations, "event " + event.id + " has fidelity " + event.fidelity + ": " + event.raw);
  }
  for (const auto& gap : stream.gaps) complain(violations, "a gap: " + gap);
  return violations;
}

Stream without_duplicates(const Stream& stream) {
  Stream out;
  out.gaps = stream.gaps;
  out.malformed = stream.malformed;
  std::set<std::string> ids;
  std::set<std::pair<std::string, std::uint64_t>> boundaries;
  for (const auto& event : stream.events) {
    if (ids.insert(event.id).second) out.events.push_back(event);
  }
  for (const auto& boundary : stream.boundaries) {
    if (boundaries.emplace(boundary.status, boundary.xid).second) out.boundaries.push_back(boundary);
  }
  return out;
}

}  // namespace weir::test_support
