#include "proxy/admin/admin_connection.h"

#include <unistd.h>

#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <cstdio>
#include <utility>

#include "proxy/admin/socket_owner.h"
#include "proxy/process/log.h"

namespace weir::proxy {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

namespace {

std::string text_of(beast::string_view view) {
  return {view.data(), view.size()};
}

AdminAnswer refusal_of(const weir::Error& error) {
  AdminAnswer answer;
  const auto& state = error.sqlstate;
  answer.status = state == "42501" ? 403 : state == "42704" ? 404 : state == "55000" ? 409 : 400;
  answer.body = error.message + "\n";
  return answer;
}

AdminAnswer answer_of(Result<std::string> json) {
  if (!json) return refusal_of(json.error());
  AdminAnswer answer;
  answer.type = "application/json";
  answer.body = std::move(*json);
  return answer;
}

}  // namespace

AdminConnection::AdminConnection(AdminHall& hall, tcp::socket socket) : hall_(hall), stream_(std::move(socket)) {
  boost::system::error_code error;
  const auto peer = stream_.socket().remote_endpoint(error);
  loopback_ = !error && peer.address().is_loopback();
}

void AdminConnection::read() {
  parser_.emplace();
  parser_->header_limit(AdminServer::kHeaderBytes);
  parser_->body_limit(AdminServer::kBodyBytes);
  stream_.expires_after(AdminServer::kPatience);
  http::async_read(stream_, buffer_, *parser_, [self = shared_from_this()](beast::error_code error, std::size_t) {
    if (error == http::error::header_limit || error == http::error::body_limit) return self->refuse(413);
    const bool is_no_http = error && error.category() == http::make_error_code(http::error::bad_method).category();
    if (is_no_http && error != http::error::end_of_stream) return self->refuse(400);
    if (error) return self->close();
    self->answer();
  });
}

void AdminConnection::refuse(unsigned status) {
  keep_alive_ = false;
  AdminAnswer refused;
  refused.status = status;
  refused.body = status == 503 ? "too many connections\n" : status == 413 ? "too large\n" : "no HTTP request\n";
  write(std::move(refused));
}

/// One event for the page; left out where the one before it is still being written.
void AdminConnection::send(std::shared_ptr<const std::string> event) {
  if (std::exchange(sending_, true)) return;
  stream_.expires_after(AdminServer::kPatience);
  const auto bytes = asio::buffer(*event);
  asio::async_write(stream_, bytes, [self = shared_from_this(), event](beast::error_code error, std::size_t) {
    self->sending_ = false;
    if (error) return self->close();
    self->stream_.expires_never();
  });
}

void AdminConnection::close() {
  boost::system::error_code ignored;
  stream_.socket().shutdown(tcp::socket::shutdown_both, ignored);
  stream_.close();
  lines_.reset();
  hall_.streams.erase(this);
  hall_.lines.erase(this);
  hall_.connections.erase(shared_from_this());
  if (hall_.ending && hall_.lines.empty()) hall_.io.stop();
}

AdminRequest AdminConnection::request_of() {
  const auto& message = parser_->get();
  AdminRequest request;
  request.method = text_of(message.method_string());
  request.target = text_of(message.target());
  request.host = text_of(message[http::field::host]);
  request.accept = text_of(message[http::field::accept]);
  request.authorization = text_of(message[http::field::authorization]);
  request.origin = text_of(message[http::field::origin]);
  request.site = text_of(message["Sec-Fetch-Site"]);
  request.forwarded = message.count("X-Forwarded-For") > 0 || message.count("Forwarded") > 0;
  request.loopback = loopback_;
  request.own_user = loopback_ && !request.forwarded && has_rows(request.target) && is_of_own_user();
  return request;
}

bool AdminConnection::is_of_own_user() {
  const auto owner = owner_of_peer(stream_.socket().native_handle());
  return owner && (*owner == 0 || *owner == ::geteuid());
}

void AdminConnection::answer() {
  keep_alive_ = parser_->get().keep_alive();
  head_ = parser_->get().method() == http::verb::head;
  auto answer = hall_.routes.answer(request_of());
  if (answer.asks_upstream) return ask_upstream();
  if (answer.streams) return begin_stream(answer);
  if (answer.lines) return begin_lines(answer);
  if (answer.replay) return write(answer_of(hall_.options.replay(*answer.replay)));
  write(std::move(answer));
}

void AdminConnection::ask_upstream() {
  if (!hall_.pace.may_ask(ReadinessPace::Clock::now())) return write(hall_.routes.readyz());
  auto timer = std::make_shared<asio::steady_timer>(hall_.io, AdminServer::kUpstreamPatience);
  timer->async_wait([self = shared_from_this(), timer](boost::system::error_code) {
    if (self->stream_.socket().is_open()) self->write(self->hall_.routes.readyz());
  });
  hall_.options.ask_upstream([weak = std::weak_ptr(timer), io = hall_.own_io] {
    asio::post(*io, [weak] {
      if (const auto waiting = weak.lock()) waiting->cancel();
    });
  });
}

void AdminConnection::write(AdminAnswer answer) {
  response_.emplace(static_cast<http::status>(answer.status), 11);
  response_->set(http::field::server, "weir");
  response_->set(http::field::content_type, answer.type);
  response_->set(http::field::cache_control, "no-store");
  response_->set("X-Content-Type-Options", "nosniff");
  response_->set("X-Frame-Options", "DENY");
  response_->set(
      "Content-Security-Policy",
      "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:");
  if (!answer.allow.empty()) response_->set(http::field::allow, answer.allow);
  if (answer.ask_password) response_->set(http::field::www_authenticate, "Basic realm=\"weir\", charset=\"UTF-8\"");
  response_->keep_alive(keep_alive_);
  response_->body() = std::move(answer.body);
  response_->prepare_payload();
  if (head_) response_->body().clear();
  stream_.expires_after(AdminServer::kPatience);
  serializer_.emplace(*response_);
  const auto done = [self = shared_from_this(), then = answer.then](beast::error_code error, std::size_t) {
    self->written(error, then);
  };
  if (head_) {
    http::async_write_header(stream_, *serializer_, done);
  } else {
    http::async_write(stream_, *serializer_, done);
  }
}

void AdminConnection::written(beast::error_code error, AdminAnswer::Then then) {
  if (then == AdminAnswer::Then::drain) hall_.options.drain();
  if (then == AdminAnswer::Then::quit) hall_.options.quit();
  if (error || !keep_alive_) return close();
  read();
}

void AdminConnection::begin_stream(const AdminAnswer& answer) {
  if (!hall_.may_stream()) return refuse(503);
  auto head = std::make_shared<std::string>("HTTP/1.1 200 OK\r\nServer: weir\r\nContent-Type: " + answer.type +
                                            "\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n");
  if (hall_.options.watched) hall_.options.watched();
  *head += hall_.routes.event();
  hall_.streams.insert(this);
  send(std::move(head));
  watch_for_end();
}

/// A page that was left closes its connection; nothing else is expected of it.
void AdminConnection::watch_for_end() {
  stream_.socket().async_read_some(asio::buffer(rest_),
                                   [self = shared_from_this()](beast::error_code error, std::size_t) {
                                     if (error) return self->close();
                                     self->watch_for_end();
                                   });
}

// -- lines ------------------------------------------------------------------------------------------------------------

void AdminConnection::begin_lines(const AdminAnswer& answer) {
  if (!hall_.may_stream()) return refuse(503);
  auto opened = hall_.options.open_lines(*answer.lines, make_wake());
  if (!opened) return write(refusal_of(opened.error()));
  lines_ = std::move(*opened);
  hall_.lines.insert(this);
  chunked_ = parser_->get().version() >= 11;
  // Whoever takes nothing for a while may be a person who reads. One that is gone is found by TCP.
  boost::system::error_code ignored;
  stream_.socket().set_option(asio::socket_base::keep_alive(true), ignored);
  stream_.expires_never();
  write_lines("HTTP/1.1 200 OK\r\nServer: weir\r\nContent-Type: " + answer.type +
                  "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n" +
                  (chunked_ ? "Transfer-Encoding: chunked\r\nTrailer: Weir-End\r\n\r\n" : "\r\n"),
              false);
  watch_for_end();
}

/// One knock at a time, however much is released.
std::function<void()> AdminConnection::make_wake() {
  const auto knocked = std::make_shared<std::atomic<bool>>(false);
  return [weak = weak_from_this(), io = hall_.own_io, knocked] {
    if (knocked->exchange(true)) return;
    asio::post(*io, [weak, knocked] {
      knocked->store(false);
      if (const auto self = weak.lock()) self->pump();
    });
  };
}

void AdminConnection::pump() {
  using Then = LineStream::Next::Then;
  if (!lines_ || sending_) return;
  auto next = lines_->next();
  if (finishing_ && next.then == Then::wait) next = {std::move(next.text), Then::end, lines_->farewell()};
  auto bytes = framed(next.text);
  if (next.then == Then::end && chunked_) bytes += "0\r\nWeir-End: " + next.why + "\r\n\r\n";
  if (!bytes.empty() || next.then == Then::end) return write_lines(std::move(bytes), next.then == Then::end);
  if (next.then == Then::again) asio::post(hall_.io, [self = shared_from_this()] { self->pump(); });
}

std::string AdminConnection::framed(const std::string& text) const {
  if (!chunked_ || text.empty()) return text;
  std::array<char, 24> size{};
  std::snprintf(size.data(), size.size(), "%zx\r\n", text.size());
  return size.data() + text + "\r\n";
}

void AdminConnection::write_lines(std::string bytes, bool is_end) {
  sending_ = true;
  ++writes_;
  const auto kept = std::make_shared<const std::string>(std::move(bytes));
  asio::async_write(stream_, asio::buffer(*kept),
                    [self = shared_from_this(), kept, is_end](beast::error_code error, std::size_t) {
                      self->sending_ = false;
                      if (error || is_end) return self->close();
                      self->pump();
                    });
}

void AdminConnection::look() {
  if (sending_ && looked_ == writes_ && lines_) lines_->rest();
  looked_ = writes_;
}

void AdminConnection::finish() {
  finishing_ = true;
  pump();
}

}  // namespace weir::proxy
