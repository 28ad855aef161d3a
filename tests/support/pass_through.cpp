#include "tests/support/pass_through.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <vector>

namespace weir::test_support {
namespace {

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void make_quick(int socket) {
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

}  // namespace

PassThrough::PassThrough(int server_port, Tap tap) : server_port_(server_port), tap_(std::move(tap)) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto address = loopback(0);
  socklen_t size = sizeof address;
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listener_, 128) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      pipe2(wake_, O_CLOEXEC | O_NONBLOCK) != 0) {
    throw std::runtime_error("the pass-through cannot listen on 127.0.0.1");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { run(); });
}

PassThrough::~PassThrough() {
  stop_ = true;
  wake();
  thread_.join();
  for (const auto& pair : pairs_) close_pair(pair);
  for (const int descriptor : {listener_, wake_[0], wake_[1]}) close(descriptor);
}

void PassThrough::wake() {
  const char byte = 0;
  [[maybe_unused]] const auto written = write(wake_[1], &byte, 1);
}

void PassThrough::thaw() {
  frozen_ = false;
  wake();
}

void PassThrough::cut() {
  cut_ = true;
  wake();
}

void PassThrough::accept_one() {
  const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (client < 0) return;
  const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto address = loopback(server_port_);
  if (connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    close(server);
    close(client);
    return;
  }
  make_quick(client);
  make_quick(server);
  Pair& pair = pairs_.emplace_back();
  pair.client.socket = client;
  pair.server.socket = server;
}

void PassThrough::receive(Pair& pair, From from) {
  Side& source = from == From::client ? pair.client : pair.server;
  Side& target = from == From::client ? pair.server : pair.client;
  std::array<char, 65536> buffer;
  const auto got = recv(source.socket, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (got > 0) {
    std::string bytes(buffer.data(), static_cast<std::size_t>(got));
    target.pending += tap_ ? tap_(from, std::move(bytes)) : bytes;
  } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
    source.ended = true;
    target.finish = true;
  }
  deliver(target);
}

void PassThrough::deliver(Side& to) {
  if (!to.pending.empty()) {
    const auto sent = send(to.socket, to.pending.data(), to.pending.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) to.pending.erase(0, static_cast<std::size_t>(sent));
    if (sent < 0 && errno != EAGAIN && errno != EINTR) to.pending.clear();
  }
  if (!to.pending.empty() || !to.finish || to.finished) return;
  shutdown(to.socket, SHUT_WR);
  to.finished = true;
}

bool PassThrough::over(const Pair& pair) {
  // A server that closed answers no more; a client that closed may still wait for answers.
  return pair.server.ended && pair.client.pending.empty();
}

void PassThrough::close_pair(const Pair& pair) {
  close(pair.client.socket);
  close(pair.server.socket);
}

void PassThrough::run() {
  while (!stop_) {
    std::vector<pollfd> descriptors{{listener_, POLLIN, 0}, {wake_[0], POLLIN, 0}};
    const auto interest = [](const Side& side, bool read) {
      const int events = (read && !side.ended ? POLLIN : 0) | (side.pending.empty() ? 0 : POLLOUT);
      return pollfd{events == 0 ? -1 : side.socket, static_cast<short>(events), 0};
    };
    for (const auto& pair : pairs_) {
      descriptors.push_back(interest(pair.client, pair.server.pending.size() < 1 << 20));
      descriptors.push_back(interest(pair.server, !frozen_ && pair.client.pending.size() < 1 << 20));
    }
    if (poll(descriptors.data(), descriptors.size(), -1) < 0) continue;
    std::array<char, 64> drained;
    if (descriptors[1].revents != 0 && read(wake_[0], drained.data(), drained.size()) < 0 && stop_) return;
    std::size_t at = 2;
    for (auto& pair : pairs_) {
      const auto client = descriptors[at++].revents;
      const auto server = descriptors[at++].revents;
      if (client & POLLOUT) deliver(pair.client);
      if (server & POLLOUT) deliver(pair.server);
      if (client & (POLLIN | POLLHUP | POLLERR)) receive(pair, From::client);
      if (!frozen_ && (server & (POLLIN | POLLHUP | POLLERR))) receive(pair, From::server);
    }
    const bool cut = cut_.exchange(false);
    pairs_.remove_if([&](const Pair& pair) {
      if (!cut && !over(pair)) return false;
      close_pair(pair);
      return true;
    });
    if (descriptors[0].revents != 0) accept_one();
  }
}

}  // namespace weir::test_support
