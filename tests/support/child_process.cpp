#include "tests/support/child_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace weir::test_support {
namespace {

using std::chrono::milliseconds;

// Between fork and exec only system calls are allowed (other threads of the test may hold malloc's lock), so all
// strings are made ready before the fork.
struct ExecImage {
  explicit ExecImage(const Launch& launch) {
    stdout_path = launch.stdout_path.empty() ? "/dev/null" : launch.stdout_path.string();
    stderr_path = launch.stderr_path.empty() ? stdout_path : launch.stderr_path.string();
    folder = launch.folder.string();
    arguments = launch.arguments;
    for (auto& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    environment = merged_environment(launch.environment);
    for (auto& entry : environment) envp.push_back(entry.data());
    envp.push_back(nullptr);
  }

  static std::vector<std::string> merged_environment(const std::vector<std::string>& extra) {
    std::vector<std::string> merged = extra;
    for (char** entry = environ; *entry != nullptr; ++entry) {
      const std::string own = *entry;
      const auto name = own.substr(0, own.find('=') + 1);
      bool replaced = false;
      for (const auto& other : extra) replaced = replaced || other.compare(0, name.size(), name) == 0;
      if (!replaced) merged.push_back(own);
    }
    return merged;
  }

  std::string stdout_path;
  std::string stderr_path;
  std::string folder;
  std::vector<std::string> arguments;
  std::vector<char*> argv;
  std::vector<std::string> environment;
  std::vector<char*> envp;
};

bool become(const User& user) {
  return setgroups(0, nullptr) == 0 && setgid(user.gid) == 0 && setuid(user.uid) == 0;
}

bool redirect(const char* path, int descriptor) {
  const int opened = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
  return opened >= 0 && dup2(opened, descriptor) >= 0 && (opened == descriptor || close(opened) == 0);
}

[[noreturn]] void exec_child(const ExecImage& image, const Launch& launch, pid_t parent, int report) {
  // Before the user changes: the files belong to the test. A change of user clears the death signal, so that comes
  // after.
  const int null = open("/dev/null", O_RDONLY);
  sigset_t none;
  sigemptyset(&none);
  const bool ready = null >= 0 && dup2(null, STDIN_FILENO) >= 0 && redirect(image.stdout_path.c_str(), STDOUT_FILENO) &&
                     redirect(image.stderr_path.c_str(), STDERR_FILENO) && (!launch.user || become(*launch.user)) &&
                     (image.folder.empty() || chdir(image.folder.c_str()) == 0) &&
                     prctl(PR_SET_PDEATHSIG, launch.death_signal) == 0 && getppid() == parent &&
                     sigprocmask(SIG_SETMASK, &none, nullptr) == 0;
  if (ready) execvpe(image.argv[0], image.argv.data(), image.envp.data());
  const int error = errno;
  [[maybe_unused]] const auto written = write(report, &error, sizeof error);
  _exit(127);
}

}  // namespace

std::optional<User> unprivileged_user() {
  if (geteuid() != 0) return std::nullopt;
  for (const char* name : {"postgres", "nobody"}) {
    if (const passwd* entry = getpwnam(name)) return User{entry->pw_uid, entry->pw_gid, name};
  }
  throw std::runtime_error("running as root, and there is neither a user postgres nor nobody to run PostgreSQL as");
}

ChildProcess::ChildProcess(const Launch& launch) {
  const ExecImage image(launch);
  int report[2];
  if (pipe2(report, O_CLOEXEC) != 0) throw std::runtime_error("pipe2 failed");
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ == 0) exec_child(image, launch, parent, report[1]);
  close(report[1]);
  int error = 0;
  const auto got = pid_ < 0 ? ssize_t{sizeof error} : read(report[0], &error, sizeof error);
  close(report[0]);
  if (got <= 0) return;
  if (pid_ > 0) wait(std::chrono::seconds(5));
  throw std::runtime_error("cannot start " + launch.arguments.front() + ": " + std::strerror(error));
}

ChildProcess::~ChildProcess() {
  if (!running()) return;
  send_signal(SIGKILL);
  reap(0);
}

std::optional<int> ChildProcess::reap(int flags) {
  if (status_) return status_;
  int status = 0;
  pid_t got = -1;
  do {
    got = waitpid(pid_, &status, flags);
  } while (got < 0 && errno == EINTR);
  if (got == pid_) status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return status_;
}

bool ChildProcess::running() {
  return pid_ > 0 && !reap(WNOHANG);
}

void ChildProcess::send_signal(int signal) const {
  if (!status_) kill(pid_, signal);
}

std::optional<int> ChildProcess::wait(milliseconds at_most) {
  if (!running()) return status_;
  const int descriptor = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  pollfd ended{descriptor, POLLIN, 0};
  poll(&ended, 1, static_cast<int>(at_most.count()));
  close(descriptor);
  return reap(WNOHANG);
}

int run(const Launch& launch, milliseconds at_most) {
  ChildProcess child(launch);
  if (const auto status = child.wait(at_most)) return *status;
  throw std::runtime_error(launch.arguments.front() + " did not end within " + std::to_string(at_most.count()) + " ms");
}

int free_port() {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool bound = bind(descriptor, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                     getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  close(descriptor);
  if (!bound) throw std::runtime_error("no free port on 127.0.0.1");
  return ntohs(address.sin_port);
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

std::string tail_of(const std::filesystem::path& path, std::size_t bytes) {
  const auto content = read_file(path);
  return content.size() <= bytes ? content : "…" + content.substr(content.size() - bytes);
}

void write_file(const std::filesystem::path& path, const std::string& content) {
  std::ofstream file(path, std::ios::binary);
  file << content;
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

std::filesystem::path deps_folder() {
  const char* chosen = std::getenv("WEIR_DEPS");
  return chosen != nullptr ? chosen : WEIR_DEPS_FOLDER;
}

void pause_between_polls() {
  std::this_thread::sleep_for(milliseconds(2));
}

}  // namespace weir::test_support
