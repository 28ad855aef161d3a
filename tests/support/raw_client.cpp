#include "tests/support/raw_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <stdexcept>

namespace weir::test_support {
namespace {

using Clock = std::chrono::steady_clock;

void put16(std::string& out, std::size_t value) {
  out.push_back(static_cast<char>(value >> 8 & 0xff));
  out.push_back(static_cast<char>(value & 0xff));
}

void put32(std::string& out, std::uint32_t value) {
  put16(out, value >> 16);
  put16(out, value & 0xffff);
}

void put_text(std::string& out, const std::string& text) {
  out += text;
  out.push_back('\0');
}

/// Reads a message body; past its end everything is 0 and empty, and `damaged` says so.
class Reader {
 public:
  explicit Reader(std::string_view body) : rest_(body) {}

  std::uint32_t number(std::size_t size) {
    std::uint32_t value = 0;
    for (const char c : bytes(size)) value = value << 8 | static_cast<unsigned char>(c);
    return value;
  }
  std::string_view bytes(std::size_t size) {
    damaged_ = damaged_ || size > rest_.size();
    const auto taken = rest_.substr(0, size);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  std::string text() {
    const auto end = rest_.find('\0');
    damaged_ = damaged_ || end == std::string_view::npos;
    const std::string taken(rest_.substr(0, end));
    rest_.remove_prefix(std::min(rest_.size(), taken.size() + 1));
    return taken;
  }
  bool empty() const { return rest_.empty(); }
  std::string verdict() const { return damaged_ ? " (truncated)" : rest_.empty() ? "" : " (trailing bytes)"; }

 private:
  std::string_view rest_;
  bool damaged_ = false;
};

std::string render_fields(const char* name, Reader& body) {
  std::string out = name;
  for (;;) {
    const auto code = body.number(1);
    if (code == 0) break;
    const auto value = body.text();
    if (code == 'F' || code == 'L' || code == 'R') continue;
    out += std::string(" ") + static_cast<char>(code) + "=" + printable(value);
  }
  return out;
}

std::string render_row_description(Reader& body) {
  std::string out = "RowDescription";
  const auto count = body.number(2);
  for (std::uint32_t i = 0; i < count && !body.empty(); ++i) {
    // One read for each statement: the operands of + may be evaluated in any order.
    out += " [" + printable(body.text());
    out += " table " + render_oid(body.number(4));
    out += "." + std::to_string(body.number(2));
    out += " type " + render_oid(body.number(4));
    for (const std::size_t size : {2, 4, 2}) out += " " + std::to_string(static_cast<std::int32_t>(body.number(size)));
    out += "]";
  }
  return out;
}

std::string render_data_row(Reader& body) {
  std::string out = "DataRow";
  const auto count = body.number(2);
  for (std::uint32_t i = 0; i < count && !body.empty(); ++i) {
    const auto size = body.number(4);
    out += size == 0xffffffff ? " NULL" : " '" + printable(body.bytes(size)) + "'";
  }
  return out;
}

std::string render_numbers(const char* name, Reader& body, std::size_t size) {
  std::string out = name;
  const auto count = body.number(2);
  for (std::uint32_t i = 0; i < count && !body.empty(); ++i) out += " " + std::to_string(body.number(size));
  return out;
}

std::string render_types(Reader& body) {
  std::string out = "ParameterDescription";
  const auto count = body.number(2);
  for (std::uint32_t i = 0; i < count && !body.empty(); ++i) out += " " + render_oid(body.number(4));
  return out;
}

std::string render_copy_response(const char* name, Reader& body) {
  const auto format = body.number(1);
  return render_numbers((std::string(name) + " " + std::to_string(format) + " columns").c_str(), body, 2);
}

std::string render_notification(Reader& body) {
  body.number(4);  // the notifying backend's process id
  const auto channel = body.text();
  return "NotificationResponse " + printable(channel) + " " + printable(body.text());
}

std::string render_parameter_status(Reader& body) {
  const auto name = body.text();
  return "ParameterStatus " + name + "=" + printable(body.text());
}

std::string render_authentication(const Message& message, Reader& body) {
  const auto kind = "Authentication " + std::to_string(body.number(4));
  return kind + printable(body.bytes(message.body.size() - 4));
}

const char* bare_name(char type) {
  switch (type) {
    case '1':
      return "ParseComplete";
    case '2':
      return "BindComplete";
    case '3':
      return "CloseComplete";
    case 'I':
      return "EmptyQueryResponse";
    case 'n':
      return "NoData";
    case 's':
      return "PortalSuspended";
    case 'c':
      return "CopyDone";
    default:
      return nullptr;
  }
}

std::string render_body(const Message& message, Reader& body) {
  switch (message.type) {
    case 'R':
      return render_authentication(message, body);
    case 'S':
      return render_parameter_status(body);
    case 'K':
      return "BackendKeyData of " + std::to_string(body.bytes(message.body.size()).size()) + " bytes";
    case 'Z':
      return std::string("ReadyForQuery ") + printable(body.bytes(1));
    case 'T':
      return render_row_description(body);
    case 'D':
      return render_data_row(body);
    case 'C':
      return "CommandComplete " + printable(body.text());
    case 'E':
      return render_fields("ErrorResponse", body);
    case 'N':
      return render_fields("NoticeResponse", body);
    case 't':
      return render_types(body);
    case 'G':
      return render_copy_response("CopyInResponse", body);
    case 'H':
      return render_copy_response("CopyOutResponse", body);
    case 'W':
      return render_copy_response("CopyBothResponse", body);
    case 'd':
      return "CopyData " + printable(body.bytes(message.body.size()));
    case 'A':
      return render_notification(body);
    default:
      return std::string("message ") + message.type + " " + printable(body.bytes(message.body.size()));
  }
}

}  // namespace

std::string printable(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    if (c >= ' ' && c < 127 && c != '\\') {
      out.push_back(c);
    } else {
      std::array<char, 5> escaped{};
      std::snprintf(escaped.data(), escaped.size(), "\\x%02x", static_cast<unsigned char>(c));
      out += escaped.data();
    }
  }
  return out;
}

std::string render_oid(std::uint32_t oid) {
  constexpr std::uint32_t first_normal_oid = 16384;
  return oid < first_normal_oid ? std::to_string(oid) : "{oid " + std::to_string(oid) + "}";
}

std::string render(const Message& message) {
  Reader body(message.body);
  if (const char* name = bare_name(message.type)) return name + body.verdict();
  const auto out = render_body(message, body);
  return out + body.verdict();
}

RawClient::RawClient(int port, std::chrono::milliseconds patience) : patience_(patience) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socket_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    close(socket_);
    throw std::runtime_error("nobody listens on 127.0.0.1:" + std::to_string(port));
  }
  const int on = 1;
  setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

