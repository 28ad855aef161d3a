#include "proxy/io/socket_file.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstddef>
#include <ctime>
#include <string_view>
#include <vector>

#include "proxy/io/transport.h"

namespace weir::proxy {

namespace {

/// A lock file that its owner removes at the very moment is opened anew so often.
constexpr int kAttempts = 10;
constexpr std::string_view kOwnName = "weir\n";

Error cannot_listen(const HostPort& address, const std::string& cause) {
  return {"cannot listen on " + address.text() + ": " + cause, {}};
}

std::string lock_path(const HostPort& address) {
  return address.text() + ".lock";
}

/// Closes a descriptor that was not taken.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int number() const { return number_; }
  int take() { return std::exchange(number_, -1); }

 private:
  int number_;
};

/// A lock file's first two lines: who holds it, and in which directory its data is, where Weir writes its own name.
struct Owner {
  pid_t process = 0;
  bool is_weir = false;
};

Owner owner_of(int lock) {
  char text[256] = {};
  const ssize_t size = ::pread(lock, text, sizeof text, 0);
  if (size <= 0) return {};
  const std::string_view lines(text, static_cast<std::size_t>(size));
  const std::string_view first = lines.substr(0, lines.find('\n'));
  Owner owner;
  std::from_chars(first.data(), first.data() + first.size(), owner.process);
  owner.is_weir = lines.substr(std::min(first.size() + 1, lines.size())).starts_with(kOwnName);
  return owner;
}

std::string used_by(pid_t owner) {
  return "another process" + (owner > 0 ? " (" + std::to_string(owner) + ")" : std::string()) +
         " listens there. Choose another directory or port";
}

/// A Weir that runs holds the flock; a PostgreSQL does not use it, so its lock counts while its process runs.
bool is_running(const Owner& owner) {
  return !owner.is_weir && owner.process > 0 && owner.process != ::getpid() && ::kill(owner.process, 0) == 0;
}

Result<void> write_owner(int lock, const HostPort& address) {
  const std::string text = std::to_string(::getpid()) + "\n" + std::string(kOwnName) +
                           std::to_string(std::time(nullptr)) + "\n" + std::to_string(address.port) + "\n" +
                           address.host + "\n";
  if (::ftruncate(lock, 0) == 0 && ::pwrite(lock, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()))
    return {};
  return cannot_listen(address, "its lock file cannot be written: " + error_words(errno));
}

Error lock_error(const HostPort& address, int reason) {
  std::string cause = "its lock file cannot be opened: " + error_words(reason);
  if (reason == ENOENT) cause += ". The directory must be there before Weir starts";
  if (reason == EACCES && ::access(lock_path(address).c_str(), F_OK) == 0) {
    cause += ". It is another user's, who may be listening there";
  } else if (reason == EACCES) {
    cause += ". Weir must be allowed to write in the directory";
  }
  return cannot_listen(address, cause);
}

/// The lock of whoever may listen, or -1 where it was removed under our eyes.
Result<int> try_lock(const HostPort& address) {
  const std::string path = lock_path(address);
  Descriptor lock(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600));
  if (lock.number() < 0) return lock_error(address, errno);
  struct stat opened {};
  struct stat there {};
  if (::fstat(lock.number(), &opened) != 0 || !S_ISREG(opened.st_mode))
    return cannot_listen(address, "its lock file is not a file");
  if (::flock(lock.number(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return lock_error(address, errno);
    return cannot_listen(address, used_by(owner_of(lock.number()).process));
  }
  if (::stat(path.c_str(), &there) != 0 || there.st_dev != opened.st_dev || there.st_ino != opened.st_ino) return -1;
  return lock.take();
}

/// PostgreSQL's directories of sockets that begin with '@' are names in the abstract namespace.
Result<std::pair<sockaddr_un, socklen_t>> address_of(const HostPort& address) {
  sockaddr_un result{};
  result.sun_family = AF_UNIX;
  const std::string path = address.text();
  if (path.size() >= sizeof result.sun_path)
    return cannot_listen(address, "the path is longer than " + std::to_string(sizeof result.sun_path - 1) + " bytes");
  path.copy(result.sun_path, path.size());
  const auto size = offsetof(sockaddr_un, sun_path) + path.size() + (address.is_abstract() ? 0 : 1);
  if (address.is_abstract()) result.sun_path[0] = '\0';
  return std::pair(result, static_cast<socklen_t>(size));
}

/// Nobody listens on a socket that a dead process left; the file is in the way of bind() all the same.
Result<void> remove_stale(const HostPort& address) {
  const std::string path = address.text();
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    return cannot_listen(address, error_words(errno));
  }
  if (!S_ISSOCK(status.st_mode)) return cannot_listen(address, "there is a file of this name that is no socket");
  const auto where = address_of(address);
  if (!where) return where.error();
  const Descriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (probe.number() < 0) return cannot_listen(address, error_words(errno));
  const int result = ::connect(probe.number(), reinterpret_cast<const sockaddr*>(&where->first), where->second);
  if (result == 0 || errno == EAGAIN) return cannot_listen(address, used_by(0));
  if (errno != ECONNREFUSED && errno != ENOENT)
    return cannot_listen(address,
                         "there is a socket already, and whether it is in use cannot be seen: " + error_words(errno));
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return cannot_listen(address, "the socket of a process that is gone cannot be removed: " + error_words(errno));
  return {};
}

Result<void> set_access(const HostPort& address, const SocketAccess& access) {
  const std::string path = address.text();
  if (!access.group.empty()) {
    std::vector<char> buffer(64 * 1024);
    struct group entry {};
    struct group* found = nullptr;
    ::getgrnam_r(access.group.c_str(), &entry, buffer.data(), buffer.size(), &found);
    if (found == nullptr)
      return cannot_listen(address, "there is no group \"" + access.group + "\" (unix_socket.group)");
    if (::chown(path.c_str(), static_cast<uid_t>(-1), found->gr_gid) != 0)
      return cannot_listen(address, "it cannot be given to the group \"" + access.group +
                                        "\" (unix_socket.group): " + error_words(errno));
  }
  if (::chmod(path.c_str(), access.permissions) == 0) return {};
  return cannot_listen(address, "its mode cannot be set (unix_socket.permissions): " + error_words(errno));
}

}  // namespace

