#include "proxy/command/admin_client.h"

#include <utility>

#include "proxy/command/arguments.h"
#include "proxy/command/subcommand.h"
#include "proxy/settings/expand.h"
#include "proxy/settings/settings.h"

namespace weir::proxy {

namespace {

constexpr std::size_t kAtOnce = 64 * 1024;
constexpr std::size_t kLongestAnswer = 64u << 20;

Result<void> rename_flag(std::vector<std::string>& arguments, const std::string& flag, const std::string& setting) {
  auto value = take_flag(arguments, flag);
  if (!value) return value.error();
  if (!value->empty()) arguments.insert(arguments.end(), {setting, std::move(*value)});
  return {};
}

/// Nothing else of the settings matters here, and nothing else needs to be right.
Result<AdminSettings> admin_settings(const ReadSources& read) {
  Settings settings = default_settings();
  for (const auto& one : effective(read.sources)) {
    if (one.row->key != "admin.listen" && one.row->key != "admin.token") continue;
    const auto& assignment = *one.assignments.front();
    const auto value = expand(assignment.value, false);
    if (!value) return Error{assignment.place + " " + value.error().message, ""};
    if (const auto complaint = one.row->store(settings, *value)) return Error{assignment.place + " " + *complaint, ""};
  }
  if (!settings.admin.listen || settings.admin.listen->port == 0)
    return Error{"this needs the admin listener of a Weir that runs: --admin HOST:PORT says where it is", ""};
  return settings.admin;
}

}  // namespace

std::optional<AdminTarget> read_admin_target(std::string_view command, std::vector<std::string> arguments, int& code) {
  auto renamed = rename_flag(arguments, "--admin", "--admin.listen");
  if (renamed) renamed = rename_flag(arguments, "--token", "--admin.token");
  if (!renamed) {
    code = complain(kCommandUsage, renamed.error().message);
    return std::nullopt;
  }
  const auto read = read_command_sources(command, arguments, code);
  if (!read) return std::nullopt;
  auto admin = admin_settings(*read);
  if (admin) return AdminTarget{*admin->listen, std::move(admin->token)};
  code = complain(kCommandUsage, admin.error().message);
  return std::nullopt;
}

std::string admin_request(const AdminTarget& target, std::string_view method, std::string_view path) {
  std::string text(method);
  text += " ";
  text += path;
  text += " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n";
  if (!target.token.empty()) text += "Authorization: Bearer " + target.token + "\r\n";
  return text + "\r\n";
}

Result<AdminAnswerReader> AdminAnswerReader::ask(const AdminTarget& target, std::string_view method,
                                                 std::string_view path) {
  auto socket = LocalSocket::connect(target.address, kPatience);
  if (!socket) return socket.error();
  AdminAnswerReader reader(std::move(*socket), target.address.text());
  if (auto sent = reader.socket_.send(admin_request(target, method, path)); !sent)
    return Error{reader.address_ + ": " + sent.error().message, ""};
  return reader;
}

Result<void> AdminAnswerReader::read() {
  const auto bytes = socket_.receive(kAtOnce);
  if (!bytes) return Error{address_ + ": " + bytes.error().message, ""};
  if (bytes->empty()) {
    answer_.close();
  } else {
    answer_.take(*bytes);
  }
  if (answer_.state() != HttpAnswer::State::broken) return {};
  return Error{address_ + (answer_.status() == 0 ? ": what answers there is no Weir" : ": the answer broke off"), ""};
}

Result<AdminReply> ask_admin(const AdminTarget& target, std::string_view method, std::string_view path) {
  auto reader = AdminAnswerReader::ask(target, method, path);
  if (!reader) return reader.error();
  AdminReply reply;
  while (!reader->answer().is_over()) {
    if (auto read = reader->read(); !read) return read.error();
    reply.body += reader->answer().take_body();
    if (reply.body.size() > kLongestAnswer) return Error{target.address.text() + ": an answer without an end", ""};
  }
  reply.status = reader->answer().status();
  reply.status_line = reader->answer().status_line();
  return reply;
}

std::string refusal_text(const AdminTarget& target, const AdminReply& reply) {
  std::string body = reply.body.substr(0, reply.body.find_last_not_of("\r\n") + 1);
  return target.address.text() + ": " + (body.empty() ? reply.status_line : body);
}

}  // namespace weir::proxy
