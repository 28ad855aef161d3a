// A throwaway PostgreSQL cluster on a free port of 127.0.0.1, in a temporary folder, gone with this object.
//
// The superuser is `postgres`; authentication is trust unless `authentication` says otherwise. fsync stays on, as in
// production. PostgreSQL 15 is Debian's; 16, 17 and 18 come from `.deps/postgresql-<version>`
// (tests/support/fetch_servers.sh). A missing server is an exception whose message says how to get it, so that the test
// fails and is never skipped. Use it on the thread that made it (see child_process.h). stop, kill_hard and start play
// the database's outages.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/child_process.h"

namespace weir::test_support {

struct PgSettings {
  std::vector<std::string> lines;        ///< of postgresql.conf, for example "max_connections = 300"
  std::vector<std::string> known = {};   ///< the same, each left out where this server has no setting of that name
  bool logical = false;                  ///< wal_level = logical, with slots
  std::vector<std::string> hba = {};     ///< lines of pg_hba.conf that come before all others
  std::string authentication = "trust";  ///< method for 127.0.0.1 in pg_hba.conf; the socket stays trust
};

class PgCluster {
 public:
  enum class Stop { fast, immediate };

  explicit PgCluster(int version, const PgSettings& settings = {});
  PgCluster(const PgCluster&) = delete;
  PgCluster& operator=(const PgCluster&) = delete;
  ~PgCluster();

  int version() const { return version_; }
  int port() const { return port_; }
  std::filesystem::path socket_folder() const { return folder_.path(); }
  std::filesystem::path data_folder() const { return folder_ / "data"; }
  /// For libpq, over TCP.
  std::string conninfo(const std::string& database = "postgres", const std::string& user = "postgres") const;
  /// Over the unix socket, where trust always holds.
  std::string socket_conninfo(const std::string& database = "postgres", const std::string& user = "postgres") const;
  /// postgresql://user[:password]@127.0.0.1:port/database
  std::string uri(const std::string& database = "postgres", const std::string& user = "postgres",
                  const std::string& password = "") const;
  /// What the server has logged so far.
  std::string log() const;

  /// Behind stop or kill_hard; does nothing where it runs, as a new one does.
  void start();
  void stop(Stop how = Stop::fast);
  /// kill -9 of the postmaster; its backends end with it.
  void kill_hard();
  /// A standby that follows this one, which is restarted for it and must outlive it.
  std::unique_ptr<PgCluster> make_standby();

 private:
  struct Standby {};
  PgCluster(const PgCluster& primary, Standby);
  void initialise(const PgSettings& settings);
  void choose_binaries();
  std::string known_lines(const std::vector<std::string>& lines) const;
  bool start_once();

  int version_;
  TempFolder folder_;
  std::optional<User> user_;
  std::filesystem::path binaries_;
  int port_ = 0;
  std::unique_ptr<ChildProcess> postmaster_;
};

}  // namespace weir::test_support
