#include "proxy/hosts/host_watch.h"

#include <optional>
#include <utility>

#include "proxy/doubt/libpq.h"
#include "proxy/process/log.h"
#include "proxy/process/thread.h"

namespace weir::proxy {

namespace {

constexpr std::chrono::seconds kEvery{1};
const std::string kQuestion =
    "SELECT pg_catalog.pg_is_in_recovery(), "
    "pg_catalog.current_setting('default_transaction_read_only')::pg_catalog.bool";

Result<HostState> ask(SideConnection& connection) {
  const auto rows = connection.query(kQuestion);
  if (!rows) return rows.error();
  if (rows->size() != 1 || rows->front().size() != 2) return Error{"an answer of another form", {}};
  return HostState{true, rows->front()[0] == "t", rows->front()[1] == "t"};
}

}  // namespace

HostWatch::HostWatch(Upstream upstream, Credentials credentials)
    : upstream_(std::move(upstream)),
      credentials_(std::move(credentials)),
      states_(upstream_.hosts.size()),
      troubles_(upstream_.hosts.size()) {}

HostWatch::~HostWatch() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void HostWatch::start(std::chrono::milliseconds at_most) {
  for (std::size_t i = 0; i < upstream_.hosts.size(); ++i)
    threads_.push_back(start_thread("weir-host-" + std::to_string(i), [this, i] { watch(i); }));
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, at_most, [this] { return asked_ == upstream_.hosts.size(); });
}

std::vector<HostState> HostWatch::states() const {
  const std::lock_guard lock(mutex_);
  return states_;
}

void HostWatch::watch(std::size_t host) {
  Upstream alone = upstream_;
  alone.hosts = {upstream_.hosts[host]};
  alone.target = TargetSession::any;
  std::optional<SideConnection> connection;
  for (bool first = true;; first = false) {
    std::string trouble;
    HostState state;
    if (!connection) {
      auto opened = SideConnection::open(alone, credentials_);
      if (opened) connection.emplace(std::move(*opened));
      if (!opened) trouble = opened.error().message;
    }
    if (connection) {
      const auto answer = ask(*connection);
      if (answer) state = *answer;
      if (!answer) trouble = answer.error().message;
      if (!connection->alive()) connection.reset();
    }
    note(host, state, trouble);
    std::unique_lock lock(mutex_);
    if (first) ++asked_;
    changed_.notify_all();
    if (changed_.wait_for(lock, kEvery, [this] { return ending_; })) return;
  }
}

void HostWatch::note(std::size_t host, const HostState& state, const std::string& trouble) {
  const std::lock_guard lock(mutex_);
  states_[host] = state;
  if (troubles_[host] == trouble) return;
  troubles_[host] = trouble;
  const std::string name = upstream_.hosts[host].text();
  if (trouble.empty()) {
    log::info("what " + name + " is can be asked again (target_session_attrs)");
  } else {
    log::warn("hosts that cannot be asked",
              "what " + name + " is cannot be asked, so it is tried last " + "(target_session_attrs): " + trouble);
  }
}

}  // namespace weir::proxy
