#include "proxy/command/tail_command.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "proxy/command/admin_client.h"
#include "proxy/command/arguments.h"
#include "proxy/command/signals.h"
#include "proxy/command/subcommand.h"

namespace weir::proxy {

namespace {

/// So much at once does not block on a pipe that poll says has room (PIPE_BUF).
constexpr std::size_t kAtOnce = 4096;

/// From the answer to stdout, until one of them ends.
class Passing {
 public:
  explicit Passing(AdminAnswerReader& from) : from_(from) {}

  int run() {
    for (;;) {
      rest_ += from_.answer().take_body();
      if (rest_.empty() && from_.answer().is_over()) return say_end();
      std::array<pollfd, 3> polled = {{{signals_.descriptor(), POLLIN, 0},
                                       {STDOUT_FILENO, static_cast<short>(rest_.empty() ? 0 : POLLOUT), 0},
                                       {from_.descriptor(), POLLIN, 0}}};
      // Nothing is read while something is still to be written.
      const nfds_t count = rest_.empty() ? 3 : 2;
      if (::poll(polled.data(), count, -1) < 0 && errno != EINTR) return complain(kCommandFailed, std::strerror(errno));
      if (polled[0].revents != 0) return 0;
      if ((polled[1].revents & (POLLERR | POLLNVAL)) != 0) return 0;  // nobody reads it any more
      if (polled[1].revents != 0 && !write_some()) return failed_;
      if (count == 3 && polled[2].revents != 0 && !read_some()) return failed_;
    }
  }

 private:
  bool write_some() {
    const auto written = ::write(STDOUT_FILENO, rest_.data(), std::min(rest_.size(), kAtOnce));
    if (written < 0 && (errno == EINTR || errno == EAGAIN)) return true;
    if (written < 0)
      failed_ = errno == EPIPE ? 0 : complain(kCommandFailed, std::string("stdout: ") + std::strerror(errno));
    if (written < 0) return false;
    rest_.erase(0, static_cast<std::size_t>(written));
    return true;
  }

  bool read_some() {
    const auto read = from_.read();
    if (read || from_.answer().is_over()) return true;
    failed_ = complain(kCommandFailed, read.error().message);
    return false;
  }

  /// All that came is written.
  int say_end() {
    if (from_.answer().state() == HttpAnswer::State::broken)
      return complain(kCommandFailed, "Weir does not answer any more: it ended, or the connection broke off");
    const auto why = from_.answer().trailer("weir-end");
    if (why == "count") return 0;
    constexpr std::string_view kShutdown = "shutdown";
    if (!why.starts_with(kShutdown)) return complain(kCommandFailed, why.empty() ? "Weir says no more" : why);
    return complain(kCommandFailed, "Weir ends" + why.substr(kShutdown.size()));
  }

  Signals signals_{SIGINT, SIGTERM, SIGHUP, SIGPIPE};
  AdminAnswerReader& from_;
  std::string rest_;  // read, and not written yet
  int failed_ = 0;
};

/// The head of the answer, and where it is a refusal, all of it.
Result<void> read_head(const AdminTarget& target, AdminAnswerReader& reader) {
  auto& answer = reader.answer();
  while (answer.state() == HttpAnswer::State::head)
    if (auto read = reader.read(); !read) return read;
  if (answer.status() == 200) return {};
  AdminReply refused{answer.status(), answer.status_line(), {}};
  while (!answer.is_over() && reader.read()) continue;
  refused.body = answer.take_body();
  return Error{refusal_text(target, refused), ""};
}

}  // namespace

Result<Query> take_tail_query(std::vector<std::string>& arguments) {
  Query query;
  for (const std::string name : {"table", "format", "from", "count"}) {
    const auto values = take_flags(arguments, "--" + name);
    if (!values) return values.error();
    for (const auto& value : *values) query.emplace_back(name, value);
  }
  return query;
}

int run_tail(const std::vector<std::string>& given) {
  std::vector<std::string> arguments = given;
  auto query = take_tail_query(arguments);
  if (!query) return complain(kCommandUsage, query.error().message);
  if (::isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr) query->emplace_back("colour", "true");
  int code = 0;
  const auto target = read_admin_target("tail", arguments, code);
  if (!target) return code;
  auto reader = AdminAnswerReader::ask(*target, "GET", "/tail" + (query->empty() ? "" : "?" + query_text(*query)));
  if (!reader) return complain(kCommandFailed, reader.error().message);
  if (const auto head = read_head(*target, *reader); !head)
    return complain(reader->answer().status() == 400 ? kCommandUsage : kCommandFailed, head.error().message);
  return Passing(*reader).run();
}

}  // namespace weir::proxy
