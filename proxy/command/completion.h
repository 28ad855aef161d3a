// What a shell needs to complete `weir …`: a script for bash, zsh or fish, made from the vocabulary. Pure.
//
// Commands and their parts, flags of commands and settings, the values of those that take one of a few, and paths where
// a path is taken. The scripts ask nobody: they are text that is made once, by `weir completion SHELL` or at a build.
#pragma once

#include <string>
#include <vector>

#include "proxy/command/vocabulary.h"

namespace weir::proxy {

std::string bash_completion(const std::vector<Command>& commands, const std::vector<Flag>& settings);
std::string zsh_completion(const std::vector<Command>& commands, const std::vector<Flag>& settings);
std::string fish_completion(const std::vector<Command>& commands, const std::vector<Flag>& settings);

}  // namespace weir::proxy
