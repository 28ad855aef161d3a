#include "proxy/doubt/resolver.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "base/text.h"
#include "capture/event/gap_cause.h"
#include "proxy/process/thread.h"

namespace weir::proxy {

namespace {

constexpr std::chrono::milliseconds kFirstDelay{20};
constexpr std::chrono::milliseconds kLongestDelay{2'000};
/// While nobody can be asked, behind the time that clients' sessions were waited for: a server that is back should be
/// asked before it is gone again.
constexpr std::chrono::milliseconds kLongestTrouble{100};
/// Transactions in one question.
constexpr std::size_t kMostAtOnce = 1'000;
/// Users, and databases, that are tried where the settings name none.
constexpr std::size_t kMostNames = 3;
/// What PostgreSQL says where it refuses a login.
constexpr std::string_view kRefused = "FATAL";
/// Events read at a time while counting a transaction that is given up.
constexpr std::size_t kEventsPerRead = 1'000;

std::string name_of(const event::Transaction& transaction) {
  return "transaction " + std::to_string(transaction.xid) + " of " + transaction.context.user + " in database " +
         transaction.database;
}

std::string counted(std::size_t count, const std::string& one, const std::string& many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

void count(const event::ChangeEvent& event, event::Counts& counts) {
  if (event.fidelity == event::Fidelity::statement || event.op == event::Op::gap) {
    counts.inserted += event.counts.inserted;
    counts.updated += event.counts.updated;
    counts.deleted += event.counts.deleted;
  } else {
    event::count_rows(counts, event.op, 1);
  }
}

}  // namespace

Resolver::Resolver(Options options, std::unique_ptr<capture::JournalReader> reader)
    : options_(std::move(options)), reader_(std::move(reader)) {}

void Resolver::start() {
  thread_ = start_thread("weir-resolver", [this] { run(); });
}

void Resolver::add(std::vector<capture::Doubt> doubts) {
  {
    const std::lock_guard lock(mutex_);
    for (auto& doubt : doubts) added_.push_back(std::move(doubt));
  }
  wake_.notify_one();
}

void Resolver::drain(std::chrono::milliseconds at_most) {
  std::unique_lock lock(mutex_);
  done_.wait_for(lock, at_most, [&] { return added_.empty() && !busy_; });
}

std::size_t Resolver::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  if (options_.sessions != nullptr) options_.sessions->close();
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
  return open_.size() + added_.size();
}

void Resolver::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    for (auto& doubt : added_) open_.push_back({std::move(doubt), Clock::now(), Clock::now(), kFirstDelay});
    added_.clear();
    busy_ = !open_.empty();
    lock.unlock();
    show();
    ask_due();
    show();
    lock.lock();
    busy_ = !open_.empty();
    if (!busy_) done_.notify_all();
    const auto something = [&] { return stopping_ || !added_.empty(); };
    if (open_.empty()) {
      wake_.wait(lock, something);
      continue;
    }
    const auto next =
        std::min_element(open_.begin(), open_.end(), [](const Open& a, const Open& b) { return a.ask_at < b.ask_at; });
    wake_.wait_until(lock, next->ask_at, something);
  }
}

void Resolver::show() {
  Doubts now;
  now.transactions = open_.size();
  for (const auto& open : open_) {
    const auto written = open.doubt.transaction.prepared_us;
    if (now.oldest_us == 0 || written < now.oldest_us) now.oldest_us = written;
  }
  if (trouble_ && !open_.empty()) now.reason = trouble_->message;
  const std::lock_guard lock(shown_mutex_);
  shown_ = std::move(now);
}

Resolver::Doubts Resolver::doubts() const {
  const std::lock_guard lock(shown_mutex_);
  return shown_;
}

void Resolver::ask_due() {
  std::vector<Open*> due;
  for (auto& open : open_)
    if (open.ask_at <= Clock::now() && due.size() < kMostAtOnce) due.push_back(&open);
  if (!due.empty()) {
    const auto asked = ask_about(due);
    trouble_ = asked ? std::nullopt : std::optional(asked.error());
    for (auto* open : due) {
      open->ask_at = Clock::now() + open->delay;
      open->delay = std::min(open->delay * 2, trouble_ ? kLongestTrouble : kLongestDelay);
    }
    std::erase_if(open_, [](const Open& open) { return open.ended; });
  }
  if (open_.empty()) {
    connection_.reset();
    reminded_at_.reset();
  } else {
    remind();
  }
}

Result<void> Resolver::ask_about(const std::vector<Open*>& due) {
  const auto connected = connect();
  if (connected) {
    auto asked = ask_about(due, *connection_);
    // Where it is a standby that answered, another host may answer the next time.
    if (!asked) connection_.reset();
    return asked;
  }
  if (options_.sessions == nullptr) return connected;
  if (const auto asked = ask_about(due, *options_.sessions); !asked)
    return Error{connected.error().message + "; and " + asked.error().message, asked.error().sqlstate};
  return {};
}

Result<void> Resolver::ask_about(const std::vector<Open*>& due, AskableDatabase& database) {
  std::vector<const event::Transaction*> transactions;
  for (const auto* open : due) transactions.push_back(&open->doubt.transaction);
  OutcomeLookup lookup(database, options_.runs());
  const auto verdicts = lookup.ask(transactions);
  if (!verdicts) return verdicts.error();
  for (std::size_t i = 0; i < due.size(); ++i) due[i]->ended = end(*due[i], (*verdicts)[i]);
  return {};
}

