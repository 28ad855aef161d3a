#include "proxy/settings/values.h"

#include <algorithm>

namespace weir::proxy {

namespace {

constexpr std::string_view kUnix = "unix:";

/// A directory's name may hold colons: what stands behind the last one is a port only where it is a number.
Complaint read_socket_directory(const std::string& text, HostPort& value) {
  HostPort address{text, 0};
  const auto colon = text.rfind(':');
  std::uint64_t port = 0;
  if (colon != std::string::npos && !read_number(text.substr(colon + 1), 1, 65535, port))
    address = {text.substr(0, colon), static_cast<std::uint16_t>(port)};
  if (!address.is_unix() || address.host == "@" || address.host.find('\0') != std::string::npos)
    return "must name the socket's directory by its full path, such as unix:/run/weir or unix:/run/weir:6432";
  while (address.host.size() > 1 && address.host.ends_with('/')) address.host.pop_back();
  value = address;
  return std::nullopt;
}

}  // namespace

Complaint read_permissions(const std::string& text, unsigned& value) {
  const bool octal = text.find_first_not_of("01234567") == std::string::npos;
  const bool sized = text.size() == 3 || (text.size() == 4 && text[0] == '0');
  if (!octal || !sized) return "must be three octal digits, as chmod takes them, such as 0777, 0770 or 700";
  value = static_cast<unsigned>(std::stoul(text, nullptr, 8));
  return std::nullopt;
}

Complaint read_listen_address(const std::string& text, HostPort& value) {
  if (text.starts_with(kUnix)) return read_socket_directory(text.substr(kUnix.size()), value);
  const std::string complaint =
      "must be an address and a port, such as 127.0.0.1:6432, [::1]:6432 or *:6432, or a Unix socket's directory, such "
      "as unix:/run/weir";
  const auto colon = text.rfind(':');
  std::string host = colon == std::string::npos ? "127.0.0.1" : text.substr(0, colon);
  const std::string port = colon == std::string::npos ? text : text.substr(colon + 1);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string::npos) {
    return complaint;
  }
  if (host == "*") host = "0.0.0.0";
  std::uint64_t number = 0;
  if (host.empty() || read_number(port, 0, 65535, number)) return complaint;
  value = HostPort{host, static_cast<std::uint16_t>(number)};
  return std::nullopt;
}

Complaint read_pattern(const std::string& text, int parts, std::string_view form) {
  const bool empty_part = text.empty() || text.front() == '.' || text.back() == '.' || text.find("..") != text.npos;
  if (empty_part || std::count(text.begin(), text.end(), '.') != parts - 1) {
    return "must be a pattern of the form " + std::string(form) + ", where * stands for any characters and ? for one";
  }
  return std::nullopt;
}

}  // namespace weir::proxy
