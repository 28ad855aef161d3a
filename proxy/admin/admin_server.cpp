#include "proxy/admin/admin_server.h"

#include <boost/asio/post.hpp>
#include <thread>
#include <utility>

#include "proxy/admin/admin_connection.h"
#include "proxy/process/thread.h"

namespace weir::proxy {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr std::chrono::seconds kEventInterval{1};
/// Out of descriptors: tried again so much later.
constexpr std::chrono::milliseconds kAcceptPause{100};
/// At the end, for readers of lines to take what is left.
constexpr std::chrono::milliseconds kLastWords{1'000};

}  // namespace

struct AdminServer::Running {
  explicit Running(Options options) : hall(std::move(options)), address(hall.options.listen) {}

  void accept();
  void tick();
  void run();
  void end();

  AdminHall hall;
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
  asio::post(running_->hall.io, [running = running_.get()] { running->end(); });
  running_->thread.join();
  for (const auto& connection : running_->hall.connections) connection->let_go();
}

void AdminServer::Running::end() {
  hall.ending = true;
  if (hall.lines.empty()) return hall.io.stop();
  hall.pause.expires_after(kLastWords);
  hall.pause.async_wait([this](boost::system::error_code error) {
    if (!error) hall.io.stop();
  });
  const auto lines = hall.lines;
  for (auto* one : lines) one->finish();
}

void AdminServer::Running::run() {
  accept();
  tick();
  hall.io.run();
}

void AdminServer::Running::accept() {
  hall.acceptor.async_accept([this](boost::system::error_code error, tcp::socket socket) {
    if (hall.ending) return;
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
    for (auto* one : hall.lines) one->look();
    tick();
  });
}

}  // namespace weir::proxy
