#include "proxy/resolver.h"

#include <algorithm>

#include "proxy/log.h"
#include "proxy/thread.h"

namespace weir::proxy {

namespace {

constexpr std::chrono::milliseconds kFirstDelay{20};
constexpr std::chrono::milliseconds kLongestDelay{2'000};
constexpr std::chrono::minutes kComplaintInterval{1};
/// A backend ends sooner than that; what is in progress then is most likely a prepared transaction.
constexpr std::chrono::seconds kLongInProgress{10};
/// Events read at a time while counting a transaction that is given up.
constexpr std::size_t kEventsPerRead = 1'000;

std::string name_of(const event::Transaction& transaction) {
  return "transaction " + std::to_string(transaction.xid) + " of " + transaction.context.user + " in database " +
         transaction.database;
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

void Resolver::add(std::vector<Doubt> doubts) {
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
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
  return open_.size() + added_.size();
}

void Resolver::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    for (auto& doubt : added_)
      open_.push_back({std::move(doubt), Clock::now(), kFirstDelay, Clock::now() + kLongInProgress});
    added_.clear();
    busy_ = !open_.empty();
    lock.unlock();
    ask_due();
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

void Resolver::ask_due() {
  const auto stopping = [this] {
    const std::lock_guard lock(mutex_);
    return stopping_;
  };
  for (auto open = open_.begin(); open != open_.end() && !stopping();) {
    if (open->ask_at > Clock::now()) {
      ++open;
    } else if (ask(*open)) {
      open = open_.erase(open);
    } else {
      open->ask_at = Clock::now() + open->delay;
      open->delay = std::min(open->delay * 2, kLongestDelay);
      ++open;
    }
  }
  if (open_.empty()) connections_.clear();
}

/// True: it is known how the transaction ended.
bool Resolver::ask(Open& open) {
  const auto& transaction = open.doubt.transaction;
  if (const auto connection = connection_for(transaction)) {
    const bool known = ask(open, **connection);
    if (!(*connection)->alive()) connections_.clear();
    return known;
  } else if (const auto sessions = options_.sessions ? options_.sessions->of(transaction.database) : nullptr) {
    return ask(open, *sessions);
  } else {
    complain(transaction, connection.error());
    return false;
  }
}

bool Resolver::ask(Open& open, Questions& questions) {
  const auto verdict = Inquiry(questions, *reader_).ask(open.doubt.transaction);
  if (verdict) return end(open, *verdict);
  complain(open.doubt.transaction, verdict.error());
  return false;
}

Result<SideConnection*> Resolver::connection_for(const event::Transaction& transaction) {
  Credentials credentials = options_.credentials;
  if (credentials.user.empty()) credentials.user = transaction.context.user;
  if (!transaction.database.empty()) credentials.database = transaction.database;
  const Place place{credentials.user, credentials.database};
  const auto found = connections_.find(place);
  if (found != connections_.end()) return &found->second;
  auto opened = SideConnection::open(options_.upstream, credentials);
  if (!opened) return opened.error();
  return &connections_.emplace(place, std::move(*opened)).first->second;
}

void Resolver::tell_in_progress(Open& open) {
  if (Clock::now() < open.tell_at) return;
  open.tell_at = Clock::now() + kComplaintInterval;
  log::warn(name_of(open.doubt.transaction) +
            " is still in progress in the database, and events of later transactions wait for it. If it was prepared, "
            "end it with COMMIT PREPARED or ROLLBACK PREPARED (see pg_prepared_xacts)");
}

bool Resolver::end(Open& open, const Verdict& verdict) {
  using Kind = Verdict::Kind;
  const auto& transaction = open.doubt.transaction;
  if (verdict.kind == Kind::in_progress) {
    tell_in_progress(open);
    return false;
  }
  if (verdict.kind == Kind::unknowable) {
    auto gaps = gaps_of(transaction);
    if (!gaps) {
      complain(transaction, gaps.error());
      return false;
    }
    log::error(name_of(transaction) + ": nobody can say whether it committed (" + verdict.remark +
               "); gap events are emitted in its place. Compare the tables they name with what consumers have");
    options_.give_up(open.doubt.id, std::move(*gaps));
    return true;
  }
  const bool committed = verdict.kind == Kind::committed;
  const auto text = name_of(transaction) + ", in doubt, has " + (committed ? "committed" : "not committed") +
                    (verdict.remark.empty() ? "" : ": " + verdict.remark);
  if (verdict.remark.empty()) {
    log::info(text);
  } else {
    log::warn(text);
  }
  options_.resolve(open.doubt.id, committed ? capture::Outcome::committed : capture::Outcome::aborted);
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
    gap.cause = "in doubt";
    gaps.push_back(std::move(gap));
  }
  return gaps;
}

void Resolver::complain(const event::Transaction& transaction, const Error& error) {
  if (complained_ && Clock::now() - complained_at_ < kComplaintInterval) return;
  complained_ = true;
  complained_at_ = Clock::now();
  log::error(std::to_string(open_.size()) + " transactions are in doubt and events behind them wait: cannot ask " +
             upstream_text() + " about " + name_of(transaction) + ": " + error.message +
             ". If the database is up, the next client that connects to it is asked; to depend on none, put user and "
             "password of a role that may log in to this database into upstream (postgresql://USER:PASSWORD@...) or "
             "into the passfile of Weir's user");
}

std::string Resolver::upstream_text() const {
  std::string text;
  for (const auto& host : options_.upstream.hosts) text += (text.empty() ? "" : ", ") + host.text();
  return text;
}

}  // namespace weir::proxy
