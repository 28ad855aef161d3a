// The file of a Unix socket that Weir listens on: whose it is, who may use it, and what is left of it.
#include "proxy/io/socket_file.h"

#include <grp.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

#include "tests/proxy/io/tcp_end.h"
#include "tests/support/child_process.h"

namespace weir::proxy {
namespace {

using test_support::read_file;
using test_support::write_file;

class SocketFileTest : public ::testing::Test {
 protected:
  HostPort address(std::uint16_t port = 6432) const { return {folder_.path().string(), port}; }
  std::string socket() const { return address().text(); }
  std::string lock() const { return socket() + ".lock"; }

  static std::string refusal(const HostPort& address, const SocketAccess& access = {}) {
    auto file = SocketFile::claim(address);
    if (!file) return file.error().message;
    const TcpEnd end(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto listens = file->listen(end.socket(), access);
    return listens ? "" : listens.error().message;
  }
  std::string refusal() const { return refusal(address()); }
  void expect_refusal(const std::string& words) const {
    const std::string said = refusal();
    EXPECT_EQ(said.rfind("cannot listen on " + socket() + ": ", 0), 0u) << said;
    EXPECT_NE(said.find(words), std::string::npos) << said;
  }
  static unsigned mode_of(const std::string& path) {
    return static_cast<unsigned>(std::filesystem::status(path).permissions());
  }

  test_support::TempFolder folder_{"socket"};
};

TEST_F(SocketFileTest, ListensWithThatModeAndLeavesNothingBehind) {
  for (const unsigned mode : {0777u, 0770u, 0600u}) {
    auto file = SocketFile::claim(address());
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(read_file(lock()).substr(0, read_file(lock()).find('\n')), std::to_string(::getpid()));
    const TcpEnd listening(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_TRUE(file->listen(listening.socket(), {mode, {}}));
    EXPECT_EQ(mode_of(socket()), mode);
    EXPECT_EQ(mode_of(lock()), 0600u);
    TcpEnd::connect(socket());
    file->remove();
    EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
  }
}

TEST_F(SocketFileTest, BelongsToTheGroupThatIsNamed) {
  const struct group* own = ::getgrgid(::getgid());
  ASSERT_NE(own, nullptr);
  EXPECT_EQ(refusal(address(), {0770, own->gr_name}), "");
  const std::string said = refusal(address(), {0770, "no-such-group"});
  EXPECT_NE(said.find("no group \"no-such-group\" (unix_socket.group)"), std::string::npos) << said;
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path())) << "a start that failed";
}

TEST_F(SocketFileTest, WhatADeadProcessLeftIsReplaced) {
  { const TcpPort killed(socket()); }
  ASSERT_TRUE(std::filesystem::exists(socket()));
  EXPECT_EQ(refusal(), "") << "a socket without a lock";
  { const TcpPort killed(socket()); }
  write_file(lock(), "999999999\n/var/lib/postgresql\n1\n6432\n" + folder_.path().string() + "\n");
  EXPECT_EQ(refusal(), "") << "a PostgreSQL's lock";
  // In another container, or after a start of the machine, the number is somebody else's: of Weirs the flock tells.
  write_file(lock(), std::to_string(::getppid()) + "\nweir\n1\n6432\n");
  EXPECT_EQ(refusal(), "") << "a Weir's lock";
  write_file(lock(), "");
  EXPECT_EQ(refusal(), "") << "a lock that was never written";
}

TEST_F(SocketFileTest, WhereSomebodyListensNobodyElseDoes) {
  {
    const auto file = SocketFile::claim(address());
    ASSERT_TRUE(file);
    expect_refusal("another process (" + std::to_string(::getpid()) + ") listens there");
    EXPECT_EQ(refusal(address(6433)), "") << "another port";
  }
  {
    const TcpPort without_lock(socket());
    expect_refusal("another process listens there");
  }
  std::filesystem::remove(socket());
  write_file(lock(), std::to_string(::getppid()) + "\n/var/lib/postgresql\n1\n6432\n");
  expect_refusal("another process (" + std::to_string(::getppid()) + ") listens there");
  EXPECT_TRUE(std::filesystem::exists(lock())) << "of whoever runs nothing is removed";
}

TEST_F(SocketFileTest, AFullQueueIsNoDeadProcess) {
  const TcpPort busy(socket(), 0);
  const TcpEnd waiting = TcpEnd::connect(socket());
  expect_refusal("another process listens there");
}

TEST_F(SocketFileTest, WhatIsNoSocketIsNotRemoved) {
  write_file(socket(), "letters");
  expect_refusal("no socket");
  EXPECT_EQ(read_file(socket()), "letters");
  EXPECT_FALSE(std::filesystem::exists(lock()));
  std::filesystem::remove(socket());
  std::filesystem::create_symlink("/etc/passwd", lock());
  const std::string before = read_file("/etc/passwd");
  expect_refusal("lock file");
  EXPECT_EQ(read_file("/etc/passwd"), before);
}

TEST_F(SocketFileTest, WhatSomebodyElsePutInItsPlaceStays) {
  auto file = SocketFile::claim(address());
  ASSERT_TRUE(file);
  const TcpEnd listening(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_TRUE(file->listen(listening.socket(), {}));
  std::filesystem::remove(socket());
  std::filesystem::remove(lock());
  const TcpPort next(socket());
  write_file(lock(), "1\n");
  file->remove();
  EXPECT_TRUE(std::filesystem::exists(socket()));
  EXPECT_EQ(read_file(lock()), "1\n");
}

TEST_F(SocketFileTest, DirectoriesThatCannotBeAreNamed) {
  const std::string nowhere = refusal({"/nonexistent/run", 6432});
  EXPECT_NE(nowhere.find("/nonexistent/run/.s.PGSQL.6432"), std::string::npos) << nowhere;
  EXPECT_NE(nowhere.find("The directory must be there"), std::string::npos) << nowhere;
  const std::string deep = refusal({"/" + std::string(100, 'd'), 6432});
  EXPECT_NE(deep.find("longer than 107 bytes"), std::string::npos) << deep;
}

TEST_F(SocketFileTest, AbstractSocketsHaveNoFile) {
  const HostPort abstract{"@weir-test-" + std::to_string(::getpid()), 6432};
  auto file = SocketFile::claim(abstract);
  ASSERT_TRUE(file);
  const TcpEnd listening(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_TRUE(file->listen(listening.socket(), {}));
  TcpEnd::connect(abstract.text());
  EXPECT_NE(refusal(abstract).find("Address already in use"), std::string::npos);
}

}  // namespace
}  // namespace weir::proxy