Result<SocketFile> SocketFile::claim(const HostPort& address) {
  const auto where = address_of(address);
  if (!where) return where.error();
  if (address.is_abstract()) return SocketFile(address, -1);
  for (int i = 0; i < kAttempts; ++i) {
    const auto locked = try_lock(address);
    if (!locked) return locked.error();
    if (*locked < 0) continue;
    Descriptor lock(*locked);
    const Owner owner = owner_of(lock.number());
    if (is_running(owner)) return cannot_listen(address, used_by(owner.process));
    if (auto removed = remove_stale(address); !removed) {
      if (owner.process == 0) ::unlink(lock_path(address).c_str());  // it was made here
      return removed.error();
    }
    if (auto written = write_owner(lock.number(), address); !written) return written.error();
    return SocketFile(address, lock.take());
  }
  return cannot_listen(address, "its lock file comes and goes");
}

SocketFile::SocketFile(SocketFile&& other) noexcept
    : address_(std::move(other.address_)),
      lock_(std::exchange(other.lock_, -1)),
      confirmed_(other.confirmed_),
      bound_(std::move(other.bound_)) {
  other.bound_.reset();
}

std::optional<SocketFile::Identity> SocketFile::identity_of(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return std::nullopt;
  return Identity(status.st_dev, status.st_ino);
}

Result<void> SocketFile::listen(int socket, const SocketAccess& access) {
  const auto where = address_of(address_);
  if (!where) return where.error();
  if (::bind(socket, reinterpret_cast<const sockaddr*>(&where->first), where->second) != 0)
    return cannot_listen(address_, error_words(errno));
  if (!address_.is_abstract()) {
    bound_ = identity_of(address_.text());
    if (auto set = set_access(address_, access); !set) return set;
  }
  if (::listen(socket, SOMAXCONN) != 0) return cannot_listen(address_, error_words(errno));
  return {};
}

void SocketFile::leave() {
  if (lock_ >= 0) ::close(std::exchange(lock_, -1));
  bound_.reset();
}

SocketFile SocketFile::take_over(const HostPort& address, int lock) {
  SocketFile taken(address, lock);
  taken.confirmed_ = false;
  return taken;
}

void SocketFile::confirm() {
  if (std::exchange(confirmed_, true) || lock_ < 0) return;
  bound_ = identity_of(address_.text());
  (void)write_owner(lock_, address_);  // for people; the lock itself is what counts
}

void SocketFile::remove() {
  if (!confirmed_) return leave();
  if (lock_ < 0) return;
  const std::string path = address_.text();
  if (bound_ && identity_of(path) == bound_) ::unlink(path.c_str());
  struct stat status {};
  if (::fstat(lock_, &status) == 0 && identity_of(lock_path(address_)) == Identity(status.st_dev, status.st_ino))
    ::unlink(lock_path(address_).c_str());
  ::close(std::exchange(lock_, -1));
  bound_.reset();
}

}  // namespace weir::proxy
