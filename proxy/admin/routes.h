// What the admin listener answers: request in, answer out, without sockets. The I/O is admin_server.h.
//
// Who may ask what:
// - /metrics, /healthz and /readyz: anybody who reaches the listener.
// - the page, what it reads, /tail, and every POST: whoever comes over loopback, or has the token (Authorization:
// Bearer, or
//   as the password of Basic, which browsers ask for). What a proxy in front forwards is not loopback.
// - /tail, which has rows, over loopback only Weir's own user and root;
// - over loopback a Host that is no address and not localhost is refused, and so is a POST that another site's page
//   makes: a browser on this machine must not be led here (DNS rebinding, cross-site requests).
//
// Nothing here waits. A request that needs the database to be asked says so (`asks_upstream`); then readyz() answers.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/admin/snapshot.h"

namespace weir::proxy {

struct AdminRequest {
  std::string method;
  std::string target;  ///< with its query
  std::string host;
  std::string accept;
  std::string authorization;
  std::string origin;
  std::string site;        ///< Sec-Fetch-Site
  bool forwarded = false;  ///< X-Forwarded-For or Forwarded is there
  bool loopback = false;   ///< where the connection comes from
  /// Over loopback, and from a process of Weir's own user or of root. Only asked for where rows are (has_rows).
  bool own_user = false;
};

struct AdminAnswer {
  /// What is to happen once the answer is written.
  enum class Then { nothing, drain, quit };
  unsigned status = 200;
  std::string type = "text/plain; charset=utf-8";
  std::string body;
  std::string allow = {};  ///< the header, of 405
  bool ask_password = false;
  bool asks_upstream = false;  ///< readyz() answers, once the database was asked
  bool streams = false;        ///< server-sent events follow
  /// Lines follow (line_stream.h), of what this query says.
  std::optional<std::string> lines = {};
  /// The answer to this order is AdminServer::Options::replay's.
  std::optional<std::string> replay = {};
  Then then = Then::nothing;
};

/// Whether what this target answers has the values of rows.
bool has_rows(std::string_view target);

class AdminRoutes {
 public:
  AdminRoutes(std::string token, std::function<Snapshot()> look) : token_(std::move(token)), look_(std::move(look)) {}

  /// Another one counts from now on.
  void set_token(std::string token) { token_ = std::move(token); }
  AdminAnswer answer(const AdminRequest& request) const;
  AdminAnswer readyz() const;
  /// One server-sent event: the snapshot.
  std::string event() const;

 private:
  bool is_trusted(const AdminRequest& request) const;
  bool has_token(std::string_view authorization) const;
  AdminAnswer get(const AdminRequest& request, std::string_view path) const;
  AdminAnswer post(const AdminRequest& request, std::string_view path) const;

  std::string token_;
  const std::function<Snapshot()> look_;
};

/// The page at /: HTML, with all it needs.
std::string_view admin_page();

}  // namespace weir::proxy
