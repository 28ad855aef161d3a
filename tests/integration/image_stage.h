// A database of its own on a shared cluster, and a Weir in front of it that writes to stdout: what it tells, line by
// line. For tests of what events say. Throws and fails where Weir does not come up or falls behind.
#pragma once

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/pg_connection.h"
#include "tests/support/weir_process.h"

namespace weir::images {

using test_support::PgCluster;
using test_support::PgConnection;
using test_support::WeirProcess;

inline const PgCluster& cluster_of(int version) {
  static std::map<int, std::unique_ptr<PgCluster>> clusters;
  auto& cluster = clusters[version];
  if (!cluster) cluster = std::make_unique<PgCluster>(version);
  return *cluster;
}

/// A database of its own, and a Weir in front of it.
class Stage {
 public:
  explicit Stage(int version, const std::string& encoding = "UTF8", const std::vector<std::string>& arguments = {})
      : cluster_(cluster_of(version)), database_(next_name()) {
    PgConnection(cluster_.conninfo())
        .run("CREATE DATABASE " + database_ + " TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C' ENCODING '" + encoding +
             "'");
    std::vector<std::string> all = {"--format", "flat", "--capture.exclude", "public.marker*"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    weir_ = std::make_unique<WeirProcess>(test_support::WeirOptions{
        .upstream = cluster_.uri(database_), .emit = {"stdout"}, .arguments = std::move(all)});
    direct().run("CREATE TABLE public.last_of_all (n int)");
  }
  ~Stage() {
    weir_->terminate();
    PgConnection(cluster_.conninfo()).run("DROP DATABASE IF EXISTS " + database_ + " WITH (FORCE)");
  }
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  PgConnection direct(const std::string& encoding = "", const std::string& user = "postgres") const {
    return PgConnection(cluster_.conninfo(database_, user) + (encoding.empty() ? "" : " client_encoding=" + encoding));
  }
  PgConnection through(const std::string& encoding = "", const std::string& user = "postgres") const {
    return PgConnection(weir_->conninfo(database_, user) + (encoding.empty() ? "" : " client_encoding=" + encoding));
  }
  int server_port() const { return cluster_.port(); }
  int weir_port() const { return weir_->port(); }
  const std::string& database() const { return database_; }
  std::string log() const { return weir_->errors(); }

  /// All that came out so far, as text.
  std::string output() {
    const auto marks = std::to_string(++marks_);
    through().run("INSERT INTO public.last_of_all VALUES (" + marks + ")");
    const bool arrived = test_support::eventually(std::chrono::seconds(20), [&] {
      return weir_->output().find("\"row\":{\"n\":" + marks + "}") != std::string::npos;
    });
    EXPECT_TRUE(arrived) << weir_->errors();
    return weir_->output();
  }

  /// Events since the last look, a line for each: "insert public.t {key} row fidelity", or "gap public.t +1 ~0 -0
  /// cause".
  std::vector<std::string> events() {
    std::vector<std::string> lines;
    const std::string all = output();
    for (std::size_t end; (end = all.find('\n', seen_)) != std::string::npos; seen_ = end + 1) {
      const auto event = boost::json::parse(all.substr(seen_, end - seen_)).as_object();
      if (text(event, "table") == "last_of_all") continue;
      lines.push_back(described(event));
    }
    return lines;
  }

 private:
  static std::string next_name() {
    static int number = 0;
    return "images_" + std::to_string(++number);
  }
  static std::string text(const boost::json::object& event, const char* member) {
    const auto* value = event.if_contains(member);
    return value == nullptr || value->is_null() ? "-"
           : value->is_string()                 ? std::string(value->as_string())
                                                : boost::json::serialize(*value);
  }
  static std::string described(const boost::json::object& event) {
    const std::string table = text(event, "schema") + "." + text(event, "table");
    if (text(event, "op") == "gap")
      return "gap " + table + " +" + text(event, "inserted") + " ~" + text(event, "updated") + " -" +
             text(event, "deleted") + " " + text(event, "cause");
    return text(event, "op") + " " + table + " " + text(event, "key") + " " +
           (text(event, "op") == "delete" ? text(event, "before") : text(event, "row")) + " " + text(event, "fidelity");
  }

  const PgCluster& cluster_;
  std::string database_;
  std::unique_ptr<WeirProcess> weir_;
  std::size_t seen_ = 0;
  int marks_ = 0;
};

using Lines = std::vector<std::string>;

/// In the extended protocol, with parameters.
inline void execute(const PgConnection& connection, const std::string& sql, const std::vector<const char*>& values) {
  PGresult* result =
      PQexecParams(connection.raw(), sql.c_str(), int(values.size()), nullptr, values.data(), nullptr, nullptr, 0);
  EXPECT_EQ(PQresultStatus(result), PGRES_COMMAND_OK) << PQresultErrorMessage(result);
  PQclear(result);
}

}  // namespace weir::images
