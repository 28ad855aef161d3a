#include "proxy/delivery/replay.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <limits>
#include <utility>

#include "base/values.h"
#include "capture/scope.h"
#include "emitters/envelope.h"
#include "emitters/json_text.h"

namespace weir::proxy {

namespace {

/// By so much the order of commits and that of their acknowledgements may differ.
constexpr std::int64_t kDisorderUs = 1'000'000;

Error no_point(const std::string& text) {
  return Error{"\"" + text + "\" is neither a position in the stream nor a time (2026-11-21T07:53:37Z)", ""};
}

/// Takes digits, `fewest` to `most` of them.
bool take_number(std::string_view& text, std::size_t fewest, std::size_t most, int& number) {
  std::size_t digits = 0;
  while (digits < std::min(most, text.size()) && text[digits] >= '0' && text[digits] <= '9') ++digits;
  if (digits < fewest) return false;
  std::from_chars(text.data(), text.data() + digits, number);
  text.remove_prefix(digits);
  return true;
}

bool take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text.front()) == any_of.npos) return false;
  text.remove_prefix(1);
  return true;
}

/// Of ".702980": 702980.
bool take_fraction(std::string_view& text, std::int64_t& us) {
  us = 0;
  if (!take(text, ".,")) return true;
  std::int64_t weight = 100'000;
  const auto before = text.size();
  for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; text.remove_prefix(1), weight /= 10)
    us += (text.front() - '0') * weight;
  return text.size() < before;
}

/// "Z", "+01:00", "-0530", "+01" or nothing, which is UTC.
bool take_zone(std::string_view& text, int& seconds) {
  seconds = 0;
  if (text.empty() || take(text, "Zz")) return text.empty();
  const int sign = text.front() == '-' ? -1 : 1;
  int hours = 0;
  int minutes = 0;
  if (!take(text, "+-") || !take_number(text, 2, 2, hours)) return false;
  take(text, ":");
  if (!text.empty() && !take_number(text, 2, 2, minutes)) return false;
  seconds = sign * (hours * 3600 + minutes * 60);
  return text.empty() && hours < 24 && minutes < 60;
}

std::optional<std::int64_t> read_time(std::string_view text) {
  std::tm parts{};
  const bool has_date = take_number(text, 4, 4, parts.tm_year) && take(text, "-") &&
                        take_number(text, 2, 2, parts.tm_mon) && take(text, "-") &&
                        take_number(text, 2, 2, parts.tm_mday) && take(text, "Tt ");
  if (!has_date || !take_number(text, 2, 2, parts.tm_hour) || !take(text, ":") ||
      !take_number(text, 2, 2, parts.tm_min))
    return std::nullopt;
  if (take(text, ":") && !take_number(text, 2, 2, parts.tm_sec)) return std::nullopt;
  std::int64_t us = 0;
  int zone = 0;
  if (!take_fraction(text, us) || !take_zone(text, zone)) return std::nullopt;
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  const auto as_given = parts;
  const auto seconds = ::timegm(&parts);
  // What timegm had to put right was no time.
  if (parts.tm_mday != as_given.tm_mday || parts.tm_hour != as_given.tm_hour || parts.tm_min != as_given.tm_min ||
      parts.tm_mon != as_given.tm_mon)
    return std::nullopt;
  return (static_cast<std::int64_t>(seconds) - zone) * 1'000'000 + us;
}

Error nothing_to_send(const ReplayScene& scene, event::Position from) {
  return Error{
      scene.destination + " has the stream up to position " + std::to_string(scene.stands) +
          (from > 0 ? ", and nothing from " + std::to_string(from) + " on" : ", and nothing behind that time") +
          " was sent to it yet",
      ""};
}

Error gone(const ReplayScene& scene, event::Position first) {
  const auto committed = scene.committed_after(scene.erased);
  if (!committed) return committed.error();
  return Error{"the journal has the stream from position " + std::to_string(first) +
                   (*committed ? " on, committed " + emitters::utc_time(**committed) : std::string(" on")) +
                   "; what is before that is not there any more",
               ""};
}

class UpTo final : public capture::StreamReader {
 public:
  UpTo(std::unique_ptr<capture::StreamReader> stream, event::Position last) : stream_(std::move(stream)), last_(last) {}

  Result<std::shared_ptr<const event::Transaction>> next(event::Position after) override {
    const auto nothing = std::shared_ptr<const event::Transaction>();
    if (after >= last_) return nothing;
    auto next = stream_->next(after);
    if (!next || !*next || (*next)->position > last_) return next ? nothing : next;
    if ((*next)->position != after + 1 || (*next)->id < 0)
      return Error{"the journal has not got transactions " + std::to_string(after + 1) + " to " +
                       std::to_string((*next)->position) + " of the stream any more",
                   ""};
    return next;
  }
  Result<capture::LentEvents> events(std::int64_t id, std::uint32_t after_ordinal, std::size_t limit) override {
    return stream_->events(id, after_ordinal, limit);
  }

