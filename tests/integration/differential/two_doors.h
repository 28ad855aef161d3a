// Two clusters in the same state: one is reached directly, the other through Weir.
//
// Every differential test does the same on both sides and compares what it saw, so both must go through the same
// history of commands: even object ids are then equal. Autovacuum is off for the same reason. One pair for each server
// version is made on first use and lives until the program ends.
//
// With WEIR_BINARY=direct in the environment a TCP pass-through stands where Weir belongs: so the tests themselves are
// tested.
#pragma once

#include <memory>
#include <string>

#include "tests/support/pass_through.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/weir_process.h"

namespace weir::differential {

/// One way to a cluster.
struct Door {
  std::string name;
  int port = 0;                                     ///< where clients of this side connect
  const test_support::PgCluster* server = nullptr;  ///< for looks past the door

  /// For libpq, through the door.
  std::string conninfo(const std::string& user = "postgres", const std::string& database = "postgres") const;
};

class TwoDoors {
 public:
  explicit TwoDoors(int version);

  const Door& direct() const { return direct_; }
  const Door& proxied() const { return proxied_; }
  /// Weir's log so far, for messages; empty behind a pass-through.
  std::string weir_errors() const { return weir_ ? weir_->errors() : ""; }
  bool weir_runs() const { return !weir_ || weir_->running(); }
  void restart_weir() const { weir_->start(); }

  /// The pair for that version.
  static const TwoDoors& of(int version);

 private:
  test_support::PgCluster direct_server_;
  test_support::PgCluster proxied_server_;
  std::unique_ptr<test_support::WeirProcess> weir_;
  std::unique_ptr<test_support::PassThrough> pass_through_;
  Door direct_;
  Door proxied_;
};

}  // namespace weir::differential
