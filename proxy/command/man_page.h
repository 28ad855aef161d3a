// weir(1), in man(7)'s language, made from the vocabulary. Pure.
#pragma once

#include <string>
#include <vector>

#include "proxy/command/vocabulary.h"

namespace weir::proxy {

std::string man_page(const std::vector<Command>& commands, const std::vector<Flag>& settings,
                     const std::string& version);

}  // namespace weir::proxy
