#include "proxy/delivery/destination_name.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>

namespace weir::proxy {

namespace {

using Kind = EmitterSettings::Kind;

std::string absolute(const std::string& path) {
  std::error_code failed;
  const auto found = std::filesystem::absolute(path, failed);
  return failed ? path : found.lexically_normal().string();
}

bool is_same_file(const std::string& one, const std::string& other) {
  std::error_code failed;
  return absolute(one) == absolute(other) || std::filesystem::equivalent(one, other, failed);
}

std::set<std::string> split(const std::string& list) {
  std::set<std::string> parts;
  for (std::size_t begin = 0; begin <= list.size();) {
    const auto end = std::min(list.find(',', begin), list.size());
    parts.insert(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

bool share_a_broker(const std::string& one, const std::string& other) {
  const auto brokers = split(one);
  const auto others = split(other);
  return std::any_of(brokers.begin(), brokers.end(), [&](const auto& broker) { return others.count(broker) > 0; });
}

}  // namespace

std::string destination_name(const EmitterSettings& emitter) {
  return emitter.kind == Kind::file ? "file:" + absolute(emitter.path) : emitter.uri;
}

bool means_same(const std::string& known, const EmitterSettings& emitter) {
  const auto before = parse_emitter(known);
  if (!before || before->kind != emitter.kind) return false;
  switch (emitter.kind) {
    case Kind::file:
      return is_same_file(before->path, emitter.path);
    case Kind::kafka: {
      const auto now = parse_emitter(emitter.uri);
      return now && before->prefix == now->prefix && share_a_broker(before->brokers, emitter.brokers);
    }
    case Kind::standard_output:
      break;
  }
  return true;
}

}  // namespace weir::proxy
