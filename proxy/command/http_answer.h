// The answer to one HTTP request, as its bytes come in: status, and the body without what frames it (a length, chunks,
// or nothing but the connection's end). Sans-I/O.
//
// An answer that breaks off is told from one that ends, wherever its framing can tell.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

namespace weir::proxy {

class HttpAnswer {
 public:
  enum class State {
    head,   ///< its head is not there yet
    body,   ///< more may come
    ended,  ///< it is whole
    broken  ///< it is no answer of HTTP, or the connection ended in the middle of it
  };

  void take(std::string_view bytes);
  /// The peer has closed the connection.
  void close();

  State state() const { return state_; }
  bool is_over() const { return state_ == State::ended || state_ == State::broken; }
  /// 0 until the head is there.
  int status() const { return status_; }
  /// "403 Forbidden".
  const std::string& status_line() const { return status_line_; }
  /// A field behind the last chunk, by its name in small letters; empty for none.
  std::string trailer(std::string_view name) const;
  /// What has come of the body since the last call.
  std::string take_body();

 private:
  enum class Framing { until_close, length, chunked };
  enum class Chunk { size, data, behind, trailer };

  void read_head();
  void read_field(std::string_view line);
  void read_body();
  bool read_chunks();
  bool read_line(std::string& line);

  State state_ = State::head;
  Framing framing_ = Framing::until_close;
  Chunk chunk_ = Chunk::size;
  std::size_t left_ = 0;  // of the body, or of the chunk
  int status_ = 0;
  std::string status_line_;
  std::string raw_;  // not understood yet
  std::string body_;
  std::map<std::string, std::string> trailers_;
};

}  // namespace weir::proxy
