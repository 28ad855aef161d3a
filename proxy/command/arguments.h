// What a command takes out of its arguments before the rest is read as settings. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace weir::proxy {

/// Takes the flag and its value (`--flag value`, `--flag=value`) out, the last one's where it is given several times;
/// absent: empty.
Result<std::string> take_flag(std::vector<std::string>& arguments, const std::string& flag);
/// All values of a flag that may be given several times, in their order.
Result<std::vector<std::string>> take_flags(std::vector<std::string>& arguments, const std::string& flag);
/// Takes a flag without a value out; whether it was there.
bool take_switch(std::vector<std::string>& arguments, const std::string& flag);

}  // namespace weir::proxy
