// Who answers Weir's own questions about the database: a side connection (libpq.h), or clients' sessions
// (askable_sessions.h). Blocking; for a thread that is no worker.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace weir::proxy {

class AskableDatabase {
 public:
  using Row = std::vector<std::optional<std::string>>;

  virtual ~AskableDatabase() = default;
  /// One statement with text parameters. The error has the server's SQLSTATE, or none where it could not be asked.
  virtual Result<std::vector<Row>> query(const std::string& sql, const std::vector<std::string>& parameters) = 0;
  /// False once nothing more can be asked here.
  virtual bool alive() const = 0;
};

}  // namespace weir::proxy
