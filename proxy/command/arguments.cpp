#include "proxy/command/arguments.h"

namespace weir::proxy {

Result<std::vector<std::string>> take_flags(std::vector<std::string>& arguments, const std::string& flag) {
  std::vector<std::string> values;
  for (auto one = arguments.begin(); one != arguments.end();) {
    if (one->starts_with(flag + "=")) {
      values.push_back(one->substr(flag.size() + 1));
      one = arguments.erase(one);
    } else if (*one == flag) {
      one = arguments.erase(one);
      if (one == arguments.end()) return Error{flag + " needs a value", ""};
      values.push_back(*one);
      one = arguments.erase(one);
    } else {
      ++one;
    }
  }
  return values;
}

Result<std::string> take_flag(std::vector<std::string>& arguments, const std::string& flag) {
  const auto values = take_flags(arguments, flag);
  if (!values) return values.error();
  return values->empty() ? std::string() : values->back();
}

bool take_switch(std::vector<std::string>& arguments, const std::string& flag) {
  return std::erase(arguments, flag) > 0;
}

}  // namespace weir::proxy
