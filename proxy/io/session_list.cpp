#include "proxy/io/session_list.h"

#include "proxy/process/clock.h"

namespace weir::proxy {

std::unique_ptr<SessionList::Entry> SessionList::add(const SessionInfo& info, const SessionCounts& counts) {
  Row row;
  row.id = info.id;
  row.user = info.user;
  row.database = info.database;
  row.application_name = info.application_name;
  row.client = info.client;
  row.since_us = wall_us();
  {
    const std::lock_guard lock(mutex_);
    listed_.insert_or_assign(info.id, Listed{std::move(row), &counts});
  }
  return std::make_unique<Entry>(*this, info.id);
}

void SessionList::remove(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  listed_.erase(id);
}

std::vector<SessionList::Row> SessionList::rows() const {
  const std::lock_guard lock(mutex_);
  std::vector<Row> rows;
  rows.reserve(listed_.size());
  for (const auto& [id, listed] : listed_) {
    auto& row = rows.emplace_back(listed.row);
    row.captured = listed.counts->captured.load(std::memory_order_relaxed);
    row.client_bytes = listed.counts->client_bytes.value();
    row.upstream_bytes = listed.counts->upstream_bytes.value();
    row.transactions = listed.counts->transactions.value();
    row.events = listed.counts->events.value();
  }
  return rows;
}

}  // namespace weir::proxy
