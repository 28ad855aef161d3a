#include "proxy/command/ready.h"

#include "proxy/command/local_socket.h"

namespace weir::proxy {

namespace {

constexpr std::chrono::milliseconds kPatience{3'000};
constexpr std::size_t kAtOnce = 16 * 1024;
constexpr std::size_t kLongestAnswer = 1 << 20;
/// SSLRequest: a server of PostgreSQL's protocol answers it with one byte, and asks nobody for it.
constexpr std::string_view kSslRequest("\0\0\0\x08\x04\xd2\x16\x2f", 8);

Result<void> answers(const HostPort& address) {
  auto socket = LocalSocket::connect(address, kPatience);
  if (!socket) return socket.error();
  if (auto sent = socket->send(kSslRequest); !sent) return sent;
  const auto answer = socket->receive(1);
  if (!answer) return Error{address.text() + ": " + answer.error().message, ""};
  if (*answer != "S" && *answer != "N") return Error{address.text() + ": what answers there is no Weir", ""};
  return {};
}

/// The status line and the body of a short answer.
struct HttpAnswer {
  std::string status;
  std::string body;
};

Result<HttpAnswer> http_get(const HostPort& address, const std::string& path) {
  auto socket = LocalSocket::connect(address, kPatience);
  if (!socket) return socket.error();
  const auto request = "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  if (auto sent = socket->send(request); !sent) return sent.error();
  std::string answer;
  for (;;) {
    auto more = socket->receive(kAtOnce);
    if (!more) return more.error();
    if (more->empty()) break;
    answer += *more;
    if (answer.size() > kLongestAnswer) return Error{"an answer without an end", ""};
  }
  const auto head = answer.find("\r\n\r\n");
  if (!answer.starts_with("HTTP/") || head == answer.npos) return Error{"what answers there is no Weir", ""};
  const auto status = answer.find(' ') + 1;
  return HttpAnswer{answer.substr(status, answer.find("\r\n") - status), answer.substr(head + 4)};
}

/// The listener that nobody asked for may not be there: its port was taken, say.
void ask_admin(Report& report, const AdminSettings& settings) {
  if (!settings.listen || settings.listen->port == 0) return;
  const auto answer = http_get(*settings.listen, "/readyz");
  if (!answer) {
    const auto text = settings.listen->text() + " (admin.listen): " + answer.error().message;
    return settings.named ? report.fail("ready", text) : report.warn("ready", text);
  }
  if (answer->status.starts_with("200")) return report.ok("ready", settings.listen->text() + " says so");
  report.fail("ready", answer->status + ": " + answer->body);
}

}  // namespace

Report check_ready(const ReadSources& read) {
  Report report;
  const auto settings = settle(read.sources);
  if (!settings) {
    report.fail("configuration", settings.error().message);
    return report;
  }
  for (const auto& address : settings->listen) {
    const auto answer = answers(address);
    if (answer) {
      report.ok("listening", address.text());
    } else {
      report.fail("listening", answer.error().message);
    }
  }
  ask_admin(report, settings->admin);
  return report;
}

}  // namespace weir::proxy
