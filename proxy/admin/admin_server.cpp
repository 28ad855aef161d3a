#include "proxy/admin/admin_server.h"

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "proxy/admin/health.h"
#include "proxy/process/log.h"
#include "proxy/process/thread.h"

namespace weir::proxy {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

namespace {

constexpr std::chrono::seconds kEventInterval{1};
/// Out of descriptors: tried again so much later.
constexpr std::chrono::milliseconds kAcceptPause{100};

class AdminConnection;

/// What the connections share; used on the listener's thread.
struct Hall {
  explicit Hall(AdminServer::Options with) : options(std::move(with)), routes(options.token, options.look) {}

  const AdminServer::Options options;
  const AdminRoutes routes;
  /// Shared with whoever answers a question about the database: late, perhaps, and then in vain.
  const std::shared_ptr<asio::io_context> own_io = std::make_shared<asio::io_context>(1);
  asio::io_context& io = *own_io;
  tcp::acceptor acceptor{io};
  asio::steady_timer pause{io};
  asio::steady_timer tick{io};
  ReadinessPace pace;
  std::set<std::shared_ptr<AdminConnection>> connections;
  std::set<AdminConnection*> streams;
};

std::string text_of(beast::string_view view) {
  return {view.data(), view.size()};
}

class AdminConnection : public std::enable_shared_from_this<AdminConnection> {
 public:
  AdminConnection(Hall& hall, tcp::socket socket) : hall_(hall), stream_(std::move(socket)) {
    boost::system::error_code error;
    const auto peer = stream_.socket().remote_endpoint(error);
    loopback_ = !error && peer.address().is_loopback();
  }

  void read() {
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

  void refuse(unsigned status) {
    keep_alive_ = false;
    AdminAnswer refused;
    refused.status = status;
    refused.body = status == 503 ? "too many connections\n" : status == 413 ? "too large\n" : "no HTTP request\n";
    write(std::move(refused));
  }

  /// One event for the page; left out where the one before it is still being written.
  void send(std::shared_ptr<const std::string> event) {
    if (std::exchange(sending_, true)) return;
    stream_.expires_after(AdminServer::kPatience);
    const auto bytes = asio::buffer(*event);
    asio::async_write(stream_, bytes, [self = shared_from_this(), event](beast::error_code error, std::size_t) {
      self->sending_ = false;
      if (error) return self->close();
      self->stream_.expires_never();
    });
  }

  void close() {
    boost::system::error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_both, ignored);
    stream_.close();
    hall_.streams.erase(this);
    hall_.connections.erase(shared_from_this());
  }

 private:
  AdminRequest request_of() const {
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
    return request;
  }

  void answer() {
    keep_alive_ = parser_->get().keep_alive();
    head_ = parser_->get().method() == http::verb::head;
    auto answer = hall_.routes.answer(request_of());
    if (answer.asks_upstream) return ask_upstream();
    if (answer.streams) return begin_stream(answer);
    write(std::move(answer));
  }

  void ask_upstream() {
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

  void write(AdminAnswer answer) {
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

  void written(beast::error_code error, AdminAnswer::Then then) {
    if (then == AdminAnswer::Then::drain) hall_.options.drain();
    if (then == AdminAnswer::Then::quit) hall_.options.quit();
    if (error || !keep_alive_) return close();
    read();
  }

  void begin_stream(const AdminAnswer& answer) {
    if (hall_.streams.size() >= AdminServer::kStreams) return refuse(503);
    auto head = std::make_shared<std::string>("HTTP/1.1 200 OK\r\nServer: weir\r\nContent-Type: " + answer.type +
                                              "\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n");
    if (hall_.options.watched) hall_.options.watched();
    *head += hall_.routes.event();
    hall_.streams.insert(this);
    send(std::move(head));
    watch_for_end();
  }

  /// A page that was left closes its connection; nothing else is expected of it.
  void watch_for_end() {
    stream_.socket().async_read_some(asio::buffer(rest_),
                                     [self = shared_from_this()](beast::error_code error, std::size_t) {
                                       if (error) return self->close();
                                       self->watch_for_end();
                                     });
  }

  Hall& hall_;
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_{AdminServer::kHeaderBytes + AdminServer::kBodyBytes};
  std::optional<http::request_parser<http::string_body>> parser_;
  std::optional<http::response<http::string_body>> response_;
  std::optional<http::response_serializer<http::string_body>> serializer_;
  std::array<char, 256> rest_{};
  bool loopback_ = false;
  bool keep_alive_ = false;
  bool head_ = false;
  bool sending_ = false;
};

}  // namespace

struct AdminServer::Running {
  explicit Running(Options options) : hall(std::move(options)), address(hall.options.listen) {}

  void accept();
  void tick();
  void run();

  Hall hall;
  HostPort address;
  std::thread thread;
};

AdminServer::AdminServer(Options options) : running_(std::make_unique<Running>(std::move(options))) {}

AdminServer::~AdminServer() {
  stop();
}

const HostPort& AdminServer::address() const {
  return running_->address;
}

Result<void> AdminServer::open() {
  auto& hall = running_->hall;
  const auto& listen = hall.options.listen;
  boost::system::error_code error;
  tcp::resolver resolver(hall.io);
  const auto found = resolver.resolve(listen.host, std::to_string(listen.port), tcp::resolver::passive, error);
  const auto fail = [&] {
    boost::system::error_code ignored;
    hall.acceptor.close(ignored);
    return Error{"cannot listen on " + listen.text() + ": " + error.message(), {}};
  };
  if (error) return fail();
  const tcp::endpoint endpoint = found.begin()->endpoint();
  hall.acceptor.open(endpoint.protocol(), error);
  if (!error) hall.acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) hall.acceptor.bind(endpoint, error);
  if (!error) hall.acceptor.listen(static_cast<int>(kConnections), error);
  if (error) return fail();
  running_->address.port = hall.acceptor.local_endpoint().port();
  return {};
}

void AdminServer::start() {
  running_->thread = start_thread("weir-admin", [running = running_.get()] { running->run(); });
}

void AdminServer::stop() {
  if (!running_->thread.joinable()) return;
  running_->hall.io.stop();
  running_->thread.join();
}

void AdminServer::Running::run() {
  accept();
  tick();
  hall.io.run();
}

void AdminServer::Running::accept() {
  hall.acceptor.async_accept([this](boost::system::error_code error, tcp::socket socket) {
    if (error) {
      hall.pause.expires_after(kAcceptPause);
      hall.pause.async_wait([this](boost::system::error_code) { accept(); });
      return;
    }
    auto connection = std::make_shared<AdminConnection>(hall, std::move(socket));
    hall.connections.insert(connection);
    if (hall.connections.size() > kConnections) {
      connection->refuse(503);
    } else {
      connection->read();
    }
    accept();
  });
}

void AdminServer::Running::tick() {
  hall.tick.expires_after(kEventInterval);
  hall.tick.async_wait([this](boost::system::error_code) {
    if (!hall.streams.empty()) {
      if (hall.options.watched) hall.options.watched();
      if (hall.pace.may_ask(ReadinessPace::Clock::now())) hall.options.ask_upstream([] {});
      const auto event = std::make_shared<const std::string>(hall.routes.event());
      const auto streams = hall.streams;
      for (auto* stream : streams) stream->send(event);
    }
    tick();
  });
}

}  // namespace weir::proxy
