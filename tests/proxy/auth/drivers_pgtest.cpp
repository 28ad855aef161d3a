// Logins of real clients, libpq 15 and 18, asyncpg, pgjdbc and pgx, by what they ask for and where TLS is. The table in
// the main README is what this test finds.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>

#include "tests/proxy/io/certificates.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/pg_connection.h"
#include "tests/support/weir_process.h"

namespace weir::proxy {
namespace {

using test_support::PgCluster;
using test_support::PgConnection;
using test_support::PgSettings;
using test_support::WeirOptions;
using test_support::WeirProcess;

struct Case {
  std::string name;
  std::string user = "ann";
  std::string password = "geheim";
  std::string sslmode = {};
  std::string channel_binding = {};
};

const std::vector<Case> kCases = {{"nothing (the driver's defaults)"},
                                  {"`sslmode=require`", "ann", "geheim", "require"},
                                  {"`sslmode=verify-full`", "ann", "geheim", "verify-full"},
                                  {"`channel_binding=require`", "ann", "geheim", "require", "require"},
                                  {"a wrong password", "ann", "wrong"},
                                  {"an expired password", "old", "geheim"},
                                  {"an unknown user", "nobody", "geheim"}};

/// Where TLS is: towards the client, and towards the database.
struct Legs {
  std::string name;
  bool client;
  bool upstream;
  std::string mode = "auto";
};

const std::vector<Legs> kLegs = {{"no TLS", false, false},
                                 {"TLS to Weir", true, false},
                                 {"the same, `auth.mode: terminate`", true, false, "terminate"},
                                 {"TLS to the database", false, true},
                                 {"TLS on both sides", true, true}};

const std::string kIn = "in";
const std::string kNoTls = "no TLS there";
const std::string kNoBinding = "nothing to bind to";
const std::string kRefused = "refused, 28P01";
const std::string kCannotSay = "cannot be asked for";

/// What a driver says, in the table's words.
std::string in_short(const std::string& words) {
  const std::pair<const char*, const std::string*> meanings[] = {{"password authentication failed", &kRefused},
                                                                 {"28P01", &kRefused},
                                                                 {"does not support SSL", &kNoTls},
                                                                 {"refused TLS", &kNoTls},
                                                                 {"rejected SSL", &kNoTls},
                                                                 {"has no channel binding", &kCannotSay},
                                                                 {"channel binding required", &kNoBinding},
                                                                 {"hannel binding", &kNoBinding}};
  if (words == kIn) return kIn;
  for (const auto& [part, meaning] : meanings)
    if (words.find(part) != std::string::npos) return *meaning;
  return words.empty() ? "(nothing)" : words;
}

struct World {
  Certificates certificates;
  PgCluster cluster{15, settings()};
  std::vector<std::unique_ptr<WeirProcess>> weirs;

  World() {
    PgConnection database(cluster.socket_conninfo());
    database.run("CREATE ROLE ann LOGIN PASSWORD 'geheim'");
    database.run("CREATE ROLE old LOGIN PASSWORD 'geheim' VALID UNTIL '2020-01-01'");
    database.run("CREATE ROLE weir_auth LOGIN SUPERUSER PASSWORD 'asks'");
    for (const Legs& legs : kLegs) weirs.push_back(weir(legs));
  }

  PgSettings settings() const {
    PgSettings settings;
    settings.authentication = "scram-sha-256";
    settings.lines = {"ssl = on", "ssl_cert_file = '" + certificates.file("database.crt") + "'",
                      "ssl_key_file = '" + certificates.file("database.key") + "'"};
    return settings;
  }

