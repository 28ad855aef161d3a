// The stage of the truth and crash tests: a database with two oracles, Weir in front of it, Kafka behind it.
//
// `conclude` is called after the workload: it waits until everything the oracles know stands on Kafka, lets Weir end,
// and reads the topics once more, so that what should not be there is seen as well.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/integration/truth/workload.h"
#include "tests/support/kafka_broker.h"
#include "tests/support/pass_through.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/pg_connection.h"
#include "tests/support/validators.h"
#include "tests/support/weir_process.h"

namespace weir::truth {

inline const std::string prefix = "shop";

class Stage {
 public:
  /// `tap`: a pass-through between Weir and the database. `more`: arguments of Weir's.
  explicit Stage(int version, const test_support::PassThrough::Tap& tap = {},
                 const std::vector<std::string>& more = {});

  test_support::PgCluster& server() { return server_; }
  test_support::WeirProcess& weir() { return *weir_; }
  test_support::PassThrough* pass_through() { return pass_through_.get(); }
  test_support::PgConnection connect() const { return test_support::PgConnection(server_.socket_conninfo()); }
  /// For the application's sessions.
  std::string conninfo() const { return weir_->conninfo("postgres", "app") + " password=app"; }

  void conclude();
  const std::vector<test_support::KafkaRecord>& records() const { return records_; }
  const test_support::Stream& stream() const { return stream_; }
  const test_support::Oracle& history() const { return history_; }
  const test_support::Oracle& decoded() const { return decoded_; }

 private:
  bool arrived();

  test_support::PgCluster server_;
  test_support::KafkaBroker broker_;
  std::unique_ptr<test_support::PassThrough> pass_through_;
  std::unique_ptr<test_support::WeirProcess> weir_;
  test_support::KafkaReader reader_;
  std::vector<test_support::KafkaRecord> records_;
  std::set<std::uint64_t> ended_;  ///< transactions whose last event was read
  test_support::Stream stream_;
  test_support::Oracle history_;
  test_support::Oracle decoded_;
};

/// Applies the stream in its order to empty tables of a new database of that name in the cluster; returns the
/// differences between their contents and the originals'.
test_support::Violations replay(const test_support::PgCluster& server, const test_support::Stream& stream,
                                const std::string& database);

}  // namespace weir::truth
