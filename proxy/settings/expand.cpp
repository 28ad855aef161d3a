#include "proxy/settings/expand.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string_view>

#include "base/percent.h"

namespace weir::proxy {

namespace {

constexpr std::string_view kBegin = "${";
constexpr std::string_view kFile = "file:";

Result<std::string> read_file(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  if (file) text << file.rdbuf();
  std::string content = text.str();
  if (!file || (content.empty() && errno != 0))
    return Error{"names the file \"" + path + "\", which cannot be read (" + std::strerror(errno) + ")", ""};
  while (!content.empty() && (content.back() == '\n' || content.back() == '\r')) content.pop_back();
  if (content.empty()) return Error{"names the file \"" + path + "\", which is empty", ""};
  return content;
}

Result<std::string> value_of(const std::string& name) {
  if (name.starts_with(kFile)) return read_file(name.substr(kFile.size()));
  const char* value = name.empty() ? nullptr : std::getenv(name.c_str());
  if (value == nullptr) {
    return Error{"names the environment variable \"" + name +
                     "\", which is not set; ${NAME} is a variable, ${file:PATH} a file, and $${ stands for ${",
                 ""};
  }
  return std::string(value);
}

}  // namespace

Result<std::string> expand(const std::string& text, bool in_uri) {
  std::string result;
  std::string_view rest = text;
  for (;;) {
    const auto begin = rest.find(kBegin);
    if (begin == std::string_view::npos) return result.append(rest);
    if (begin > 0 && rest[begin - 1] == '$') {
      result.append(rest.substr(0, begin - 1)).append(kBegin);
      rest.remove_prefix(begin + kBegin.size());
      continue;
    }
    const auto end = rest.find('}', begin);
    if (end == std::string_view::npos) return Error{"has a ${ without its }; $${ stands for ${ itself", ""};
    const auto name = rest.substr(begin + kBegin.size(), end - begin - kBegin.size());
    auto value = value_of(std::string(name));
    if (!value) return value.error();
    const bool is_all = begin == 0 && end + 1 == text.size();
    result.append(rest.substr(0, begin)).append(in_uri && !is_all ? percent_encoded(*value) : *value);
    rest.remove_prefix(end + 1);
  }
}

}  // namespace weir::proxy
