#include "proxy/admin/admin_server.h"

#include <unistd.h>

#include <boost/asio/post.hpp>
#include <thread>
#include <utility>

#include "proxy/admin/admin_connection.h"
#include "proxy/io/listener.h"
#include "proxy/io/poller.h"
#include "proxy/process/thread.h"

namespace weir::proxy {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr std::chrono::seconds kEventInterval{1};
/// At the end, for readers of lines to take what is left.
constexpr std::chrono::milliseconds kLastWords{1'000};

}  // namespace

struct AdminServer::Running final : ConnectionHandler {
  explicit Running(Options options) : hall(std::move(options)), address(hall.options.listen) {}

  void connected(const Connected& who) override;
  void tick();
  void run();
  void end();

  AdminHall hall;
  Poller poller{hall.io, [] {}};
  std::unique_ptr<Listener> listener;
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
  auto listener = Listener::open({hall.io, running_->poller, *running_}, hall.options.listen, {});
  if (!listener) return listener.error();
  running_->listener = std::move(*listener);
  running_->address = running_->listener->address();
  return {};
}

void AdminServer::start() {
  running_->thread = start_thread("weir-admin", [running = running_.get()] { running->run(); });
}

void AdminServer::set_token(std::string token) {
  asio::post(running_->hall.io,
             [&routes = running_->hall.routes, token = std::move(token)] { routes.set_token(token); });
}

void AdminServer::stop() {
  if (!running_->thread.joinable()) return;
  asio::post(running_->hall.io, [running = running_.get()] { running->end(); });
  running_->thread.join();
  for (const auto& connection : running_->hall.connections) connection->let_go();
  // Whoever takes over from this process listens there at once.
  running_->listener.reset();
}

void AdminServer::Running::end() {
  hall.ending = true;
  if (hall.lines.empty()) return hall.io.stop();
  hall.farewell.expires_after(kLastWords);
  hall.farewell.async_wait([this](boost::system::error_code error) {
    if (!error) hall.io.stop();
  });
  const auto lines = hall.lines;
  for (auto* one : lines) one->finish();
}

void AdminServer::Running::run() {
  listener->start();
  tick();
  hall.io.run();
}

void AdminServer::Running::connected(const Connected& who) {
  poller.yield();  // what the connection waits for comes by the io_context
  if (hall.ending) return void(::close(who.socket));
  tcp::socket socket(hall.io);
  boost::system::error_code error;
  socket.assign(who.address.ss_family == AF_INET6 ? tcp::v6() : tcp::v4(), who.socket, error);
  if (error) return void(::close(who.socket));
  auto connection = std::make_shared<AdminConnection>(hall, std::move(socket));
  hall.connections.insert(connection);
  if (hall.connections.size() > kConnections) {
    connection->refuse(503);
  } else {
    connection->read();
  }
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
