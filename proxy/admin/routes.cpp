#include "proxy/admin/routes.h"

#include <algorithm>
#include <array>

#include "proxy/admin/health.h"
#include "proxy/admin/metrics.h"
#include "proxy/admin/snapshot_json.h"
#include "wire/base64.h"

namespace weir::proxy {

namespace {

constexpr std::string_view kJson = "application/json";

AdminAnswer text(unsigned status, std::string body) {
  AdminAnswer answer;
  answer.status = status;
  answer.body = std::move(body);
  return answer;
}

/// Takes the same time wherever they differ.
bool same(std::string_view given, std::string_view token) {
  unsigned char difference = given.size() == token.size() ? 0 : 1;
  for (std::size_t i = 0; i < given.size(); ++i)
    difference |= static_cast<unsigned char>(given[i] ^ token[i % std::max<std::size_t>(token.size(), 1)]);
  return difference == 0;
}

std::string_view without_port(std::string_view host) {
  if (host.starts_with('[')) return host.substr(0, host.find(']') + 1);
  return host.substr(0, host.find(':'));
}

/// An address, or the one name that no name server answers for.
bool cannot_be_rebound(std::string_view host) {
  const auto name = without_port(host);
  if (name == "localhost" || name.empty() || name.starts_with('[')) return true;
  return std::all_of(name.begin(), name.end(), [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
}

/// "http://127.0.0.1:6433" is that of 127.0.0.1:6433.
bool is_of(std::string_view origin, std::string_view host) {
  const auto scheme = origin.find("://");
  return scheme != std::string_view::npos && origin.substr(scheme + 3) == host;
}

bool comes_from_elsewhere(const AdminRequest& request) {
  if (!request.origin.empty() && !is_of(request.origin, request.host)) return true;
  return !request.site.empty() && request.site != "same-origin" && request.site != "none";
}

AdminAnswer not_allowed(std::string allow) {
  auto answer = text(405, "this needs " + allow + "\n");
  answer.allow = std::move(allow);
  return answer;
}

constexpr std::array<std::string_view, 7> kReads = {"/",      "/metrics", "/healthz", "/readyz",
                                                    "/stats", "/events",  "/tail"};
constexpr std::array<std::string_view, 3> kOrders = {"/drain", "/quitquitquit", "/replay"};

bool is_one_of(std::string_view path, const auto& paths) {
  return std::find(paths.begin(), paths.end(), path) != paths.end();
}

}  // namespace

bool AdminRoutes::has_token(std::string_view authorization) const {
  constexpr std::string_view kBearer = "Bearer ";
  constexpr std::string_view kBasic = "Basic ";
  if (token_.empty()) return false;
  if (authorization.starts_with(kBearer)) return same(authorization.substr(kBearer.size()), token_);
  if (!authorization.starts_with(kBasic)) return false;
  const auto pair = wire::from_base64(authorization.substr(kBasic.size()));
  const auto colon = pair ? pair->find(':') : std::string::npos;
  return colon != std::string::npos && same(std::string_view(*pair).substr(colon + 1), token_);
}

bool AdminRoutes::is_trusted(const AdminRequest& request) const {
  return (request.loopback && !request.forwarded) || has_token(request.authorization);
}

AdminAnswer AdminRoutes::answer(const AdminRequest& request) const {
  const std::string_view path = std::string_view(request.target).substr(0, request.target.find('?'));
  const bool read = is_one_of(path, kReads);
  const bool order = is_one_of(path, kOrders);
  if (!read && !order)
    return text(404,
                "there is / /metrics /healthz /readyz /stats /events /tail, and POST /drain /quitquitquit /replay\n");
  if (request.loopback && !cannot_be_rebound(request.host))
    return text(421, "over loopback this listener is asked by its address or as localhost\n");
  if (read && request.method != "GET" && request.method != "HEAD") return not_allowed("GET, HEAD");
  if (order && request.method != "POST") return not_allowed("POST");
  const bool open = path == "/metrics" || path == "/healthz" || path == "/readyz";
  if (!open && !is_trusted(request)) {
    auto refused =
        text(token_.empty() ? 403 : 401, token_.empty() ? "only over loopback; admin.token would allow more\n"
                                                        : "this needs the token (admin.token)\n");
    refused.ask_password = !token_.empty();
    return refused;
  }
  return read ? get(request, path) : post(request, path);
}

/// For any account of the machine reaches loopback.
bool has_rows(std::string_view target) {
  return target.substr(0, target.find('?')) == "/tail";
}

AdminAnswer AdminRoutes::get(const AdminRequest& request, std::string_view path) const {
  AdminAnswer answer;
  if (path == "/healthz") {
    answer.body = "ok\n";
  } else if (path == "/readyz") {
    answer.asks_upstream = true;
  } else if (path == "/metrics") {
    const auto format = accepted_format(request.accept);
    answer.type = content_type(format);
    answer.body = metrics_page(look_(), format);
  } else if (path == "/stats") {
    answer.type = kJson;
    answer.body = snapshot_json(look_()) + "\n";
  } else if (path == "/events") {
    if (comes_from_elsewhere(request)) return text(403, "not from a page of another site\n");
    answer.type = "text/event-stream";
    answer.streams = request.method == "GET";
  } else if (path == "/tail") {
    if (comes_from_elsewhere(request)) return text(403, "not from a page of another site\n");
    if (!request.own_user && !has_token(request.authorization))
      return text(403, "rows are shown to Weir's own user and to root; admin.token would allow more\n");
    const auto query = request.target.find('?');
    if (request.method == "GET") answer.lines = query == request.target.npos ? "" : request.target.substr(query + 1);
  } else {
    answer.type = "text/html; charset=utf-8";
    answer.body = admin_page();
  }
  return answer;
}

AdminAnswer AdminRoutes::post(const AdminRequest& request, std::string_view path) const {
  if (comes_from_elsewhere(request)) return text(403, "not from a page of another site\n");
  if (path == "/replay") {
    AdminAnswer answer;
    const auto query = request.target.find('?');
    answer.replay = query == request.target.npos ? "" : request.target.substr(query + 1);
    return answer;
  }
  auto answer = text(200, path == "/drain" ? "draining: no new clients; sessions that are there go on\n" : "ending\n");
  answer.then = path == "/drain" ? AdminAnswer::Then::drain : AdminAnswer::Then::quit;
  return answer;
}

AdminAnswer AdminRoutes::readyz() const {
  const auto readiness = judge(look_());
  auto answer = text(readiness.ready ? 200 : 503, readiness.json);
  answer.type = kJson;
  return answer;
}

std::string AdminRoutes::event() const {
  return "data: " + snapshot_json(look_()) + "\n\n";
}

}  // namespace weir::proxy
