// The sessions of clients, as places where Weir's own questions can be asked: between two transactions of theirs, with
// their rights. For what Weir must know where it has no user and password of its own.
//
// add, remove and of may be called from any thread; what `of` gives out is for one thread that is no worker, and may
// outlive the sessions.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "capture/session.h"
#include "proxy/questions.h"

namespace weir::proxy {

class ClientSessions {
 public:
  /// Takes the question to the session's own thread. Where it cannot be asked there now, it is destroyed unanswered.
  using Ask = std::function<void(capture::Question)>;

  /// `id` is the session's, unique within one run of Weir.
  void add(std::uint64_t id, const std::string& database, Ask ask);
  void remove(std::uint64_t id);

  /// Asks in the sessions that are there now, one after the other until one can be asked. Null: there is none in this
  /// database.
  std::unique_ptr<Questions> of(const std::string& database) const;

 private:
  struct Entry {
    std::string database;
    Ask ask;
  };
  mutable std::mutex mutex_;
  std::map<std::uint64_t, Entry> sessions_;
};

}  // namespace weir::proxy
