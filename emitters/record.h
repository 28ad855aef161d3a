// What a format makes of an event: one message for a destination. Plain values.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weir::emitters {

struct Record {
  enum class Kind { change, tombstone, transaction, gap };
  Kind kind = Kind::change;
  std::string topic;                 ///< without regard to what the destination allows; "shop.public.orders"
  std::optional<std::string> key;    ///< JSON; absent: null key
  std::optional<std::string> value;  ///< absent: tombstone
  std::vector<std::pair<std::string, std::string>> headers;
};

}  // namespace weir::emitters