RawClient::~RawClient() {
  close_now();
}

RawClient& RawClient::startup(const Parameters& parameters, std::uint32_t protocol) {
  std::string body;
  put32(body, protocol);
  for (const auto& [name, value] : parameters) {
    put_text(body, name);
    put_text(body, value);
  }
  body.push_back('\0');
  put32(out_, static_cast<std::uint32_t>(body.size() + 4));
  out_ += body;
  ++ready_expected_;
  return *this;
}

RawClient& RawClient::request(char type, const std::string& body) {
  out_.push_back(type);
  put32(out_, static_cast<std::uint32_t>(body.size() + 4));
  out_ += body;
  return *this;
}

RawClient& RawClient::raw(const std::string& bytes) {
  out_ += bytes;
  return *this;
}

RawClient& RawClient::query(const std::string& sql) {
  ++ready_expected_;
  return request('Q', sql + '\0');
}

RawClient& RawClient::sync() {
  ++ready_expected_;
  return request('S', "");
}

RawClient& RawClient::parse(const std::string& name, const std::string& sql, const std::vector<std::uint32_t>& types) {
  std::string body;
  put_text(body, name);
  put_text(body, sql);
  put16(body, types.size());
  for (const auto type : types) put32(body, type);
  return request('P', body);
}

RawClient& RawClient::bind(const std::string& portal, const std::string& statement, const BindOptions& options) {
  std::string body;
  put_text(body, portal);
  put_text(body, statement);
  put16(body, options.parameter_formats.size());
  for (const int format : options.parameter_formats) put16(body, static_cast<std::size_t>(format));
  put16(body, options.parameters.size());
  for (const auto& parameter : options.parameters) {
    put32(body, parameter ? static_cast<std::uint32_t>(parameter->size()) : 0xffffffff);
    body += parameter.value_or("");
  }
  put16(body, options.result_formats.size());
  for (const int format : options.result_formats) put16(body, static_cast<std::size_t>(format));
  return request('B', body);
}

