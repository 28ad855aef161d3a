// The command line and the table of settings behind it.
#include "proxy/settings/options.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "proxy/command/subcommand.h"

namespace weir::proxy {
namespace {

const std::vector<std::string> kLeast = {"--upstream", "postgresql://db:5433", "--emit", "stdout"};

Result<Settings> settings_of(std::vector<std::string> arguments, bool with_least = true) {
  if (with_least) arguments.insert(arguments.begin(), kLeast.begin(), kLeast.end());
  auto line = parse_command_line(arguments);
  if (!line) return line.error();
  return settle({.command_line = line->assignments});
}

std::string complaint_of(const std::vector<std::string>& arguments, bool with_least = true) {
  auto settings = settings_of(arguments, with_least);
  return settings ? "" : settings.error().message;
}

TEST(Options, TheCommandLineOfTheReadme) {
  auto settings = settings_of({"--listen", "127.0.0.1:6432", "--upstream", "postgresql://127.0.0.1:5432", "--emit",
                               "stdout", "--format", "flat", "--journal", "/var/lib/weir/journal", "--workers", "4"},
                              false);
  ASSERT_TRUE(settings) << settings.error().message;
  ASSERT_EQ(settings->listen.size(), 1u);
  EXPECT_EQ(settings->listen[0].text(), "127.0.0.1:6432");
  EXPECT_EQ(settings->upstream.hosts.at(0).text(), "127.0.0.1:5432");
  EXPECT_EQ(settings->format, "flat");
  EXPECT_EQ(settings->journal_path, "/var/lib/weir/journal");
  EXPECT_EQ(settings->workers, 4u);
  EXPECT_EQ(settings->emit.at(0).kind->name(), "stdout");
}

TEST(Options, DefaultsAreThoseOfTheTable) {
  auto settings = settings_of({});
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->listen.at(0).text(), "127.0.0.1:6432");
  EXPECT_EQ(settings->statement_cache_bytes, 16u << 20);
  EXPECT_EQ(settings->journal_max_bytes, 10ull << 30);
  EXPECT_EQ(settings->hold_timeout.count(), 30'000);
  EXPECT_EQ(settings->shutdown_timeout.count(), 10'000);
  EXPECT_EQ(settings->journal_durability, capture::Durability::answer);
  EXPECT_TRUE(settings->capture_enabled);
  EXPECT_FALSE(settings->format);
  EXPECT_EQ(settings->prefix, "weir");
}

TEST(Options, EveryKeyIsAFlagAndTakesItsDefault) {
  for (const auto& row : settings_table()) {
    if (row.fallback.empty()) continue;
    const auto flag = "--" + std::string(row.key);
    EXPECT_EQ(complaint_of({flag, std::string(row.fallback)}), "") << flag;
    EXPECT_EQ(complaint_of({flag + "=" + std::string(row.fallback)}), "") << flag;
  }
}

TEST(Options, EveryWrongValueIsRefusedByItsFlag) {
  std::set<std::string> any_text = {
      "tls.cert",          "tls.key",           "tls.ciphers", "tls.ciphersuites", "tls.client_ca", "tls.client_crl",
      "journal.path",      "auth.query",        "auth.user",   "auth.password",    "auth.database", "auth.users_file",
      "capture.databases", "unix_socket.group", "admin.users", "admin.database",   "takeover"};
  for (const auto& row : settings_table()) {
    if (any_text.count(std::string(row.key)) != 0) continue;
    const auto flag = "--" + std::string(row.key);
    const auto complaint = complaint_of({flag, "never right!"});
    EXPECT_EQ(complaint.rfind(flag + " ", 0), 0u) << flag << " -> " << complaint;
  }
}

TEST(Options, ACollectorIsAUrlAndItsHeadersAreThoseOfHttp) {
  const auto collector = [](const std::string& url) { return settings_of({"--tracing.otlp", url})->tracing.otlp; };
  EXPECT_EQ(collector("http://127.0.0.1:4318"), "http://127.0.0.1:4318/v1/traces");
  EXPECT_EQ(collector("https://c/"), "https://c/v1/traces");
  EXPECT_EQ(collector("https://c/otlp/v1/traces"), "https://c/otlp/v1/traces");
  for (const char* url : {"127.0.0.1:4318", "http://", "http:///v1/traces", "grpc://c:4317", "file:///etc/passwd", ""})
    EXPECT_NE(complaint_of({"--tracing.otlp", url}), "") << url;
  for (const char* line : {"Authorization", ": x", "a b: x", "a: x\r\nb: y", ""})
    EXPECT_NE(complaint_of({"--tracing.headers", line}), "") << line;
  EXPECT_EQ(complaint_of({"--tracing.headers", "X-Key: a b:c"}), "");
}

TEST(Options, EmitCanBeGivenSeveralTimesAndItsFlagsBelongToTheOneBefore) {
  auto settings = settings_of({"--emit", "file:/tmp/events.ndjson", "--emit.format", "flat", "--emit.file.rotate_bytes",
                               "1MB", "--emit", "kafka://k1:9092,k2:9092/shop", "--emit.tombstones", "false",
                               "--emit.kafka.compression.type", "lz4"});
  ASSERT_TRUE(settings) << settings.error().message;
  ASSERT_EQ(settings->emit.size(), 3u);
  EXPECT_FALSE(settings->emit[0].format);
  EXPECT_EQ(settings->emit[1].uri, "file:/tmp/events.ndjson");
  EXPECT_EQ(settings->emit[1].format, "flat");
  EXPECT_EQ(emitters::bytes_of(settings->emit[1].own, "rotate_bytes", 0), 1u << 20);
  EXPECT_EQ(settings->emit[2].kind->name(), "kafka");
  EXPECT_EQ(settings->emit[2].prefix, "shop");
  EXPECT_FALSE(settings->emit[2].tombstones);
  EXPECT_EQ(settings->emit[2].own.at("compression.type"), "lz4");
}

TEST(Options, KafkaWithoutPrefixTakesTheGeneralOne) {
  auto settings = settings_of({"--emit", "kafka://k1:9092"});
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_FALSE(settings->emit.at(1).prefix);
}

TEST(Options, WrongDestinationsAreRefused) {
  for (const char* uri : {"kafka://", "kafka://user:secret@host/p", "kafka://host:0/p", "kafka://host:1,/p",
                          "kafka://host:x", "file:", "redis://x", "", "kafka://h:1/a b"}) {
    EXPECT_NE(complaint_of({"--emit", uri}), "") << uri;
  }
  EXPECT_EQ(complaint_of({"--emit", "kafka://user:secret@host/p"}).find("secret"), std::string::npos);
  EXPECT_NE(complaint_of({"--emit", "stdout"}).find("twice"), std::string::npos);
}

TEST(Options, AnEmitFlagNeedsAnEmitThatUnderstandsIt) {
  EXPECT_NE(complaint_of({"--emit.format", "flat"}, false).find("behind the --emit"), std::string::npos);
  EXPECT_NE(complaint_of({"--emit.kafka.acks", "1"}).find("kafka://"), std::string::npos);
  EXPECT_NE(complaint_of({"--emit.file.rotate_bytes", "1"}).find("file:"), std::string::npos);
}

TEST(Options, UpstreamUri) {
  auto settings = settings_of(
      {"--upstream",
       "postgres://me:s%40crt@[::1]:5433,db2:6000/shop?sslmode=verify-full&sslrootcert=/ca.pem&connect_timeout=3"});
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->upstream.hosts.at(0).text(), "[::1]:5433");
  EXPECT_EQ(settings->upstream.hosts.at(1).text(), "db2:6000");
  EXPECT_EQ(settings->credentials.user, "me");
  EXPECT_EQ(settings->credentials.password, "s@crt");
  EXPECT_EQ(settings->credentials.database, "shop");
  EXPECT_EQ(settings->upstream.sslmode, SslMode::verify_full);
  EXPECT_EQ(settings->upstream.connect_timeout.count(), 3000);
}

TEST(Options, UpstreamWithoutPortMeansPostgresqlsOwn) {
  auto settings = settings_of({"--upstream", "postgresql://db"});
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->upstream.hosts.at(0).text(), "db:5432");
}

TEST(Options, AWrongUpstreamIsRefusedWithoutShowingThePassword) {
  for (const char* uri : {"me:geheim@db", "postgresql://me:geheim@db:x", "postgresql://me:geheim@db?sslmode=maybe",
                          "postgresql://me:geheim@db?service=x", "postgresql://me:geheim@db:70000",
                          "postgresql://me:geheim@[db", "postgresql://me:geheim@db?connect_timeout=0",
                          "postgresql://me:geheim@db?sslmode=verify-ca", "postgresql://me:geheim@db?nosuch=geheim"}) {
    const auto complaint = complaint_of({"--upstream", uri});
    EXPECT_EQ(complaint.rfind("--upstream ", 0), 0u) << uri << " -> " << complaint;
    EXPECT_EQ(complaint.find("geheim"), std::string::npos) << complaint;
  }
}

TEST(Options, ListenAddresses) {
  auto settings = settings_of({"--listen", "[::1]:7000", "--listen", "*:7001", "--listen", "7002"});
  ASSERT_TRUE(settings) << settings.error().message;
  ASSERT_EQ(settings->listen.size(), 3u);
  EXPECT_EQ(settings->listen[0].text(), "[::1]:7000");
  EXPECT_EQ(settings->listen[1].text(), "0.0.0.0:7001");
  EXPECT_EQ(settings->listen[2].text(), "127.0.0.1:7002");
  for (const char* wrong : {"", ":", "host:", "host:99999", "::1:5", "host:1x"})
    EXPECT_NE(complaint_of({"--listen", wrong}), "");
}

TEST(Options, UnixSocketsToListenOn) {
  auto settings = settings_of({"--listen", "127.0.0.1:7000", "--listen", "unix:/run/weir", "--listen",
                               "unix:/run/weir/:7001", "--listen", "unix:/a:b", "--listen", "unix:@weir:7002"});
  ASSERT_TRUE(settings) << settings.error().message;
  ASSERT_EQ(settings->listen.size(), 5u);
  EXPECT_EQ(settings->listen[1], (HostPort{"/run/weir", 0}));
  EXPECT_EQ(settings->listen[2].text(), "/run/weir/.s.PGSQL.7001");
  EXPECT_EQ(settings->listen[3], (HostPort{"/a:b", 0})) << "no number, so it is part of the name";
  EXPECT_EQ(settings->listen[4].text(), "@weir/.s.PGSQL.7002");
  EXPECT_EQ(settings->socket_access.permissions, 0777u);
  for (const char* wrong : {"unix:", "unix:run/weir", "unix::6432", "unix:@", "unix:@:7000", "unix:weir:7000"})
    EXPECT_NE(complaint_of({"--listen", wrong}).find("full path"), std::string::npos) << wrong;
}

TEST(Options, PermissionsAreOctal) {
  for (const auto& [text, mode] :
       std::vector<std::pair<std::string, unsigned>>{{"0777", 0777}, {"0770", 0770}, {"700", 0700}, {"0000", 0}}) {
    auto settings = settings_of({"--unix_socket.permissions", text, "--unix_socket.group", "shop"});
    ASSERT_TRUE(settings) << settings.error().message;
    EXPECT_EQ(settings->socket_access.permissions, mode) << text;
    EXPECT_EQ(settings->socket_access.group, "shop");
  }
  for (const char* wrong : {"", "7", "0888", "1777", "07777", "0x1ff", "rwx"})
    EXPECT_NE(complaint_of({"--unix_socket.permissions", wrong}).find("octal"), std::string::npos) << wrong;
}

TEST(Options, AnUnknownFlagGetsTheNearestName) {
  EXPECT_EQ(complaint_of({"--jornal", "x"}),
            "--jornal is no flag of Weir; did you mean \"--journal\"?; weir --help lists them");
  EXPECT_NE(complaint_of({"--emit.formt", "x"}).find("\"--emit.format\""), std::string::npos);
  EXPECT_EQ(complaint_of({"--zzzzzzzzzzz", "x"}).find("did you mean"), std::string::npos);
  EXPECT_NE(complaint_of({"stray"}), "");
}

TEST(Options, AFlagWithoutItsValueIsRefused) {
  EXPECT_EQ(complaint_of({"--journal"}), "--journal needs a value: --journal PATH");
  EXPECT_NE(complaint_of({"--config"}), "");
}

TEST(Options, TrueMayBeLeftOut) {
  auto settings = settings_of({"--capture.statement_text", "--workers", "2", "--emit.tombstones=false"});
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_TRUE(settings->statement_text);
  EXPECT_FALSE(settings->emit.at(0).tombstones);
}

TEST(Options, SettingsThatNeedEachOther) {
  EXPECT_NE(complaint_of({}, false).find("--upstream"), std::string::npos);
  EXPECT_NE(complaint_of({"--upstream", "postgresql://db"}, false).find("--emit stdout"), std::string::npos);
  EXPECT_EQ(complaint_of({"--upstream", "postgresql://db", "--capture.enabled", "false"}, false), "");
  EXPECT_NE(complaint_of({"--tls.cert", "c.pem"}).find("tls.key"), std::string::npos);
  EXPECT_NE(complaint_of({"--tls.required"}).find("tls.cert"), std::string::npos);
}

TEST(Options, Patterns) {
  EXPECT_EQ(complaint_of({"--capture.include", "public.*", "--capture.exclude", "public.tmp_?"}), "");
  EXPECT_EQ(complaint_of({"--capture.exclude_columns", "public.users.password"}), "");
  for (const char* wrong : {"orders", "a.b.c", ".b", "a.", ""})
    EXPECT_NE(complaint_of({"--capture.include", wrong}), "") << wrong;
  EXPECT_NE(complaint_of({"--capture.exclude_columns", "public.users"}), "");
}

TEST(Options, AParameterOfTheUriIsNamedWithoutTheUri) {
  const auto complaint = complaint_of({"--upstream", "postgresql://ann:secret@db/?sslmod=require"});
  EXPECT_NE(complaint.find("\"sslmod\""), std::string::npos) << complaint;
  EXPECT_EQ(complaint.find("secret"), std::string::npos) << complaint;
}

TEST(Options, Times) {
  for (const auto& [text, ms] : std::vector<std::pair<std::string, int>>{
           {"0", 0}, {"12", 12}, {"3ms", 3}, {"2s", 2000}, {"1 s", 1000}, {"1min", 60'000}, {"24h", 86'400'000}}) {
    auto settings = settings_of({"--capture.facts_max_age", text});
    ASSERT_TRUE(settings) << settings.error().message;
    EXPECT_EQ(settings->facts_max_age.count(), ms);
  }
  for (const char* wrong : {"", "-1", "1m", "25h", "99999999999999999999s", "99999999999999999999999"})
    EXPECT_NE(complaint_of({"--capture.facts_max_age", wrong}), "") << wrong;
}

TEST(Options, Bytes) {
  for (const auto& [text, bytes] : std::vector<std::pair<std::string, std::uint64_t>>{{"0", 0},
                                                                                      {"12", 12},
                                                                                      {"3B", 3},
                                                                                      {"2kB", 2048},
                                                                                      {"1GB", 1ull << 30},
                                                                                      {"2TB", 2ull << 40},
                                                                                      {"10G", 10ull << 30},
                                                                                      {"10GiB", 10ull << 30},
                                                                                      {"5KB", 5 << 10},
                                                                                      {"5k", 5 << 10},
                                                                                      {"1 MB", 1 << 20},
                                                                                      {"7mib", 7 << 20}}) {
    auto settings = settings_of({"--capture.max_statement_bytes", text});
    ASSERT_TRUE(settings) << settings.error().message;
    EXPECT_EQ(settings->max_statement_bytes, bytes);
  }
  EXPECT_EQ(complaint_of({"--journal.max_bytes", "0"}), "");
  EXPECT_EQ(complaint_of({"--journal.max_bytes", "1MB"}), "");
  EXPECT_NE(complaint_of({"--journal.max_bytes", "1023kB"}).find("at least 1MB"), std::string::npos);
  for (const char* wrong : {"", "-1", "1X", "1M B", "1.5GB", "GB", "1Gi", "99999999999999999999", "9999999999TB"}) {
    EXPECT_NE(complaint_of({"--journal.max_bytes", wrong}), "") << wrong;
  }
}

TEST(Options, BooleansAndLevelsAsPeopleWriteThem) {
  for (const char* yes : {"true", "yes", "on", "1", "True", "YES"}) {
    auto settings = settings_of({"--capture.statement_text", yes});
    ASSERT_TRUE(settings) << settings.error().message;
    EXPECT_TRUE(settings->statement_text) << yes;
  }
  for (const char* no : {"false", "no", "off", "0", "No"}) {
    auto settings = settings_of({"--capture.statement_text", no});
    ASSERT_TRUE(settings) << settings.error().message;
    EXPECT_FALSE(settings->statement_text) << no;
  }
  for (const auto& [text, level] : std::vector<std::pair<std::string, std::string>>{
           {"warning", "warn"}, {"WARN", "warn"}, {"Debug", "debug"}, {"error", "error"}}) {
    auto settings = settings_of({"--log.level", text});
    ASSERT_TRUE(settings) << settings.error().message;
    EXPECT_EQ(settings->log_level, level);
  }
}

TEST(Options, Durations) {
  for (const auto& [text, milliseconds] : std::vector<std::pair<std::string, int>>{
           {"0", 0}, {"1500", 1500}, {"20ms", 20}, {"30s", 30'000}, {"2min", 120'000}, {"1h", 3'600'000}}) {
    auto settings = settings_of({"--shutdown.timeout_ms", text, "--journal.hold_timeout_ms", text});
    ASSERT_TRUE(settings) << settings.error().message;
    EXPECT_EQ(settings->shutdown_timeout.count(), milliseconds);
    EXPECT_EQ(settings->hold_timeout.count(), milliseconds);
  }
  for (const char* wrong : {"", "s", "-1s", "2h", "1 week", "99999999999999999999s"})
    EXPECT_NE(complaint_of({"--shutdown.timeout_ms", wrong}), "") << wrong;
}

TEST(Options, Limits) {
  auto settings = settings_of({"--limits.connections", "200", "--limits.logins=20", "--limits.login_timeout", "5s",
                               "--limits.connections_per_client", "50"});
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->limits.connections, 200u);
  EXPECT_EQ(settings->limits.logins, 20u);
  EXPECT_EQ(settings->limits.connections_per_client, 50u);
  EXPECT_EQ(settings->login_timeout.count(), 5'000);
  EXPECT_EQ(settings_of({})->login_timeout.count(), 60'000);
  EXPECT_NE(complaint_of({"--limits.login_timeout", "0"}), "");
}

TEST(Options, AWrongValueIsShownUnlessItMayHoldAPassword) {
  EXPECT_EQ(complaint_of({"--log.level", "loud"}), "--log.level must be debug, info, warn or error (given: \"loud\")");
  EXPECT_NE(complaint_of({"--emit", "redis://x"}).find("(given: \"redis://x\")"), std::string::npos);
  EXPECT_NE(complaint_of({"--emit", "file:x", "--emit.format", "xml"}).find("(given: \"xml\")"), std::string::npos);
  EXPECT_NE(complaint_of({"--listen", "a\nb"}).find("(given: \"a?b\")"), std::string::npos);
  EXPECT_LT(complaint_of({"--listen", std::string(10'000, 'x')}).size(), 300u);
  EXPECT_EQ(complaint_of({"--upstream", "geheim"}).find("geheim"), std::string::npos);
}

TEST(Options, ThePassfileIsLibpqs) {
  auto settings = settings_of({"--upstream", "postgresql://me@db/shop?passfile=/run/secrets/pgpass"});
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->credentials.passfile, "/run/secrets/pgpass");
}

TEST(Options, HelpNamesEverySetting) {
  const auto help = help_text(subcommands_help());
  for (const auto& row : settings_table()) {
    const auto flag = row.flag.empty() ? "--" + std::string(row.key) : std::string(row.flag);
    EXPECT_NE(help.find("  " + flag + " "), std::string::npos) << flag;
  }
  for (const auto& line : emitter_setting_lines())
    EXPECT_NE(help.find("--emit." + line.key), std::string::npos) << line.key;
}

TEST(Options, TheReadmesReferenceIsTheTable) {
  std::ifstream file(WEIR_SOURCE_FOLDER "/README.md");
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_NE(text.str().find(reference()), std::string::npos)
      << "README.md must hold this table (weir --reference prints it):\n"
      << reference();
}

TEST(Options, HelpAndVersion) {
  EXPECT_TRUE(parse_command_line({"--help"})->help);
  EXPECT_TRUE(parse_command_line({"-h"})->help);
  EXPECT_TRUE(parse_command_line({"--version"})->version);
  EXPECT_EQ(parse_command_line({"--config", "weir.yaml"})->config, "weir.yaml");
}

}  // namespace
}  // namespace weir::proxy
