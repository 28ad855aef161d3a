// Lines without an end that an answer streams, as a listener sees them: it asks for some, writes them, and asks again.
//
// Used on the listener's thread; `wake`, which whoever makes one is given, comes from any. Nothing here waits: what is
// handed out at once has bounds, and whoever reads slowly is asked for more later.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"

namespace weir::proxy {

class LineStream {
 public:
  struct Next {
    enum class Then {
      again,  ///< there may be more now
      wait,   ///< there is no more until `wake` is called
      end     ///< this was all
    };
    std::string text;  ///< whole lines
    Then then = Then::wait;
    std::string why = {};  ///< of the end, in one line
  };

  virtual ~LineStream() = default;
  virtual Next next() = 0;
  /// Nobody takes anything for now: what is held for it is let go, and read again when it is asked.
  virtual void rest() = 0;
  /// Why it ends where it is not the stream that ends it: Weir does. To be told to whoever reads it.
  virtual std::string farewell() const = 0;
};

/// By the query of a request. An error's SQLSTATE says what kind it is: 42501 not allowed, 55000 not in this state,
/// else the query is wrong.
using OpenLines =
    std::function<Result<std::unique_ptr<LineStream>>(const std::string& query, std::function<void()> wake)>;

}  // namespace weir::proxy
