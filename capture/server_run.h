// Which run of which database server a session is in: from one recovery to the next. The database's answer to one
// expression, kept with each transaction so that after a crash it can be judged whether the server still knows it.
//
// Within one run no transaction that was given an id is forgotten. When a server recovers (from a crash, a kill -9 of
// one of its processes, or as a standby that is promoted) it can lose the end of its log, and give ids out again.
// Nothing here compares times: what the server says about itself is equal to what it said before, or it is not. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "capture/event/change_event.h"

namespace weir::capture {

struct ServerRun {
  std::string system;          ///< pg_control_system().system_identifier: which cluster
  std::uint32_t timeline = 0;  ///< 0: a standby, whose timeline is not known
  std::string started;         ///< the postmaster; a recovery does not change it
  event::Lsn recovered = 0;    ///< where the log ended when this start's recovery did; 0: it was started cleanly
  std::string counts_since;    ///< when its statistics began: anew with each recovery, not with a clean restart
  std::string backend;         ///< pg_backend_pid()
  // Notes of the session that kept it.
  bool pooled = false;  ///< a pooler may have changed the server behind the session since it was asked
  bool logged = true;   ///< false: the transaction wrote no row of a table whose rows are in the server's log
};

/// An expression of type text. It needs no right that is not everybody's and evaluates nothing that anybody can define.
std::string_view server_run_expression();
/// Reads its answer, or a text that note() has made of one; nothing where it is neither.
std::optional<ServerRun> read_server_run(std::string_view text);

/// The answer as it is kept with a transaction: without the backend, with the session's own notes.
std::string note(std::string_view answer, bool pooled, bool logged);

/// Nothing that had been given an id in the one was forgotten before the other: no recovery lies between.
bool same_run(const ServerRun& one, const ServerRun& other);

}  // namespace weir::capture
