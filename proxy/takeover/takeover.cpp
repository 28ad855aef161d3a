#include "proxy/takeover/takeover.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <sstream>

#include "proxy/io/transport.h"
#include "proxy/process/log.h"
#include "proxy/process/thread.h"

namespace weir::proxy {

namespace {

constexpr std::string_view kAsk = "weir takeover 1";
constexpr std::string_view kGo = "go";
constexpr std::string_view kYours = "yours";
/// What the other side gets to answer.
constexpr std::chrono::seconds kPatience{10};
/// How long the new Weir checks everything between its question and kGo.
constexpr std::chrono::seconds kPatienceForGo{60};
constexpr std::size_t kMostDescriptors = 200;

Error failed(const std::string& path, const std::string& doing) {
  return {"takeover " + path + ": " + doing + ": " + error_words(errno), ""};
}

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return Error{"takeover " + path + ": the path is too long", ""};
  path.copy(address.sun_path, path.size());
  return address;
}

OwnDescriptor new_socket() {
  return OwnDescriptor(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
}

bool is_trusted(int peer) {
  const auto user = peer_user_id(peer);
  return user && (*user == ::geteuid() || *user == 0);
}

bool send_text(int socket, std::string_view text) {
  return ::send(socket, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
}

/// Readable, or at its end, in that time.
bool wait_readable(int socket, std::chrono::milliseconds at_most) {
  pollfd one{socket, POLLIN, 0};
  return ::poll(&one, 1, static_cast<int>(at_most.count())) > 0;
}

/// Empty where the other side has ended, or says nothing.
std::string receive_text(int socket, std::chrono::milliseconds at_most) {
  if (!wait_readable(socket, at_most)) return {};
  std::array<char, 256> text{};
  const ssize_t size = ::recv(socket, text.data(), text.size(), 0);
  return size > 0 ? std::string(text.data(), static_cast<std::size_t>(size)) : std::string();
}

/// A line for each: host, port, how many descriptors are its own.
bool send_sockets(int peer, const std::vector<HandedSocket>& sockets) {
  std::string text;
  std::vector<int> numbers;
  for (const auto& one : sockets) {
    const bool locked = one.lock.number() >= 0;
    text += one.address.host + '\t' + std::to_string(one.address.port) + '\t' + (locked ? "2" : "1") + '\n';
    numbers.push_back(one.socket.number());
    if (locked) numbers.push_back(one.lock.number());
  }
  if (numbers.empty() || numbers.size() > kMostDescriptors) return false;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kMostDescriptors)> control{};
  iovec data{text.data(), text.size()};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = CMSG_SPACE(sizeof(int) * numbers.size());
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int) * numbers.size());
  std::memcpy(CMSG_DATA(header), numbers.data(), sizeof(int) * numbers.size());
  return ::sendmsg(peer, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
}

std::vector<HandedSocket> read_sockets(const std::string& text, std::vector<OwnDescriptor> numbers) {
  std::vector<HandedSocket> sockets;
  std::istringstream lines(text);
  std::size_t next = 0;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    HandedSocket one;
    std::string port;
    std::string count;
    if (!std::getline(words, one.address.host, '\t') || !std::getline(words, port, '\t') || !(words >> count)) break;
    one.address.port = static_cast<std::uint16_t>(std::stoul(port));
    const std::size_t wanted = count == "2" ? 2 : 1;
    if (next + wanted > numbers.size()) break;
    one.socket = std::move(numbers[next]);
    if (wanted == 2) one.lock = std::move(numbers[next + 1]);
    next += wanted;
    sockets.push_back(std::move(one));
  }
  return sockets;
}

std::vector<HandedSocket> receive_sockets(int connection) {
  if (!wait_readable(connection, kPatience)) return {};
  std::string text(64 * 1024, '\0');
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kMostDescriptors)> control{};
  iovec data{text.data(), text.size()};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t size = ::recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
  if (size <= 0) return {};
  std::vector<OwnDescriptor> numbers;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(header) + i * sizeof(int), sizeof number);
      numbers.emplace_back(number);
    }
  }
  return read_sockets(text.substr(0, static_cast<std::size_t>(size)), std::move(numbers));
}

}  // namespace

// -- the Weir that runs -----------------------------------------------------------------------------------------------

