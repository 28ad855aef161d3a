#include "proxy/tail/pretty.h"

#include <utility>

#include "base/text.h"
#include "emitters/json_text.h"
#include "emitters/readable.h"

namespace weir::proxy {

namespace {

using emitters::Record;

class Pretty final : public emitters::Format {
 public:
  explicit Pretty(bool colour) : colour_(colour) {}

  void begin(const event::Transaction& transaction, std::vector<Record>&) override {
    heading_ = heading_of(transaction);
  }

  void change(const event::ChangeEvent& change, std::int64_t, std::vector<Record>& out) override {
    if (!heading_.empty()) out.push_back(line(kHeadingTopic, std::exchange(heading_, {})));
    out.push_back(line("", "  " + emitters::readable_event(change, colour_)));
  }

  void end(std::vector<Record>&) override { heading_.clear(); }

 private:
  static Record line(std::string_view topic, std::string text) {
    return {Record::Kind::change, std::string(topic), std::nullopt, std::move(text), {}};
  }

  std::string in(const char* escape, const std::string& text) const {
    return colour_ && !text.empty() ? escape + text + "\x1b[0m" : text;
  }

  /// "#17 2026-11-21 05:33:18.699Z transaction 80795 lsn 0/23EE9B0, 2 events of shop by ann (psql) from 10.0.0.7:5".
  std::string heading_of(const event::Transaction& transaction) const {
    const auto& who = transaction.context;
    const auto time = emitters::utc_time(transaction.committed_us);
    std::string text = " " + time.substr(0, 10) + " " + time.substr(11, 12) + "Z";
    if (transaction.xid != 0) text += " transaction " + std::to_string(transaction.xid);
    text += " lsn " + event::to_text(transaction.last_lsn) + ", " + counted(transaction.event_count, "event");
    if (!transaction.database.empty()) text += " of " + transaction.database;
    if (!who.user.empty()) text += " by " + who.user;
    if (!who.application_name.empty()) text += " (" + who.application_name + ")";
    if (!who.client.empty()) text += " from " + who.client;
    return in("\x1b[1m", "#" + std::to_string(transaction.position)) + in("\x1b[2m", emitters::printable(text));
  }

  const bool colour_;
  std::string heading_;  // empty: it is there already
};

}  // namespace

std::unique_ptr<emitters::Format> make_pretty(bool colour) {
  return std::make_unique<Pretty>(colour);
}

}  // namespace weir::proxy
