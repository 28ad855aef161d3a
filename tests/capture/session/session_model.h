// Plays a client's messages twice, straight to a ModelServer and through a session with one behind it, and says what
// differs: a byte the client sees, or an event that is not what was committed. Messages, their pace and the server's
// decisions are made from bytes, so a fuzzer and a seeded test can both drive it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::testing {

/// A client's messages out of any bytes, ended by Sync. `rest` is what was not used.
std::vector<std::string> client_messages(std::string_view bytes);
/// Of them, most are Queries with single writes of few shapes.
std::vector<std::string> repeating_messages(std::string_view bytes);

/// Empty, or what differs. `pace` says who goes on next and how far; when it is used up all goes on until nothing can.
std::string play(const std::vector<std::string>& messages, std::string_view pace, std::uint32_t seed);

/// The same with a server that says something out of place once: empty, or what of Weir's own the client saw.
std::string stray(const std::vector<std::string>& messages, std::string_view pace, std::uint32_t seed);

}  // namespace weir::testing