  std::unique_ptr<WeirProcess> weir(const Legs& legs) const {
    WeirOptions options;
    options.upstream = "postgresql://127.0.0.1:" + std::to_string(cluster.port()) +
                       "/postgres?sslmode=" + (legs.upstream ? "require" : "disable");
    options.arguments = {"--capture.enabled", "false",
                         "--auth.mode",       legs.mode,
                         "--auth.user",       "weir_auth",
                         "--auth.password",   "asks",
                         "--auth.query",      "SELECT rolname, rolpassword FROM pg_authid WHERE rolname = $1"};
    if (legs.client)
      options.arguments.insert(options.arguments.end(), {"--tls.cert", certificates.file("weir.crt"), "--tls.key",
                                                         certificates.file("weir.key")});
    options.journal = false;
    return std::make_unique<WeirProcess>(options);
  }
};

/// Of one client: what it said, by case and legs.
using Answers = std::map<std::pair<std::size_t, std::size_t>, std::string>;

std::string text_of_lines(const World& world) {
  std::string lines;
  for (const Case& one : kCases) {
    for (std::size_t i = 0; i < kLegs.size(); ++i) {
      const std::string root = one.sslmode.empty() && one.channel_binding.empty() ? "" : world.certificates.authority();
      lines += "127.0.0.1\t" + std::to_string(world.weirs[i]->port()) + "\t" + one.user + "\t" + one.password + "\t" +
               one.sslmode + "\t" + one.channel_binding + "\t" + root + "\n";
    }
  }
  return lines;
}

/// The program reads lines and answers lines.
Answers answers_of(const World& world, const std::string& program, const std::vector<std::string>& environment = {}) {
  const test_support::TempFolder folder("drivers");
  test_support::write_file(folder / "lines", text_of_lines(world));
  test_support::run({.arguments = {"sh", "-c", program + " < " + (folder / "lines").string()},
                     .environment = environment,
                     .stdout_path = folder / "answers",
                     .stderr_path = folder / "errors",
                     .folder = folder.path()},
                    std::chrono::minutes(3));
  std::istringstream in(test_support::read_file(folder / "answers"));
  Answers answers;
  std::size_t number = 0;
  for (std::string line; std::getline(in, line); ++number)
    answers[{number / kLegs.size(), number % kLegs.size()}] = line;
  EXPECT_EQ(number, kCases.size() * kLegs.size()) << program << "\n" << test_support::tail_of(folder / "errors");
  return answers;
}

/// psql, with the libpq of this folder.
Answers answers_of_psql(const World& world, const std::string& library, const std::string& more) {
  const std::string loop =
      "while IFS='\t' read -r line; do "
      "host=$(echo \"$line\" | cut -f1); port=$(echo \"$line\" | cut -f2); user=$(echo \"$line\" | cut -f3); "
      "password=$(echo \"$line\" | cut -f4); mode=$(echo \"$line\" | cut -f5); binding=$(echo \"$line\" | cut -f6); "
      "root=$(echo \"$line\" | cut -f7); "
      "seen=$(psql -XAtq \"host=$host port=$port user=$user password=$password dbname=postgres connect_timeout=20 " +
      more +
      " ${mode:+sslmode=$mode} ${binding:+channel_binding=$binding} ${root:+sslrootcert=$root}\" "
      "-c 'SELECT current_user' 2>&1 < /dev/null | tr '\\n' ' ' | sed 's/ $//'); "
      "if [ \"$seen\" = \"$user\" ]; then echo in; else echo \"$seen\"; fi; done";
  const test_support::TempFolder script("psql");
  test_support::write_file(script / "logins.sh", loop + "\n");
  return answers_of(world, "sh " + (script / "logins.sh").string(), {"LD_LIBRARY_PATH=" + library});
}

struct Client {
  std::string name;
  Answers answers;
};

std::vector<Client> ask_clients(const World& world) {
  const std::string deps = test_support::deps_folder();
  const std::string drivers = deps + "/drivers";
  EXPECT_TRUE(std::filesystem::exists(drivers + "/.fetched")) << "run tests/support/fetch_servers.sh drivers";
  std::vector<Client> clients;
  clients.push_back({"libpq 15", answers_of_psql(world, "", "")});
  // No libpq before 17 takes this parameter.
  clients.push_back({"libpq 18", answers_of_psql(world, deps + "/postgresql-18/lib", "sslnegotiation=postgres")});
  clients.push_back({"asyncpg", answers_of(world, "/usr/bin/python3 " WEIR_DRIVERS "/logins.py",
                                           {"PYTHONPATH=" + drivers + "/asyncpg"})});
  clients.push_back({"pgjdbc", answers_of(world, "java -XX:TieredStopAtLevel=1 -cp '" + drivers + "/jdbc:" + drivers +
                                                     "/jdbc/*' Logins")});
  if (std::filesystem::exists(drivers + "/logins_pgx")) {
    clients.push_back({"pgx", answers_of(world, drivers + "/logins_pgx")});
  } else {
    std::cerr << "SKIPPED: the logins of pgx, because there was no Go to build it\n";
  }
  return clients;
}

std::string cell(const std::vector<Client>& clients, std::size_t row, std::size_t column) {
  std::vector<std::pair<std::string, std::string>> said;  // in short, by whom
  for (const Client& client : clients) {
    const auto found = client.answers.find({row, column});
    const std::string words = in_short(found == client.answers.end() ? "" : found->second);
    const auto same = std::find_if(said.begin(), said.end(), [&](const auto& one) { return one.first == words; });
    if (same != said.end()) {
      same->second += ", " + client.name;
    } else {
      said.emplace_back(words, client.name);
    }
  }
  if (said.size() == 1) return said.front().first;
  std::string text;
  for (const auto& [words, names] : said) text += (text.empty() ? "" : "; ") + words + ": " + names;
  return text;
}

std::string table_of(const std::vector<Client>& clients) {
  std::string table = "| the client asks for, or has |";
  for (const Legs& legs : kLegs) table += " " + legs.name + " |";
  table += "\n|---|";
  for (std::size_t i = 0; i < kLegs.size(); ++i) table += "---|";
  table += "\n";
  for (std::size_t row = 0; row < kCases.size(); ++row) {
    table += "| " + kCases[row].name + " |";
    for (std::size_t column = 0; column < kLegs.size(); ++column) table += " " + cell(clients, row, column) + " |";
    table += "\n";
  }
  return table;
}

/// Without pgx the table must be the README's without its name.
std::string without_pgx(std::string table) {
  for (const std::string part : {", pgx", "pgx, "}) {
    for (auto place = table.find(part); place != std::string::npos; place = table.find(part))
      table.erase(place, part.size());
  }
  return table;
}

TEST(Drivers, LogInAsTheReadmeSays) {
  const World world;
  const std::vector<Client> clients = ask_clients(world);
  const std::string table = table_of(clients);
  const bool all = clients.size() == 5;
  const std::string readme = test_support::read_file(WEIR_DRIVERS "/../../../README.md");
  EXPECT_NE((all ? readme : without_pgx(readme)).find(table), std::string::npos) << "README.md must hold this table:\n"
                                                                                 << table;
  for (const auto& one : world.weirs) {
    EXPECT_EQ(one->errors().find("geheim"), std::string::npos);
    EXPECT_EQ(one->errors().find("SCRAM-SHA-256$"), std::string::npos);
  }
}

}  // namespace
}  // namespace weir::proxy