RawClient& RawClient::execute(const std::string& portal, int row_limit) {
  std::string body;
  put_text(body, portal);
  put32(body, static_cast<std::uint32_t>(row_limit));
  return request('E', body);
}

RawClient& RawClient::named(char type, char what, const std::string& name) {
  std::string body(1, what);
  put_text(body, name);
  return request(type, body);
}

RawClient& RawClient::copy_fail(const std::string& reason) {
  return request('f', reason + '\0');
}

void RawClient::write_some() {
  const auto sent = send(socket_, out_.data(), out_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent > 0) out_.erase(0, static_cast<std::size_t>(sent));
  // A peer that reads no more may still have answers under way: they are read, the rest of the requests is dropped.
  if (sent < 0 && errno != EAGAIN && errno != EINTR) out_.clear();
}

void RawClient::read_some() {
  std::array<char, 65536> buffer;
  const auto got = recv(socket_, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (got > 0) {
    in_.erase(0, std::exchange(taken_, 0));
    in_.append(buffer.data(), static_cast<std::size_t>(got));
  } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
    ended_ = true;
  }
}

// Messages behind the one that is waited for stay in the buffer, so that a recording does not depend on how they were
// cut into reads.
bool RawClient::take_message() {
  if (in_.size() - taken_ < 5) return false;
  Reader head(std::string_view(in_).substr(taken_ + 1, 4));
  const std::size_t size = head.number(4);
  if (size < 4) throw std::runtime_error("the peer sent a message with an impossible length");
  if (in_.size() - taken_ < size + 1) return false;
  note({in_[taken_], in_.substr(taken_ + 5, size - 4)});
  taken_ += size + 1;
  return true;
}

void RawClient::note(const Message& message) {
  if (message.type == 'Z') ++ready_seen_;
  if (message.type == 'K') {
    Reader body(message.body);
    backend_pid_ = body.number(4);
    backend_key_ = message.body.substr(4);
  }
  copy_in_ = message.type == 'G' || message.type == 'W';
  messages_.push_back(message);
  transcript_.push_back(render(message));
}

bool RawClient::poll_once(Clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  pollfd descriptor{socket_, static_cast<short>(POLLIN | (out_.empty() ? 0 : POLLOUT)), 0};
  if (left <= 0 || poll(&descriptor, 1, static_cast<int>(left)) == 0) return false;
  if (descriptor.revents & POLLOUT) write_some();
  if (descriptor.revents & (POLLIN | POLLHUP | POLLERR)) read_some();
  return true;
}

template <typename Done>
void RawClient::pump(Done done) {
  const auto deadline = Clock::now() + patience_;
  while (!closed_ && !(out_.empty() && done())) {
    if (take_message()) continue;
    if (ended_) {
      closed_ = true;
      transcript_.push_back(taken_ == in_.size() ? "(closed)" : "(closed inside a message)");
    } else if (!poll_once(deadline)) {
      transcript_.push_back("(no answer)");
      return;
    }
  }
}

void RawClient::read_until_ready() {
  copy_in_ = false;
  pump([this] { return ready_seen_ >= ready_expected_ || copy_in_; });
  // After an error in the extended protocol a Query is skipped: what was expected before this call is settled by it.
  ready_expected_ = ready_seen_;
}

void RawClient::read_until(char type, int count) {
  const auto start = messages_.size();
  pump([&] {
    int seen = 0;
    for (auto i = start; i < messages_.size(); ++i) seen += messages_[i].type == type ? 1 : 0;
    return seen >= count;
  });
  if (type == 'Z') ready_expected_ = ready_seen_;
}

void RawClient::read_until_closed() {
  pump([] { return false; });
}

bool RawClient::read_byte(char& byte) {
  pollfd descriptor{socket_, POLLIN, 0};
  return poll(&descriptor, 1, static_cast<int>(patience_.count())) == 1 && recv(socket_, &byte, 1, 0) == 1;
}

void RawClient::send_all() {
  pump([] { return true; });
}

void RawClient::half_close() {
  send_all();
  shutdown(socket_, SHUT_WR);
}

void RawClient::close_now() {
  if (socket_ >= 0) close(socket_);
  socket_ = -1;
  closed_ = true;
}

std::vector<std::string> RawClient::take_transcript() {
  return std::exchange(transcript_, {});
}

}  // namespace weir::test_support
