// libpq, for Weir's own side connections. Only this file and the reading of `upstream` know it.
//
// A SideConnection is used by one thread and blocks it; it is never used for what clients send. Passwords come in
// with the URI and never leave: no message of this file repeats a URI or a connection string.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "proxy/doubt/askable_database.h"
#include "proxy/io/endpoint.h"
#include "proxy/settings/credentials.h"

namespace weir::proxy {

class SideConnection final : public AskableDatabase {
 public:
  /// Logs in. Where `credentials` have no user or database, libpq's own rules hold (environment, passfile). The error's
  /// sqlstate is empty where the server was not reached.
  static Result<SideConnection> open(const Upstream& upstream, const Credentials& credentials);

  /// Whether a server answers at one of the hosts, without a login; the error says what is the matter.
  static Result<void> reach(const Upstream& upstream);

  Result<std::vector<Row>> query(const std::string& sql, const std::vector<std::string>& parameters = {}) override;
  bool alive() const override;

 private:
  struct Close {
    void operator()(void* connection) const;
  };
  explicit SideConnection(void* connection) : connection_(connection) {}
  std::unique_ptr<void, Close> connection_;
};

}  // namespace weir::proxy
