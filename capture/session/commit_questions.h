// What Weir asks the database in the client's transaction, just before it commits: a list. Each in it says whether it
// has to know something of this transaction, and takes the answer; the commit waits until none asks any more. All that
// ask at the same moment do so in one exchange, in the order of the list.
//
// They have no state: what one must remember is the transaction's. One that has its answer must not ask again, or the
// commit would wait for ever. Used on the session's thread.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "capture/session/session_catalog.h"
#include "capture/session/transaction.h"
#include "wire/message.h"

namespace weir::capture {

/// One statement that only reads and answers with one row at most. The client's search_path and role hold, so every
/// name and operator in it is schema-qualified; ASCII, since the client's encoding holds too.
struct CommitQuery {
  std::string_view sql;                  ///< one of a few texts, which are there for ever
  std::vector<std::string> values = {};  ///< of its parameters, as text
  bool is_kept = true;                   ///< prepared once for the session; else made for this time
};

class CommitQuestion {
 public:
  virtual ~CommitQuestion() = default;
  /// Nothing where it knows enough.
  virtual std::optional<CommitQuery> query(const OpenTransaction& written) const = 0;
  /// The row that answers.
  virtual void answered(const wire::RowView& row, OpenTransaction& written, const SessionCatalog& catalog) const = 0;
};

using CommitQuestions = std::span<const CommitQuestion* const>;

/// All there are.
CommitQuestions commit_questions();

}  // namespace weir::capture