 private:
  std::unique_ptr<capture::StreamReader> stream_;
  const event::Position last_;
};

class OnlyOf final : public emitters::Format {
 public:
  using Records = std::vector<emitters::Record>;

  OnlyOf(std::vector<std::string> tables, std::unique_ptr<emitters::Format> format, std::string prefix)
      : tables_(std::move(tables)), format_(std::move(format)), prefix_(std::move(prefix)) {}

  void begin(const event::Transaction& transaction, Records& out) override {
    begins_ = emitters::prefix_of(prefix_, transaction.database) + ".";
    keep(out, [&] { format_->begin(transaction, out); });
  }
  void change(const event::ChangeEvent& change, std::int64_t now_us, Records& out) override {
    keep(out, [&] { format_->change(change, now_us, out); });
  }
  void end(Records& out) override {
    keep(out, [&] { format_->end(out); });
  }
  void resolved(event::Position position, event::Lsn lsn, Records& out) override {
    format_->resolved(position, lsn, out);
  }

 private:
  template <typename Write>
  void keep(Records& out, Write write) {
    const auto before = static_cast<std::ptrdiff_t>(out.size());
    write();
    out.erase(std::remove_if(out.begin() + before, out.end(), [&](const auto& record) { return !is_wanted(record); }),
              out.end());
  }
  bool is_wanted(const emitters::Record& record) const {
    using Kind = emitters::Record::Kind;
    if (record.kind != Kind::change && record.kind != Kind::tombstone) return true;
    const std::string_view topic = record.topic;
    const auto table = topic.starts_with(begins_) ? topic.substr(begins_.size()) : topic;
    return std::any_of(tables_.begin(), tables_.end(),
                       [&](const auto& pattern) { return capture::matches(pattern, table); });
  }

  const std::vector<std::string> tables_;
  std::unique_ptr<emitters::Format> format_;
  const std::string prefix_;
  std::string begins_;  // every topic of the transaction
};

}  // namespace

Result<ReplayPoint> read_replay_point(const std::string& text) {
  std::uint64_t position = 0;
  if (!read_number(text, 1, std::numeric_limits<std::int64_t>::max(), position))
    return ReplayPoint{static_cast<event::Position>(position), std::nullopt};
  const auto at_us = read_time(text);
  if (!at_us) return no_point(text);
  return ReplayPoint{0, at_us};
}

CommittedAfter committed_after_in(capture::StreamReader& stream) {
  return [&stream](event::Position after) -> Result<std::optional<std::int64_t>> {
    const auto next = stream.next(after);
    if (!next) return next.error();
    return *next ? std::optional((*next)->committed_us) : std::nullopt;
  };
}

Result<event::Position> position_at(std::int64_t at_us, event::Position first, event::Position last,
                                    const CommittedAfter& committed_after) {
  while (first <= last) {
    const auto middle = first + (last - first) / 2;
    const auto committed = committed_after(middle - 1);
    if (!committed) return committed.error();
    if (*committed && **committed < at_us - kDisorderUs) {
      first = middle + 1;
    } else {
      last = middle - 1;
    }
  }
  return first;
}

Result<Replay> plan_replay(const ReplayPoint& from, const std::optional<ReplayPoint>& to, const ReplayScene& scene) {
  const auto first = scene.erased + 1;
  if (scene.stands < first) return nothing_to_send(scene, from.position);
  auto begin = from.position;
  if (from.at_us) {
    const auto found = position_at(*from.at_us, first, scene.stands, scene.committed_after);
    if (!found) return found.error();
    begin = *found;
  }
  const bool may_be_gone = from.at_us && begin == first && scene.erased > 0;
  if (begin < first || may_be_gone) return gone(scene, first);
  if (begin > scene.stands) return nothing_to_send(scene, from.position);
  Replay replay{begin, 0, {}};
  if (!to) return replay;
  replay.to = to->position;
  if (to->at_us) {
    const auto behind = position_at(*to->at_us + kDisorderUs + 1, begin, scene.stands, scene.committed_after);
    if (!behind) return behind.error();
    replay.to = *behind - 1;
  }
  if (replay.to < begin) return Error{"to is before from: nothing lies between them", ""};
  return replay;
}

std::unique_ptr<capture::StreamReader> up_to(std::unique_ptr<capture::StreamReader> stream, event::Position last) {
  return std::make_unique<UpTo>(std::move(stream), last);
}

std::unique_ptr<emitters::Format> only_of(std::vector<std::string> tables, std::unique_ptr<emitters::Format> format,
                                          std::string prefix) {
  return std::make_unique<OnlyOf>(std::move(tables), std::move(format), std::move(prefix));
}

}  // namespace weir::proxy
