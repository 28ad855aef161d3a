// A PostgreSQL client that speaks the protocol by hand, for what libpq cannot say, and that records every message it
// gets.
//
// The request functions only collect bytes; nothing is sent before one of the reading functions is called, so several
// requests form one pipeline in one write. Reading and writing happen at the same time, as a real client must. A peer
// that does not answer within the time given to the constructor is a recorded line "(no answer)", not an exception, so
// that two recordings can be compared. `render` writes a message as text; what differs from run to run (process ids,
// cancel keys) and from build to build (file, line and routine of an error) is left out.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::test_support {

struct Message {
  char type;
  std::string body;
};

std::string render(const Message& message);
/// A table's or type's oid: as it is where the server's own catalog fixes it, else "{oid N}", for comparisons to map.
std::string render_oid(std::uint32_t oid);
/// Bytes as readable text: what is not printable ASCII becomes \xNN.
std::string printable(std::string_view bytes);

struct BindOptions {
  std::vector<std::optional<std::string>> parameters = {};
  std::vector<int> parameter_formats = {};
  std::vector<int> result_formats = {};
};

class RawClient {
 public:
  using Parameters = std::vector<std::pair<std::string, std::string>>;

  /// Connects; sends nothing yet. Throws where nobody listens.
  RawClient(int port, std::chrono::milliseconds patience);
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;
  ~RawClient();

  RawClient& startup(const Parameters& parameters, std::uint32_t protocol = 196608);
  RawClient& query(const std::string& sql);
  RawClient& parse(const std::string& name, const std::string& sql, const std::vector<std::uint32_t>& types = {});
  RawClient& bind(const std::string& portal, const std::string& statement, const BindOptions& options = {});
  RawClient& describe_statement(const std::string& name) { return named('D', 'S', name); }
  RawClient& describe_portal(const std::string& name) { return named('D', 'P', name); }
  RawClient& execute(const std::string& portal, int row_limit = 0);
  RawClient& close_statement(const std::string& name) { return named('C', 'S', name); }
  RawClient& close_portal(const std::string& name) { return named('C', 'P', name); }
  RawClient& sync();
  RawClient& flush() { return request('H', ""); }
  RawClient& copy_data(const std::string& data) { return request('d', data); }
  RawClient& copy_done() { return request('c', ""); }
  RawClient& copy_fail(const std::string& reason);
  RawClient& terminate() { return request('X', ""); }
  RawClient& request(char type, const std::string& body);
  RawClient& raw(const std::string& bytes);

  /// Sends, and reads until every Query and Sync so far has its ReadyForQuery, or the peer asks for COPY data.
  void read_until_ready();
  /// Sends, and reads until `count` messages of that type have come in this call (or what is described above ends).
  void read_until(char type, int count = 1);
  /// Sends, and reads until the peer closes.
  void read_until_closed();
  /// The one byte that answers SSLRequest and GSSENCRequest; false where none came.
  bool read_byte(char& byte);
  /// Sends everything without reading to an end.
  void send_all();
  /// Tells the peer that nothing more comes (FIN), after sending.
  void half_close();
  /// Closes at once, with what was sent.
  void close_now();

  /// All messages since the last call, rendered.
  std::vector<std::string> take_transcript();
  const std::vector<Message>& messages() const { return messages_; }
  bool closed() const { return closed_; }
  std::uint32_t backend_pid() const { return backend_pid_; }
  std::string backend_key() const { return backend_key_; }

 private:
  RawClient& named(char type, char what, const std::string& name);
  template <typename Done>
  void pump(Done done);
  bool poll_once(std::chrono::steady_clock::time_point deadline);
  void read_some();
  void write_some();
  bool take_message();
  void note(const Message& message);

  std::chrono::milliseconds patience_;
  int socket_ = -1;
  bool ended_ = false;   ///< no more bytes come
  bool closed_ = false;  ///< and all messages were taken
  std::string out_;
  std::string in_;
  std::size_t taken_ = 0;  ///< bytes of in_ that were taken
  int ready_expected_ = 0;
  int ready_seen_ = 0;
  bool copy_in_ = false;
  std::uint32_t backend_pid_ = 0;
  std::string backend_key_;
  std::vector<Message> messages_;
  std::vector<std::string> transcript_;
};

}  // namespace weir::test_support
