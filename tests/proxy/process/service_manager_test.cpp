// What systemd would hear, on a socket that stands for its own.
#include "proxy/process/service_manager.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/support/child_process.h"

namespace weir::proxy {
namespace {

/// The manager's end, at a path or at an abstract name ('@…'), with NOTIFY_SOCKET set to it.
class ManagerSocket {
 public:
  explicit ManagerSocket(const std::string& name) : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name[0] == '@') address.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    bound_ = ::bind(socket_, reinterpret_cast<const sockaddr*>(&address), size) == 0;
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
  }
  ~ManagerSocket() {
    ::unsetenv("NOTIFY_SOCKET");
    ::close(socket_);
  }
  bool bound() const { return bound_; }
  std::string heard() {
    char buffer[256];
    const auto got = ::recv(socket_, buffer, sizeof buffer, 0);
    return got < 0 ? "(nothing)" : std::string(buffer, static_cast<std::size_t>(got));
  }

 private:
  int socket_;
  bool bound_ = false;
};

TEST(ServiceManager, HearsTheStateAsOneDatagram) {
  const test_support::TempFolder folder("notify");
  ManagerSocket manager((folder / "socket").string());
  ASSERT_TRUE(manager.bound());
  EXPECT_TRUE(tell_service_manager("READY=1\nSTATUS=listening"));
  EXPECT_TRUE(tell_service_manager("STOPPING=1"));
  EXPECT_EQ(manager.heard(), "READY=1\nSTATUS=listening");
  EXPECT_EQ(manager.heard(), "STOPPING=1");
}

TEST(ServiceManager, MayHaveAnAbstractName) {
  ManagerSocket manager("@weir-notify-" + std::to_string(::getpid()));
  ASSERT_TRUE(manager.bound());
  EXPECT_TRUE(tell_service_manager("READY=1"));
  EXPECT_EQ(manager.heard(), "READY=1");
}

TEST(ServiceManager, ThatDoesNotReadHoldsNobodyUp) {
  const test_support::TempFolder folder("notify");
  ManagerSocket manager((folder / "socket").string());
  ASSERT_TRUE(manager.bound());
  int told = 0;
  while (told < 100'000 && tell_service_manager("STATUS=again")) ++told;
  EXPECT_GT(told, 0);
  EXPECT_LT(told, 100'000) << "the queue was never full, so this showed nothing";
}

TEST(ServiceManager, IsNotThereOrIsNoSocket) {
  ::unsetenv("NOTIFY_SOCKET");
  EXPECT_FALSE(tell_service_manager("READY=1"));
  for (const std::string name : {"", "@", "relative", "/nonexistent/socket"}) {
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
    EXPECT_FALSE(tell_service_manager("READY=1")) << name;
  }
  ::setenv("NOTIFY_SOCKET", ("/" + std::string(200, 'a')).c_str(), 1);
  EXPECT_FALSE(tell_service_manager("READY=1")) << "longer than an address";
  ::unsetenv("NOTIFY_SOCKET");
}

}  // namespace
}  // namespace weir::proxy
