#include "tests/support/pg_cluster.h"

#include <libpq-fe.h>
#include <unistd.h>

#include <stdexcept>

namespace weir::test_support {
namespace {

namespace fs = std::filesystem;

fs::path installed(int version) {
  const fs::path debian = "/usr/lib/postgresql/" + std::to_string(version);
  if (fs::exists(debian / "bin/postgres")) return debian;
  const fs::path fetched = deps_folder() / ("postgresql-" + std::to_string(version));
  if (fs::exists(fetched / "bin/postgres")) return fetched;
  const std::string name = "PostgreSQL " + std::to_string(version);
  if (version == 15) throw std::runtime_error(name + " is not installed: apt-get install postgresql-15");
  throw std::runtime_error(name + " is neither in " + debian.string() + " nor in " + fetched.string() +
                           ": run tests/support/fetch_servers.sh " + std::to_string(version));
}

bool can_run(const fs::path& program, const std::optional<User>& user) {
  return run({.arguments = {"/bin/sh", "-c", "test -x \"$0\" && test -r \"$0\"", program.string()}, .user = user}) == 0;
}

void give_to(const fs::path& path, const std::optional<User>& user) {
  if (user && chown(path.c_str(), user->uid, user->gid) != 0) throw std::runtime_error("cannot chown " + path.string());
}

std::string with_user(const std::string& user, const std::string& password) {
  return password.empty() ? user : user + ":" + password;
}

}  // namespace

PgCluster::PgCluster(int version, const PgSettings& settings)
    : version_(version), folder_("pg" + std::to_string(version)), user_(unprivileged_user()) {
  give_to(folder_.path(), user_);
  choose_binaries();
  initialise(settings);
  start();
}

PgCluster::~PgCluster() {
  try {
    stop(Stop::immediate);
  } catch (const std::exception&) {
    // The ChildProcess kills what would not stop.
  }
}

// A checkout under /root cannot be read by the user that PostgreSQL must run as: then the server is copied beside its
// data.
void PgCluster::choose_binaries() {
  const auto home = installed(version_);
  binaries_ = home / "bin";
  if (can_run(binaries_ / "postgres", user_)) return;
  fs::copy(home, folder_ / "server", fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  binaries_ = folder_ / "server/bin";
  if (!can_run(binaries_ / "postgres", user_)) {
    throw std::runtime_error((binaries_ / "postgres").string() + " cannot be run by " + user_->name);
  }
}

// Minor releases get settings too, and a server that does not know one refuses to start.
std::string PgCluster::known_lines(const std::vector<std::string>& lines) const {
  if (lines.empty()) return "";
  const auto list = folder_ / "describe-config";
  const int status = run({.arguments = {(binaries_ / "postgres").string(), "--describe-config"},
                          .user = user_,
                          .stdout_path = list,
                          .stderr_path = folder_ / "describe-config.log",
                          .folder = folder_.path()});
  if (status != 0)
    throw std::runtime_error("postgres --describe-config failed: " + tail_of(folder_ / "describe-config.log"));
  const std::string settings = "\n" + read_file(list);
  std::string known;
  for (const auto& line : lines) {
    if (settings.find("\n" + line.substr(0, line.find(' ')) + "\t") != std::string::npos) known += line + "\n";
  }
  return known;
}

void PgCluster::initialise(const PgSettings& settings) {
  const auto log = folder_ / "initdb.log";
  const int status = run({.arguments = {(binaries_ / "initdb").string(), "-D", data_folder().string(), "-U", "postgres",
                                        "-E", "UTF8", "--locale=C", "--no-sync", "-A", "trust"},
                          .user = user_,
                          .stdout_path = log,
                          .folder = folder_.path()});
  if (status != 0)
    throw std::runtime_error("initdb of PostgreSQL " + std::to_string(version_) + " failed:\n" + tail_of(log));

  std::string conf = "listen_addresses = '127.0.0.1'\nunix_socket_directories = '" + folder_.path().string() +
                     "'\nshared_buffers = 32MB\nmax_connections = 200\nlog_min_messages = warning\ntimezone = 'UTC'\n"
                     "log_timezone = 'UTC'\n";
  if (settings.logical) conf += "wal_level = logical\nmax_replication_slots = 10\nmax_wal_senders = 10\n";
  for (const auto& line : settings.lines) conf += line + "\n";
  conf += known_lines(settings.known);
  write_file(data_folder() / "postgresql.conf", read_file(data_folder() / "postgresql.conf") + conf);
  std::string hba;
  for (const auto& line : settings.hba) hba += line + "\n";
  hba += "local all all trust\nlocal replication all trust\n";
  for (const char* database : {"all", "replication"}) {
    hba += std::string("host ") + database + " all 127.0.0.1/32 " + settings.authentication + "\n";
  }
  write_file(data_folder() / "pg_hba.conf", hba);
}

bool PgCluster::start_once() {
  postmaster_ = std::make_unique<ChildProcess>(Launch{
      .arguments = {(binaries_ / "postgres").string(), "-D", data_folder().string(), "-p", std::to_string(port_)},
      .user = user_,
      .stdout_path = folder_ / "server.log",
      .folder = folder_.path(),
      .death_signal = SIGQUIT});
  const auto probe = socket_conninfo();
  bool ready = false;
  eventually(std::chrono::seconds(60), [&] {
    ready = PQping(probe.c_str()) == PQPING_OK;
    return ready || !postmaster_->running();
  });
  return ready;
}

// A first start looks for another port where somebody took it between the look and the bind. Later the port stays, for
// clients know it; then a start fails as long as backends of a killed postmaster still hold the shared memory.
void PgCluster::start() {
  if (postmaster_ && postmaster_->running()) return;
  const bool first = port_ == 0;
  const bool started = eventually(std::chrono::seconds(30), [&] {
    if (first) port_ = free_port();
    return start_once();
  });
  if (started) return;
  throw std::runtime_error("PostgreSQL " + std::to_string(version_) + " did not start:\n" +
                           tail_of(folder_ / "server.log"));
}

void PgCluster::stop(Stop how) {
  if (!postmaster_) return;
  postmaster_->send_signal(how == Stop::fast ? SIGINT : SIGQUIT);
  if (!postmaster_->wait(std::chrono::seconds(30))) throw std::runtime_error("PostgreSQL did not stop:\n" + log());
  postmaster_.reset();
}

void PgCluster::kill_hard() {
  if (!postmaster_) return;
  // Its backends see the postmaster's death and exit by themselves.
  postmaster_->send_signal(SIGKILL);
  postmaster_->wait(std::chrono::seconds(10));
  postmaster_.reset();
}

// A copy of the stopped primary's files: what pg_basebackup makes, which not every server here comes with.
PgCluster::PgCluster(const PgCluster& primary, Standby)
    : version_(primary.version_),
      folder_("pg" + std::to_string(primary.version_) + "standby"),
      user_(primary.user_),
      binaries_(primary.binaries_) {
  give_to(folder_.path(), user_);
  const int status = run({.arguments = {"/bin/cp", "-a", primary.data_folder().string(), data_folder().string()},
                          .user = user_,
                          .folder = folder_.path()});
  if (status != 0) throw std::runtime_error("cannot copy " + primary.data_folder().string());
  const auto conf = data_folder() / "postgresql.conf";
  write_file(conf, read_file(conf) + "unix_socket_directories = '" + folder_.path().string() +
                       "'\nprimary_conninfo = '" + primary.socket_conninfo() + "'\n");
  write_file(data_folder() / "standby.signal", "");
  give_to(data_folder() / "standby.signal", user_);
}

std::unique_ptr<PgCluster> PgCluster::make_standby() {
  stop();
  std::unique_ptr<PgCluster> standby(new PgCluster(*this, Standby{}));
  start();
  standby->start();
  return standby;
}

std::string PgCluster::conninfo(const std::string& database, const std::string& user) const {
  return "host=127.0.0.1 port=" + std::to_string(port_) + " dbname=" + database + " user=" + user;
}

std::string PgCluster::socket_conninfo(const std::string& database, const std::string& user) const {
  return "host=" + folder_.path().string() + " port=" + std::to_string(port_) + " dbname=" + database + " user=" + user;
}

std::string PgCluster::uri(const std::string& database, const std::string& user, const std::string& password) const {
  return "postgresql://" + with_user(user, password) + "@127.0.0.1:" + std::to_string(port_) + "/" + database;
}

std::string PgCluster::log() const {
  return read_file(folder_ / "server.log");
}

}  // namespace weir::test_support
