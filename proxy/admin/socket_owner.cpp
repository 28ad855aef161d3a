#include "proxy/admin/socket_owner.h"

#include <netinet/in.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace weir::proxy {

namespace {

constexpr std::size_t kUidField = 7;

void append_hex(std::string& out, std::uint32_t number, const char* format) {
  char text[16];
  std::snprintf(text, sizeof text, format, number);
  out += text;
}

/// As the tables have it: words as they lie in memory, then the port. An IPv4 address also as tcp6 has it.
std::vector<std::string> names_of(const sockaddr_storage& address) {
  std::vector<std::uint32_t> words;
  std::uint16_t port = 0;
  if (address.ss_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, &address, sizeof in);
    words = {in.sin_addr.s_addr};
    port = ntohs(in.sin_port);
  } else if (address.ss_family == AF_INET6) {
    sockaddr_in6 in{};
    std::memcpy(&in, &address, sizeof in);
    words.resize(4);
    std::memcpy(words.data(), &in.sin6_addr, sizeof in.sin6_addr);
    port = ntohs(in.sin6_port);
  } else {
    return {};
  }
  std::string name;
  for (const std::uint32_t word : words) append_hex(name, word, "%08X");
  append_hex(name, port, ":%04X");
  std::vector<std::string> names = {name};
  if (words.size() == 1) names.push_back("0000000000000000FFFF0000" + name);
  return names;
}

/// The fields of a line, the first ones.
std::vector<std::string_view> fields_of(std::string_view line) {
  std::vector<std::string_view> fields;
  while (fields.size() <= kUidField) {
    const auto begin = line.find_first_not_of(' ');
    if (begin == line.npos) break;
    const auto end = line.find(' ', begin);
    fields.push_back(line.substr(begin, end - begin));
    if (end == line.npos) break;
    line.remove_prefix(end);
  }
  return fields;
}

}  // namespace

std::optional<std::uint32_t> owner_in(std::string_view table, const sockaddr_storage& own,
                                      const sockaddr_storage& other) {
  const auto own_names = names_of(own);
  const auto other_names = names_of(other);
  while (!table.empty()) {
    const auto end = table.find('\n');
    const auto fields = fields_of(table.substr(0, end));
    table.remove_prefix(end == table.npos ? table.size() : end + 1);
    if (fields.size() <= kUidField) continue;
    for (std::size_t i = 0; i < own_names.size() && i < other_names.size(); ++i) {
      if (fields[1] != own_names[i] || fields[2] != other_names[i]) continue;
      std::uint32_t uid = 0;
      const auto text = fields[kUidField];
      const auto read = std::from_chars(text.data(), text.data() + text.size(), uid);
      if (read.ec == std::errc() && read.ptr == text.data() + text.size()) return uid;
    }
  }
  return std::nullopt;
}

std::optional<std::uint32_t> owner_of_peer(int socket) {
  sockaddr_storage peer{};
  sockaddr_storage here{};
  socklen_t peer_size = sizeof peer;
  socklen_t here_size = sizeof here;
  if (getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &peer_size) != 0 ||
      getsockname(socket, reinterpret_cast<sockaddr*>(&here), &here_size) != 0)
    return std::nullopt;
  for (const char* path : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    std::ostringstream table;
    table << std::ifstream(path).rdbuf();
    if (const auto owner = owner_in(table.str(), peer, here)) return owner;
  }
  return std::nullopt;
}

}  // namespace weir::proxy
