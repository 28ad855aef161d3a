// One connection of the admin listener, and what all of them share. It reads requests and writes answers; what those
// are is decided by AdminRoutes, and what a stream of lines says by its LineStream.
//
// Used on the listener's thread. A stream of lines is written as chunks, one write at a time: while a reader takes
// nothing, nothing is read for it, and after a while nothing is held for it either.
#pragma once

#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "proxy/admin/admin_server.h"
#include "proxy/admin/health.h"
#include "proxy/admin/line_stream.h"

namespace weir::proxy {

class AdminConnection;

/// What the connections share; used on the listener's thread.
struct AdminHall {
  explicit AdminHall(AdminServer::Options with) : options(std::move(with)), routes(options.token, options.look) {}

  bool may_stream() const { return streams.size() + lines.size() < AdminServer::kStreams; }

  const AdminServer::Options options;
  AdminRoutes routes;
  /// Shared with whoever answers a question about the database: late, perhaps, and then in vain.
  const std::shared_ptr<boost::asio::io_context> own_io = std::make_shared<boost::asio::io_context>(1);
  boost::asio::io_context& io = *own_io;
  boost::asio::steady_timer farewell{io};
  boost::asio::steady_timer tick{io};
  ReadinessPace pace;
  std::set<std::shared_ptr<AdminConnection>> connections;
  std::set<AdminConnection*> streams;  ///< with server-sent events
  std::set<AdminConnection*> lines;
  bool ending = false;  ///< lines say farewell, and the last one ends the thread
};

class AdminConnection : public std::enable_shared_from_this<AdminConnection> {
 public:
  AdminConnection(AdminHall& hall, boost::asio::ip::tcp::socket socket);

  void read();
  void refuse(unsigned status);
  /// One event for the page; left out where the one before it is still being written.
  void send(std::shared_ptr<const std::string> event);
  void close();
  /// Lines: what can be written now is.
  void pump();
  /// Lines: called once a second; one that has taken nothing since the last call rests.
  void look();
  /// Lines: nothing comes behind what is there.
  void finish();
  /// Behind the listener's thread: what it holds of others goes.
  void let_go() { lines_.reset(); }

 private:
  using Error = boost::beast::error_code;

  AdminRequest request_of();
  bool is_of_own_user();
  void answer();
  void ask_upstream();
  void write(AdminAnswer answer);
  void written(Error error, AdminAnswer::Then then);
  void begin_stream(const AdminAnswer& answer);
  void begin_lines(const AdminAnswer& answer);
  std::function<void()> make_wake();
  void write_lines(std::string bytes, bool is_end);
  std::string framed(const std::string& text) const;
  void watch_for_end();

  AdminHall& hall_;
  boost::beast::tcp_stream stream_;
  boost::beast::flat_buffer buffer_{AdminServer::kHeaderBytes + AdminServer::kBodyBytes};
  std::optional<boost::beast::http::request_parser<boost::beast::http::string_body>> parser_;
  std::optional<boost::beast::http::response<boost::beast::http::string_body>> response_;
  std::optional<boost::beast::http::response_serializer<boost::beast::http::string_body>> serializer_;
  std::array<char, 256> rest_{};
  bool loopback_ = false;
  bool keep_alive_ = false;
  bool head_ = false;
  bool sending_ = false;

  std::unique_ptr<LineStream> lines_;
  bool chunked_ = false;
  bool finishing_ = false;
  std::uint64_t writes_ = 0;  // of lines, begun
  std::uint64_t looked_ = 0;  // at that of the last look(), where it was under way
};

}  // namespace weir::proxy
