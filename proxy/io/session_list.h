// Who is logged in, over all workers, for whoever shows it. A session is in the list from its login until its Entry is
// destroyed, which its worker does before anything that the entry reads goes away.
//
// Any thread. add() and an entry's end take a lock for a moment; nothing is done for each message.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "proxy/io/engine_factory.h"

namespace weir::proxy {

class SessionList {
 public:
  struct Row {
    std::uint64_t id = 0;
    std::string user;
    std::string database;
    std::string application_name;
    std::string client;
    std::int64_t since_us = 0;  ///< since the epoch: when it was logged in
    bool captured = false;
    std::uint64_t client_bytes = 0;
    std::uint64_t upstream_bytes = 0;
    std::uint64_t transactions = 0;
    std::uint64_t events = 0;
  };

  class Entry {
   public:
    Entry(SessionList& list, std::uint64_t id) : list_(list), id_(id) {}
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    ~Entry() { list_.remove(id_); }

   private:
    SessionList& list_;
    const std::uint64_t id_;
  };

  /// `counts` outlive the entry.
  std::unique_ptr<Entry> add(const SessionInfo& info, const SessionCounts& counts);
  /// In the order in which they came.
  std::vector<Row> rows() const;

 private:
  struct Listed {
    Row row;
    const SessionCounts* counts;
  };
  void remove(std::uint64_t id);

  mutable std::mutex mutex_;
  std::map<std::uint64_t, Listed> listed_;
};

}  // namespace weir::proxy
