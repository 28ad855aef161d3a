// What a command makes of an answer's bytes, however they are cut: with a length, in chunks, and up to the end.
#include "proxy/command/http_answer.h"

#include <gtest/gtest.h>

#include "proxy/command/admin_client.h"

namespace weir::proxy {
namespace {

using State = HttpAnswer::State;

struct Read {
  int status = 0;
  std::string body;
  State state = State::head;
  bool operator==(const Read&) const = default;
};

/// In pieces of so many bytes, and then the end of the connection.
Read read(const std::string& bytes, std::size_t piece, bool closed = true) {
  HttpAnswer answer;
  Read all;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    answer.take(std::string_view(bytes).substr(at, piece));
    all.body += answer.take_body();
  }
  if (closed) answer.close();
  all.status = answer.status();
  all.state = answer.state();
  return all;
}

void expect_always(const std::string& bytes, const Read& expected, bool closed = true) {
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece)
    EXPECT_EQ(read(bytes, piece, closed), expected) << "in pieces of " << piece;
}

TEST(HttpAnswer, EndsWithItsLengthOrItsLastChunkOrTheConnection) {
  expect_always("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: weir\r\n\r\nhello", {200, "hello", State::ended},
                false);
  expect_always("HTTP/1.1 200 OK\r\nTRANSFER-ENCODING: Chunked\r\n\r\n3\r\nhel\r\n02;x=y\r\nlo\r\n0\r\nmore: 1\r\n\r\n",
                {200, "hello", State::ended}, false);
  expect_always("HTTP/1.1 403 Forbidden\r\n\r\nno\n", {403, "no\n", State::ended});
  expect_always("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", {204, "", State::ended}, false);
}

TEST(HttpAnswer, HasWhatStandsBehindTheLastChunk) {
  HttpAnswer answer;
  answer.take("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nWeir-End:  shutdown; from=7\r\n");
  EXPECT_EQ(answer.state(), State::body);
  answer.take("\r\n");
  EXPECT_EQ(answer.state(), State::ended);
  EXPECT_EQ(answer.trailer("weir-end"), "shutdown; from=7");
  EXPECT_EQ(answer.trailer("other"), "");
}

TEST(HttpAnswer, OneThatBreaksOffIsNotWhole) {
  expect_always("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", {200, "hell", State::broken});
  expect_always("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", {200, "hello", State::broken});
  expect_always("HTTP/1.1 200 OK\r\nTransfer-Enc", {0, "", State::broken});
}

TEST(HttpAnswer, WhatIsNoAnswerIsRefusedAtOnce) {
  expect_always("SSH-2.0-OpenSSH_9.2\r\n", {0, "", State::broken}, false);
  expect_always("HTTP/1.1 what\r\n\r\n", {0, "", State::broken}, false);
  expect_always("HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", {200, "", State::broken}, false);
  expect_always("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", {200, "", State::broken}, false);
  EXPECT_EQ(read("HTTP/1.1 200 OK\r\n" + std::string(100'000, 'x'), 4096, false).state, State::broken);
}

TEST(HttpAnswer, ARequestHasTheTokenWhereThereIsOne) {
  const AdminTarget open{{"127.0.0.1", 6433}, ""};
  EXPECT_EQ(admin_request(open, "GET", "/stats"),
            "GET /stats HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  const AdminTarget closed{{"127.0.0.1", 6433}, "0123456789abcdef"};
  EXPECT_NE(admin_request(closed, "POST", "/replay").find("\r\nAuthorization: Bearer 0123456789abcdef\r\n\r\n"),
            std::string::npos);
}

}  // namespace
}  // namespace weir::proxy
