#include "proxy/command/stats_reading.h"

#include <boost/json.hpp>

namespace weir::proxy {

namespace {

namespace json = boost::json;

/// A member that is not there, or is something else, is as nothing.
class Members {
 public:
  explicit Members(const json::value* value) : object_(value == nullptr ? nullptr : value->if_object()) {}

  const json::value* find(std::string_view name) const {
    return object_ == nullptr ? nullptr : object_->if_contains(name);
  }
  Members object(std::string_view name) const { return Members(find(name)); }
  std::string text(std::string_view name) const {
    const auto* value = find(name);
    const auto* text = value == nullptr ? nullptr : value->if_string();
    return text == nullptr ? std::string() : std::string(text->data(), text->size());
  }
  bool truth(std::string_view name) const {
    const auto* value = find(name);
    const auto* truth = value == nullptr ? nullptr : value->if_bool();
    return truth != nullptr && *truth;
  }
  double number(std::string_view name) const { return number_as<double>(name); }
  std::uint64_t count(std::string_view name) const { return number_as<std::uint64_t>(name); }
  StatsReading::Quantiles quantiles(std::string_view name) const {
    const auto times = object(name);
    return {times.count("count"), times.number("p50"), times.number("p99")};
  }
  template <typename Take>
  void each(std::string_view name, Take take) const {
    const auto* value = find(name);
    const auto* all = value == nullptr ? nullptr : value->if_array();
    if (all == nullptr) return;
    for (const auto& one : *all) take(Members(&one));
  }

 private:
  template <typename Number>
  Number number_as(std::string_view name) const {
    const auto* value = find(name);
    if (value == nullptr || !value->is_number()) return 0;
    boost::system::error_code not_one;
    const auto number = value->to_number<Number>(not_one);
    return not_one ? 0 : number;
  }

  const json::object* object_;
};

void read_connections(StatsReading& reading, const Members& all) {
  reading.version = all.text("version");
  reading.time = all.number("time");
  reading.started = all.number("started");
  reading.cpu_seconds = all.number("cpu_seconds");
  reading.memory = all.count("memory");
  reading.listening = all.truth("listening");
  reading.addresses = all.text("addresses");
  reading.opened = all.count("opened");
  reading.refused = all.count("refused");
  reading.client_bytes = all.count("client_bytes");
  reading.upstream_bytes = all.count("upstream_bytes");
  reading.upstream_trouble = all.object("upstream").text("trouble");
  reading.sessions = all.count("session_count");
}

void read_capture(StatsReading& reading, const Members& all) {
  reading.capturing = all.truth("capturing");
  const auto transactions = all.object("transactions");
  reading.committed = transactions.count("committed");
  reading.aborted = transactions.count("aborted");
  reading.commits_refused = transactions.count("refused");
  reading.released = transactions.count("released");
  reading.events = transactions.count("events");
  reading.gate = all.quantiles("gate");
  reading.sync = all.quantiles("sync");
  const auto doubts = all.object("doubts");
  reading.in_doubt = doubts.count("transactions");
  reading.in_doubt_since = doubts.number("since");
  reading.in_doubt_reason = doubts.text("reason");
  const auto journal = all.object("journal");
  reading.journal = journal.text("name");
  reading.journal_bytes = journal.count("bytes");
  reading.journal_max_bytes = journal.count("max_bytes");
  reading.journal_trouble = journal.text("trouble");
}

StatsReading::Destination read_destination(const Members& one) {
  return {one.text("name"),          one.text("state"),         one.text("trouble"),      one.count("lag"),
          one.number("lag_seconds"), one.count("transactions"), one.count("records"),     one.count("bytes"),
          one.count("errors"),       one.count("dead_letters"), one.quantiles("delivery")};
}

StatsReading::Table read_table(const Members& one) {
  return {one.text("database"), one.text("table"),   one.count("captured"),
          one.count("counted"), one.count("missed"), one.count("gaps")};
}

StatsReading::Gap read_gap(const Members& one) {
  const auto missed = one.object("missed");
  return {one.text("cause"),
          one.text("database"),
          one.text("table"),
          one.count("gaps"),
          missed.count("inserted") + missed.count("updated") + missed.count("deleted"),
          one.number("last"),
          one.text("advice")};
}

}  // namespace

Result<StatsReading> read_stats(std::string_view text) {
  boost::system::error_code wrong;
  const auto value = json::parse({text.data(), text.size()}, wrong);
  if (wrong || !value.is_object()) return Error{"what answers there is no Weir", ""};
  const Members all(&value);
  StatsReading reading;
  read_connections(reading, all);
  read_capture(reading, all);
  all.each("destinations", [&](const Members& one) { reading.destinations.push_back(read_destination(one)); });
  all.each("tables", [&](const Members& one) { reading.tables.push_back(read_table(one)); });
  all.each("gaps", [&](const Members& one) { reading.gaps.push_back(read_gap(one)); });
  return reading;
}

}  // namespace weir::proxy
