// Asks the database how one transaction ended. Blocking; used by the resolver's thread.
//
// pg_xact_status() is the answer, unless the server was restarted since the transaction was prepared: a crash can lose
// the end of the log, and then the same transaction id can have been given to somebody else. Then further evidence is
// asked for: where the log ends, commit timestamps, and the transaction's own rows. README.md, "Decisions", says what
// each of these proves.
#pragma once

#include <cstdint>
#include <string>

#include "capture/event/change_event.h"
#include "capture/event/result.h"
#include "capture/journal.h"
#include "proxy/questions.h"

namespace weir::proxy {

struct Verdict {
  enum class Kind {
    committed,
    aborted,
    in_progress,  ///< ask again
    unknowable    ///< the server has forgotten, and nothing else tells
  };
  Kind kind = Kind::in_progress;
  std::string remark;  ///< for the log: what it rests on, where that is not pg_xact_status alone
};

class Inquiry {
 public:
  /// `questions` are asked in the transaction's own database.
  Inquiry(Questions& questions, capture::JournalReader& reader) : questions_(questions), reader_(reader) {}

  /// An error: the database could not be asked; try again later.
  Result<Verdict> ask(const event::Transaction& transaction);

 private:
  struct Facts {
    bool in_recovery = false;
    std::string status;              // of pg_xact_status; empty: too old
    std::int64_t started_us = 0;     // the postmaster
    event::Lsn insert_lsn = 0;       // where the log ends now
    event::Lsn redo_lsn = 0;         // where the log ended when the latest checkpoint began
    std::int64_t checkpoint_us = 0;  // when that was
    bool has_commit_timestamps = false;
  };

  Result<Facts> facts(event::Xid xid);
  Result<Verdict> judge_committed(const event::Transaction& transaction, const Facts& facts);
  Result<Verdict> judge_by_rows(const event::Transaction& transaction, const Verdict& otherwise);
  Result<bool> left_a_row(const event::Transaction& transaction);
  Result<bool> left(const event::Transaction& transaction, const event::ChangeEvent& event);
  Result<std::int64_t> committed_at_us(event::Xid xid);

  Questions& questions_;
  capture::JournalReader& reader_;
};

}  // namespace weir::proxy