Result<std::unique_ptr<TakeoverDesk>> TakeoverDesk::open(Options options) {
  std::unique_ptr<TakeoverDesk> desk(new TakeoverDesk(std::move(options)));
  if (auto done = desk->listen(); !done) return done.error();
  desk->thread_ = start_thread("weir-takeover", [one = desk.get()] { one->run(); });
  return desk;
}

Result<void> TakeoverDesk::listen() {
  const auto& path = options_.path;
  const auto address = address_of(path);
  if (!address) return address.error();
  stop_ = OwnDescriptor(::eventfd(0, EFD_CLOEXEC));
  socket_ = new_socket();
  // Whoever was there is gone, or was asked and has handed over.
  struct stat there {};
  if (::lstat(path.c_str(), &there) == 0 && !S_ISSOCK(there.st_mode))
    return Error{"takeover " + path + ": there is a file of this name that is no socket", ""};
  ::unlink(path.c_str());
  if (::bind(socket_.number(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0)
    return failed(path, "cannot listen there");
  if (::chmod(path.c_str(), 0600) != 0 || ::listen(socket_.number(), 8) != 0)
    return failed(path, "cannot listen there");
  if (::lstat(path.c_str(), &there) == 0) file_ = {there.st_dev, there.st_ino};
  return {};
}

TakeoverDesk::~TakeoverDesk() {
  constexpr std::uint64_t kOne = 1;
  if (stop_.number() >= 0) (void)!::write(stop_.number(), &kOne, sizeof kOne);
  if (thread_.joinable()) thread_.join();
  remove_file();
}

/// Unless it is another's by now.
void TakeoverDesk::remove_file() {
  struct stat there {};
  const bool own = ::lstat(options_.path.c_str(), &there) == 0 && file_ == std::pair(there.st_dev, there.st_ino);
  if (own) ::unlink(options_.path.c_str());
  file_ = {};
}

void TakeoverDesk::run() {
  for (;;) {
    std::array<pollfd, 2> both{pollfd{socket_.number(), POLLIN, 0}, pollfd{stop_.number(), POLLIN, 0}};
    if (::poll(both.data(), both.size(), -1) < 0 && errno != EINTR) return;
    if (both[1].revents != 0) return;
    OwnDescriptor peer(::accept4(socket_.number(), nullptr, nullptr, SOCK_CLOEXEC));
    if (peer.number() < 0 || !is_trusted(peer.number()) || !serve(peer)) continue;
    next_ = std::move(peer);
    return;
  }
}

/// True: that one serves the clients now.
bool TakeoverDesk::serve(OwnDescriptor& peer) {
  if (receive_text(peer.number(), kPatience) != kAsk || !send_sockets(peer.number(), options_.sockets())) return false;
  log::info("takeover: another Weir has asked for the listening sockets");
  if (receive_text(peer.number(), kPatienceForGo) != kGo) {
    log::warn("takeover: the other Weir has gone away; everything stays as it was");
    return false;
  }
  remove_file();
  options_.taken();
  (void)send_text(peer.number(), kYours);
  return true;
}

// -- the Weir that starts ---------------------------------------------------------------------------------------------

Result<std::optional<Takeover>> Takeover::ask(const std::string& path) {
  const auto address = address_of(path);
  if (!address) return address.error();
  OwnDescriptor connection = new_socket();
  if (connection.number() < 0) return failed(path, "no socket");
  if (::connect(connection.number(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
    if (errno == ENOENT || errno == ECONNREFUSED) return std::optional<Takeover>();
    return failed(path, "cannot ask the Weir that runs");
  }
  if (!is_trusted(connection.number())) return Error{"takeover " + path + ": another user listens there", ""};
  Takeover made(std::move(connection));
  if (!send_text(made.connection_.number(), kAsk)) return failed(path, "cannot ask the Weir that runs");
  made.sockets_ = receive_sockets(made.connection_.number());
  if (made.sockets_.empty()) return Error{"takeover " + path + ": the Weir that runs there has not answered", ""};
  return std::optional<Takeover>(std::move(made));
}

Result<void> Takeover::go() {
  if (send_text(connection_.number(), kGo) && receive_text(connection_.number(), kPatience) == kYours) return {};
  return Error{"takeover: the Weir before this one has gone away or does not answer", ""};
}

bool Takeover::wait_for_end(std::chrono::milliseconds at_most) const {
  return wait_readable(connection_.number(), at_most);
}

}  // namespace weir::proxy
