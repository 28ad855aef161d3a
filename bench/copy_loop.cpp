// The least that any relay in user space costs: recv, send, epoll_wait and nothing else, one thread per core.
//
//     copy_loop LISTEN_PORT UPSTREAM_PORT
//
// What a proxy costs more than this is its own; what this costs is the system's. Loopback only, and only for clients
// that read what they asked for: send() waits for a peer that does not read.

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <iostream>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <vector>

namespace {

struct Pair;

struct Side {
  int socket = -1;
  Side* other = nullptr;
  Pair* pair = nullptr;
};

struct Pair {
  Side client;
  Side upstream;
  int ended = 0;  // sides that have sent their last byte
};

int checked(int result, const char* call) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), call);
  return result;
}

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void send_at_once(int socket) {
  const int on = 1;
  checked(::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "TCP_NODELAY");
}

void end(int epoll, Side& side) {
  ::epoll_ctl(epoll, EPOLL_CTL_DEL, side.socket, nullptr);
  ::shutdown(side.other->socket, SHUT_WR);
  if (++side.pair->ended < 2) return;
  ::close(side.socket);
  ::close(side.other->socket);
  delete side.pair;
}

void copy(int epoll) {
  // As Weir's workers: whoever wakes this thread goes on until it has to wait.
  const sched_param parameters{};
  pthread_setschedparam(pthread_self(), SCHED_BATCH, &parameters);
  std::array<epoll_event, 128> events;
  std::vector<char> buffer(64 << 10);
  for (;;) {
    const int count = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      Side& side = *static_cast<Side*>(events[i].data.ptr);
      const ssize_t received = ::recv(side.socket, buffer.data(), buffer.size(), 0);
      if (received <= 0 || ::send(side.other->socket, buffer.data(), received, MSG_NOSIGNAL) < 0) end(epoll, side);
    }
  }
}

void open(int epoll, int client, int upstream_port) {
  auto* pair = new Pair;
  const int upstream = checked(::socket(AF_INET, SOCK_STREAM, 0), "socket");
  const sockaddr_in address = loopback(upstream_port);
  checked(::connect(upstream, reinterpret_cast<const sockaddr*>(&address), sizeof address), "connect");
  pair->client = {client, &pair->upstream, pair};
  pair->upstream = {upstream, &pair->client, pair};
  for (Side* side : {&pair->client, &pair->upstream}) {
    send_at_once(side->socket);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = side;
    checked(::epoll_ctl(epoll, EPOLL_CTL_ADD, side->socket, &event), "epoll_ctl");
  }
}

void serve(int listen_port, int upstream_port) {
  const int listener = checked(::socket(AF_INET, SOCK_STREAM, 0), "socket");
  const sockaddr_in address = loopback(listen_port);
  checked(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind");
  checked(::listen(listener, SOMAXCONN), "listen");
  std::vector<int> loops(std::max(1U, std::thread::hardware_concurrency()));
  for (int& epoll : loops) {
    epoll = checked(::epoll_create1(0), "epoll_create1");
    std::thread([epoll] { copy(epoll); }).detach();
  }
  for (std::size_t next = 0;; ++next) {
    open(loops[next % loops.size()], checked(::accept(listener, nullptr, nullptr), "accept"), upstream_port);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: copy_loop LISTEN_PORT UPSTREAM_PORT\n";
    return 2;
  }
  try {
    serve(std::atoi(argv[1]), std::atoi(argv[2]));
  } catch (const std::exception& error) {
    std::cerr << "copy_loop: " << error.what() << '\n';
  }
  return 1;
}