/// Users and databases of the settings, else those of the transactions: pg_xact_status is the same in any database of
/// the cluster, and one that was dropped or renamed since must not matter.
std::vector<Credentials> Resolver::places_to_log_in() const {
  std::vector<std::string> users;
  std::vector<std::string> databases;
  const auto add = [](std::vector<std::string>& names, const std::string& name, std::size_t most) {
    const bool known = std::find(names.begin(), names.end(), name) != names.end();
    if (!known && !name.empty() && names.size() < most) names.push_back(name);
  };
  add(users, options_.credentials.user, 1);
  add(databases, options_.credentials.database, 1);
  for (const auto& open : open_) {
    add(users, open.doubt.transaction.context.user, options_.credentials.user.empty() ? kMostNames : 1);
    add(databases, open.doubt.transaction.database, kMostNames);
  }
  for (const char* usual : {"postgres", "template1"}) add(databases, usual, kMostNames + 2);
  std::vector<Credentials> places;
  for (const auto& user : users) {
    for (const auto& database : databases) {
      auto& place = places.emplace_back(options_.credentials);
      place.user = user;
      place.database = database;
    }
  }
  return places;
}

Result<void> Resolver::connect() {
  if (connection_) return {};
  std::optional<Error> first;
  for (const auto& place : places_to_log_in()) {
    auto opened = SideConnection::open(options_.upstream, place);
    if (opened) {
      connection_.emplace(std::move(*opened));
      return {};
    }
    if (!first) first = opened.error();
    // What no server said is the same for everybody.
    if (opened.error().message.find(kRefused) == std::string::npos) break;
  }
  return first.value_or(Error{"nobody is known as whom to log in", ""});
}

bool Resolver::give_up(Open& open, const Verdict& verdict) {
  const auto& transaction = open.doubt.transaction;
  auto gaps = gaps_of(transaction);
  if (!gaps) {
    options_.tell({Notice::Level::error, "transactions in doubt: " + gaps.error().message});
    return false;
  }
  options_.tell({Notice::Level::error,
                 name_of(transaction) + ": nobody can say whether it committed (" + verdict.remark +
                     "); gap events are emitted in its place. Compare the tables they name with what consumers have"});
  options_.give_up(open.doubt.transaction.id, std::move(*gaps));
  return true;
}

bool Resolver::end(Open& open, const Verdict& verdict) {
  using Kind = Verdict::Kind;
  if (verdict.kind == Kind::in_progress) return false;
  if (verdict.kind == Kind::unknowable) return give_up(open, verdict);
  const bool committed = verdict.kind == Kind::committed;
  options_.tell({Notice::Level::info, name_of(open.doubt.transaction) + ", in doubt, has " +
                                          (committed ? "committed" : "not committed") +
                                          (verdict.remark.empty() ? "" : ": " + verdict.remark)});
  options_.resolve(open.doubt.transaction.id, committed ? capture::Outcome::committed : capture::Outcome::aborted);
  return true;
}

Result<std::vector<event::ChangeEvent>> Resolver::gaps_of(const event::Transaction& transaction) {
  std::map<std::pair<std::string, std::string>, event::Counts> tables;
  std::uint32_t after = 0;
  for (bool last = false; !last;) {
    const auto events = reader_->events(transaction.id, after, kEventsPerRead);
    if (!events) return events.error();
    last = capture::JournalReader::are_last(*events, kEventsPerRead);
    for (const auto& event : *events) {
      after = event.ordinal;
      count(event, tables[{event.schema, event.table}]);
    }
  }
  std::vector<event::ChangeEvent> gaps;
  for (const auto& [table, counts] : tables) {
    event::ChangeEvent gap;
    gap.op = event::Op::gap;
    gap.fidelity = event::Fidelity::statement;
    std::tie(gap.schema, gap.table) = table;
    gap.lsn = transaction.last_lsn;
    gap.ordinal = static_cast<std::uint32_t>(gaps.size()) + 1;
    gap.statement_order = gap.ordinal;
    gap.counts = counts;
    gap.cause = to_text(event::GapCause::in_doubt);
    gaps.push_back(std::move(gap));
  }
  return gaps;
}

/// While something is in doubt: at once where nobody can be asked, later where it is only in progress, then again and
/// again.
void Resolver::remind() {
  const auto now = Clock::now();
  const bool is_due = reminded_at_ ? now - *reminded_at_ >= options_.remind_every
                                   : trouble_ || now - open_.front().since >= options_.remind_after;
  if (!is_due) return;
  reminded_at_ = now;
  const auto behind = options_.waiting();
  const std::string text = counted(open_.size(), "transaction is", "transactions are") + " in doubt, and " +
                           counted(behind, "that committed waits", "that committed wait") + " behind: " + reason();
  options_.tell({trouble_ ? Notice::Level::error : Notice::Level::warning, text});
}

std::string Resolver::reason() const {
  const auto name = name_of(open_.front().doubt.transaction);
  if (!trouble_) {
    return name +
           " is still in progress in the database. If it was prepared, end it with COMMIT PREPARED or ROLLBACK "
           "PREPARED "
           "(see pg_prepared_xacts)";
  }
  return "cannot ask " + upstream_text() + " about " + name + ": " + trouble_->message +
         ". If the database is up, the next client that connects to any database of it is asked; to depend on none, "
         "put "
         "user and password of a role that may log in into upstream (postgresql://USER:PASSWORD@...) or into the "
         "passfile "
         "of Weir's user";
}

std::string Resolver::upstream_text() const {
  return joined(options_.upstream.hosts, ", ", [](const auto& host) { return host.text(); });
}

}  // namespace weir::proxy
