#include "wire/startup.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/wire/bytes.h"
#include "wire/error_response.h"
#include "wire/frame.h"

namespace weir::wire {
namespace {

using testing::int32;
using testing::parameters;
using testing::startup_packet;

constexpr int kCancelCode = 80877102;
constexpr int kSslCode = 80877103;
constexpr int kGssencCode = 80877104;
constexpr int kVersion30 = 3 << 16;

const std::string kCancel = startup_packet(kCancelCode, int32(4711) + "key!");
const std::string kSsl = startup_packet(kSslCode);
const std::string kGssenc = startup_packet(kGssencCode);
const std::string kStartup = startup_packet(
    kVersion30, parameters({"user", "ann", "database", "shop", "application_name", "till", "options", "-c geqo=off",
                            "_pq_.test_protocol_negotiation", "", "search_path", "a, b"}));
const std::string kTlsRecord("\x16\x03\x01\x02\x00\x01\x00", 7);

using Kind = FirstMessage::Kind;
using Step = StartupStep::Kind;

/// In a buffer of exactly this size, for the sanitizers.
FirstMessage read_exactly(std::string_view bytes) {
  static std::vector<char> buffer;
  buffer.assign(bytes.begin(), bytes.end());
  buffer.shrink_to_fit();
  return read_first_message({buffer.data(), buffer.size()});
}

void expect_malformed(std::string_view bytes, std::string_view sqlstate, std::string_view message) {
  const FirstMessage first = read_exactly(bytes);
  EXPECT_EQ(first.kind, Kind::malformed);
  EXPECT_EQ(first.sqlstate, sqlstate);
  EXPECT_EQ(first.message, message);
}

TEST(FirstMessage, TellsTheKindsApart) {
  EXPECT_EQ(read_first_message(kSsl).kind, Kind::ssl_request);
  EXPECT_EQ(read_first_message(kGssenc).kind, Kind::gssenc_request);
  EXPECT_EQ(read_first_message(kCancel).kind, Kind::cancel_request);
  EXPECT_EQ(read_first_message(kStartup).kind, Kind::startup_message);
  EXPECT_EQ(read_first_message(kTlsRecord).kind, Kind::direct_tls);
}

TEST(FirstMessage, IsIncompleteAtEveryTruncation) {
  for (const std::string& sample : {kSsl, kGssenc, kCancel, kStartup})
    for (std::size_t size = 0; size < sample.size(); ++size)
      EXPECT_EQ(read_exactly(sample.substr(0, size)).kind, Kind::incomplete) << size << " of " << sample.size();
}

TEST(FirstMessage, LeavesWhatLiesBehind) {
  for (const std::string& sample : {kSsl, kGssenc, kCancel, kStartup}) {
    const std::string received = sample + "Q behind";
    const FirstMessage first = read_first_message(received);
    EXPECT_EQ(first.kind, read_first_message(sample).kind);
    EXPECT_EQ(first.bytes, sample);
    EXPECT_EQ(first.bytes.data(), received.data());
  }
}

TEST(FirstMessage, DirectTlsIsKnownByOneByte) {
  EXPECT_EQ(read_first_message(kTlsRecord.substr(0, 1)).kind, Kind::direct_tls);
  EXPECT_EQ(read_first_message(kTlsRecord).bytes, "");
}

TEST(FirstMessage, RefusesLengthsAsTheServerDoes) {
  const std::string_view message = "invalid length of startup packet";
  for (const std::int64_t length : {0L, 3L, 4L, 7L, 10'005L, 0x7fffffffL, -1L, -0x80000000L})
    expect_malformed(int32(length), "", message);
  expect_malformed("GET / HTTP/1.1\r\n", "", message);
}

TEST(FirstMessage, TakesTenThousandBytes) {
  const std::size_t overhead = parameters({"user", "ann", "options", ""}).size() + 4;
  const std::string largest = startup_packet(
      kVersion30, parameters({"user", "ann", "options", std::string(kMaxStartupPacketSize - overhead, 'x')}));
  EXPECT_EQ(largest.size(), 4 + kMaxStartupPacketSize);
  EXPECT_EQ(read_exactly(largest).kind, Kind::startup_message);
}

TEST(FirstMessage, LeavesLaterMajorVersionsToTheServer) {
  const std::string packet = startup_packet(4 << 16 | 7, parameters({"user", "ann"}));
  EXPECT_EQ(read_first_message(packet).kind, FirstMessage::Kind::startup_message);
}

TEST(FirstMessage, LeavesEarlierMajorVersionsToTheServerToo) {
  for (const std::string& packet : {startup_packet(2 << 16, std::string(288, '\0')), startup_packet(0)}) {
    const FirstMessage first = read_first_message(packet);
    EXPECT_EQ(first.kind, FirstMessage::Kind::startup_message);
    EXPECT_EQ(first.bytes, packet);
    EXPECT_EQ(first.startup.user(), "");
  }
}

TEST(FirstMessage, TakesEveryMinorVersion) {
  for (const int minor : {0, 1, 2, 9999, 65535}) {
    const std::string bytes = startup_packet(kVersion30 | minor, parameters({"user", "ann"}));
    const FirstMessage first = read_first_message(bytes);
    EXPECT_EQ(first.kind, Kind::startup_message);
    EXPECT_EQ(first.startup.minor_version(), minor);
  }
}

TEST(StartupMessage, KeepsItsBytesAndShowsItsParameters) {
  const FirstMessage first = read_first_message(kStartup);
  EXPECT_EQ(first.bytes, kStartup);
  EXPECT_EQ(first.startup.user(), "ann");
  EXPECT_EQ(first.startup.database(), "shop");
  EXPECT_EQ(first.startup.application_name(), "till");
  EXPECT_EQ(first.startup.options(), "-c geqo=off");
  EXPECT_EQ(first.startup.parameter("search_path"), "a, b");
  EXPECT_EQ(first.startup.parameter("_pq_.test_protocol_negotiation"), "");
  EXPECT_EQ(first.startup.parameter("shop"), std::nullopt) << "a value is no name";
  EXPECT_FALSE(first.startup.replication());
}

TEST(StartupMessage, FollowsTheServerWhereSomethingIsMissingOrTwice) {
  const auto read = [](std::string_view bytes) { return StartupMessageView::read(0, bytes).value(); };
  const std::string no_database = parameters({"user", "ann"});
  EXPECT_EQ(read(no_database).database(), "ann");
  const std::string empty_database = parameters({"user", "ann", "database", ""});
  EXPECT_EQ(read(empty_database).database(), "ann");
  const std::string twice = parameters({"user", "ann", "user", "ben"});
  EXPECT_EQ(read(twice).user(), "ben");
  const std::string none = parameters({});
  EXPECT_EQ(read(none).user(), "") << "the database says that itself";
  EXPECT_EQ(read(none).options(), "");
  EXPECT_EQ(StartupMessageView().user(), "");
}

TEST(StartupMessage, ReadsReplicationAsTheServerReadsBooleans) {
  const auto replication = [](std::string_view value) {
    const std::string bytes = parameters({"user", "ann", "replication", value});
    return StartupMessageView::read(0, bytes).value().replication();
  };
  for (const char* value : {"false", "FALSE", "f", "fal", "no", "n", "off", "of", "0"})
    EXPECT_FALSE(replication(value)) << value;
  for (const char* value : {"true", "database", "on", "1", "yes", "", "o", "falsehood", "00"})
    EXPECT_TRUE(replication(value)) << value;
}

TEST(StartupMessage, RefusesAWrongLayout) {
  const std::string_view message = "invalid startup packet layout: expected terminator as last byte";
  const std::string good = parameters({"user", "ann"});
  expect_malformed(startup_packet(kVersion30, ""), "08P01", message);
  expect_malformed(startup_packet(kVersion30, good + "x"), "08P01", message);
  expect_malformed(startup_packet(kVersion30, good + '\0'), "08P01", message);
  for (std::size_t size = 0; size < good.size(); ++size)
    expect_malformed(startup_packet(kVersion30, good.substr(0, size)), "08P01", message);
  EXPECT_EQ(read_exactly(startup_packet(kVersion30, good)).kind, Kind::startup_message);
}

TEST(CancelRequest, HasAPidAndAKey) {
  const FirstMessage first = read_first_message(kCancel);
  EXPECT_EQ(first.cancel.pid, 4711u);
  EXPECT_EQ(first.cancel.key, "key!");
  EXPECT_EQ(first.bytes, kCancel);
}

TEST(CancelRequest, BoundsTheKey) {
  const auto kind = [](std::size_t size) {
    return read_exactly(startup_packet(kCancelCode, int32(1) + std::string(size, 'k'))).kind;
  };
  for (const std::size_t size : {4u, 5u, 32u, 256u}) EXPECT_EQ(kind(size), Kind::cancel_request) << size;
  const std::string_view message = "invalid length of cancel key in cancel request packet";
  for (const std::size_t size : {0u, 3u, 257u, 9000u})
    expect_malformed(startup_packet(kCancelCode, int32(1) + std::string(size, 'k')), "", message);
  expect_malformed(startup_packet(kCancelCode, "abc"), "", "invalid length of cancel request packet");
}

/// The ErrorResponse in `answer`, as "SEVERITY SQLSTATE message".
std::string refusal(const StartupStep& step) {
  EXPECT_EQ(step.kind, Step::refuse);
  if (step.answer.size() < kHeaderSize) return {};
  const auto fields = read_error_fields(std::string_view(step.answer).substr(kHeaderSize));
  if (!fields || step.answer[0] != 'E') return "no ErrorResponse";
  EXPECT_EQ(read_header(step.answer).size, step.answer.size());
  EXPECT_EQ(error_field(*fields, 'M'), step.first.message) << "the log and the client hear the same";
  return std::string(error_field(*fields, 'S')) + ' ' + std::string(error_field(*fields, 'C')) + ' ' +
         std::string(error_field(*fields, 'M'));
}

TEST(StartupNegotiation, WithoutEncryption) {
  StartupNegotiation negotiation(false);
  EXPECT_EQ(negotiation.advance(kStartup.substr(0, 20)).kind, Step::need_more);
  const std::string received = kStartup + "pass";
  const StartupStep step = negotiation.advance(received);
  EXPECT_EQ(step.kind, Step::startup_message);
  EXPECT_EQ(step.consumed, kStartup.size()) << "what lies behind a StartupMessage is the next phase's";
  EXPECT_EQ(step.answer, "");
  EXPECT_EQ(step.first.startup.user(), "ann");
}

TEST(StartupNegotiation, AcceptsTls) {
  StartupNegotiation negotiation(true);
  const StartupStep step = negotiation.advance(kSsl);
  EXPECT_EQ(step.kind, Step::start_tls);
  EXPECT_EQ(step.consumed, kSsl.size());
  EXPECT_EQ(step.answer, "S");
  negotiation.tls_started();
  EXPECT_EQ(negotiation.advance(kStartup).kind, Step::startup_message);
}

TEST(StartupNegotiation, DeclinesTlsWhereThereIsNone) {
  StartupNegotiation negotiation(false);
  const StartupStep step = negotiation.advance(kSsl);
  EXPECT_EQ(step.kind, Step::proceed);
  EXPECT_EQ(step.consumed, kSsl.size());
  EXPECT_EQ(step.answer, "N");
  EXPECT_EQ(negotiation.advance(kStartup).kind, Step::startup_message);
}

TEST(StartupNegotiation, DeclinesGssEncryptionAndGoesOn) {
  for (const bool tls_available : {false, true}) {
    StartupNegotiation negotiation(tls_available);
    const StartupStep step = negotiation.advance(kGssenc);
    EXPECT_EQ(step.kind, Step::proceed);
    EXPECT_EQ(step.consumed, kGssenc.size());
    EXPECT_EQ(step.answer, "N");
    EXPECT_EQ(negotiation.advance(kSsl).kind, tls_available ? Step::start_tls : Step::proceed);
  }
}

TEST(StartupNegotiation, TakesGssencAfterADeclinedSslRequest) {
  StartupNegotiation negotiation(false);
  EXPECT_EQ(negotiation.advance(kSsl).answer, "N");
  EXPECT_EQ(negotiation.advance(kGssenc).answer, "N");
  EXPECT_EQ(negotiation.advance(kCancel).kind, Step::cancel_request);
}

TEST(StartupNegotiation, TakesEachRequestOnce) {
  StartupNegotiation ssl(false);
  EXPECT_EQ(ssl.advance(kSsl).kind, Step::proceed);
  EXPECT_EQ(refusal(ssl.advance(kSsl)),
            "FATAL 0A000 unsupported frontend protocol 1234.5679: server supports 3.0 to 3.2");

  StartupNegotiation gssenc(true);
  EXPECT_EQ(gssenc.advance(kGssenc).kind, Step::proceed);
  EXPECT_EQ(refusal(gssenc.advance(kGssenc)),
            "FATAL 0A000 unsupported frontend protocol 1234.5680: server supports 3.0 to 3.2");
}

TEST(StartupNegotiation, TakesNoFurtherRequestWithinTls) {
  for (const std::string& request : {kSsl, kGssenc}) {
    StartupNegotiation negotiation(true);
    EXPECT_EQ(negotiation.advance(kSsl).kind, Step::start_tls);
    negotiation.tls_started();
    EXPECT_TRUE(refusal(negotiation.advance(request)).starts_with("FATAL 0A000"));
  }
}

TEST(StartupNegotiation, RefusesBytesBehindAnEncryptionRequest) {
  for (const bool tls_available : {false, true})
    for (const std::string& behind : {std::string("x"), kStartup, kTlsRecord}) {
      StartupNegotiation ssl(tls_available);
      EXPECT_EQ(refusal(ssl.advance(kSsl + behind)), "FATAL 08P01 received unencrypted data after SSL request");
      StartupNegotiation gssenc(tls_available);
      EXPECT_EQ(refusal(gssenc.advance(kGssenc + behind)),
                "FATAL 08P01 received unencrypted data after GSSAPI encryption request");
    }
}

TEST(StartupNegotiation, DirectTls) {
  StartupNegotiation negotiation(true);
  const StartupStep step = negotiation.advance(kTlsRecord);
  EXPECT_EQ(step.kind, Step::start_tls);
  EXPECT_EQ(step.consumed, 0u) << "the record is the handshake's";
  EXPECT_EQ(step.answer, "");
  negotiation.tls_started();
  EXPECT_EQ(negotiation.advance(kSsl).answer, "N") << "it is encrypted already, the server answers so too";
  EXPECT_EQ(negotiation.advance(kStartup).kind, Step::startup_message);
}

TEST(StartupNegotiation, DirectTlsNeedsACertificate) {
  StartupNegotiation negotiation(false);
  const StartupStep step = negotiation.advance(kTlsRecord);
  EXPECT_EQ(step.kind, Step::refuse);
  EXPECT_EQ(step.answer, "") << "a TLS client could not read it";
  EXPECT_FALSE(step.first.message.empty());
}

TEST(StartupNegotiation, DirectTlsComesFirstOrNever) {
  const auto expect_silence = [](const StartupStep& step) {
    EXPECT_EQ(step.kind, Step::refuse);
    EXPECT_EQ(step.answer, "");
    EXPECT_EQ(step.first.message, "invalid length of startup packet");
  };
  StartupNegotiation after_gssenc(true);
  EXPECT_EQ(after_gssenc.advance(kGssenc).kind, Step::proceed);
  expect_silence(after_gssenc.advance(kTlsRecord));

  StartupNegotiation after_ssl(false);
  EXPECT_EQ(after_ssl.advance(kSsl).kind, Step::proceed);
  expect_silence(after_ssl.advance(kTlsRecord));

  StartupNegotiation within_tls(true);
  EXPECT_EQ(within_tls.advance(kTlsRecord).kind, Step::start_tls);
  within_tls.tls_started();
  expect_silence(within_tls.advance(kTlsRecord));
}

TEST(StartupNegotiation, ClosesWithoutAWordWhereALengthCannotBe) {
  StartupNegotiation negotiation(true);
  const StartupStep step = negotiation.advance("GET / HTTP/1.1\r\n");
  EXPECT_EQ(step.kind, Step::refuse);
  EXPECT_EQ(step.answer, "");
  EXPECT_EQ(step.first.message, "invalid length of startup packet");
}

TEST(StartupNegotiation, ComesToTheSameHoweverTheBytesArrive) {
  for (std::size_t piece = 1; piece < kStartup.size(); ++piece) {
    StartupNegotiation negotiation(false);
    std::string kept;
    std::string answers;
    StartupStep step;
    for (const std::string& message : {kGssenc, kSsl, kStartup})
      for (std::size_t at = 0; at < message.size(); at += piece) {
        kept += message.substr(at, piece);
        step = negotiation.advance(kept);
        answers += step.answer;
        ASSERT_NE(step.kind, Step::refuse);
        if (step.kind != Step::startup_message) kept.erase(0, step.consumed);
      }
    EXPECT_EQ(answers, "NN");
    ASSERT_EQ(step.kind, Step::startup_message);
    EXPECT_EQ(step.first.bytes, kStartup);
  }
}

TEST(StartupMessage, CanBeGivenAnotherParameter) {
  const auto message = testing::startup_packet(196608, testing::parameters({"user", "ann", "database", "weir"}));
  const auto other = with_parameter(message, "database", "postgres");
  const auto first = read_first_message(other);
  ASSERT_EQ(first.kind, FirstMessage::Kind::startup_message);
  EXPECT_EQ(first.bytes, other);
  EXPECT_EQ(first.startup.database(), "postgres");
  EXPECT_EQ(first.startup.user(), "ann");
}

TEST(SslAnswer, IsOneByteAndNothingBehindIt) {
  EXPECT_EQ(kSslRequest, kSsl);
  EXPECT_EQ(read_ssl_answer(""), SslAnswer::incomplete);
  EXPECT_EQ(read_ssl_answer("S"), SslAnswer::accepted);
  EXPECT_EQ(read_ssl_answer("N"), SslAnswer::declined);
  EXPECT_EQ(read_ssl_answer("Sx"), SslAnswer::unencrypted_data);
  EXPECT_EQ(read_ssl_answer("NR"), SslAnswer::unencrypted_data);
  EXPECT_EQ(read_ssl_answer("E"), SslAnswer::error_response);
  EXPECT_EQ(read_ssl_answer(testing::error_response("FATAL", "53300", "sorry")), SslAnswer::error_response);
  EXPECT_EQ(read_ssl_answer("HTTP"), SslAnswer::malformed);
  EXPECT_EQ(read_ssl_answer(std::string_view("\0", 1)), SslAnswer::malformed);
}

TEST(ApplicationName, HasTextBehindIt) {
  const std::string longer = append_to_application_name(kStartup, " - 10.0.0.7:51234");
  const auto first = read_first_message(longer);
  ASSERT_EQ(first.kind, Kind::startup_message);
  EXPECT_EQ(first.startup.application_name(), "till - 10.0.0.7:51234");
  EXPECT_EQ(first.startup.user(), "ann");
  EXPECT_EQ(first.startup.options(), "-c geqo=off");
  EXPECT_EQ(first.startup.parameter("search_path"), "a, b");
}

TEST(ApplicationName, IsMadeWhereThereIsNone) {
  const auto bare = startup_packet(kVersion30, parameters({"user", "ann"}));
  const std::string longer = append_to_application_name(bare, " - [local]");
  EXPECT_EQ(read_first_message(longer).startup.application_name(), " - [local]");
}

TEST(ApplicationName, OfWhatIsNoStartupMessageOrWouldBeTooLongIsLeftAlone) {
  EXPECT_EQ(append_to_application_name(kCancel, "x"), kCancel);
  EXPECT_EQ(append_to_application_name(kStartup.substr(0, 20), "x"), kStartup.substr(0, 20));
  const auto full = startup_packet(kVersion30, parameters({"user", "ann", "search_path", std::string(9'950, 'a')}));
  ASSERT_EQ(read_first_message(full).kind, Kind::startup_message);
  EXPECT_EQ(append_to_application_name(full, " - 10.0.0.7:51234"), full);
}

}  // namespace
}  // namespace weir::wire
