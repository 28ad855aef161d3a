#include "proxy/command/ready.h"

#include "proxy/command/admin_client.h"
#include "proxy/command/local_socket.h"

namespace weir::proxy {

namespace {

constexpr std::chrono::milliseconds kPatience{3'000};
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

/// The listener that nobody asked for may not be there: its port was taken, say.
void check_admin(Report& report, const AdminSettings& settings) {
  if (!settings.listen || settings.listen->port == 0) return;
  const auto answer = ask_admin({*settings.listen, ""}, "GET", "/readyz");
  if (!answer) {
    const auto text = answer.error().message + " (admin.listen)";
    return settings.named ? report.fail("ready", text) : report.warn("ready", text);
  }
  if (answer->status == 200) return report.ok("ready", settings.listen->text() + " says so");
  report.fail("ready", answer->status_line + ": " + answer->body);
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
  check_admin(report, settings->admin);
  return report;
}

}  // namespace weir::proxy
