#include "proxy/command/completion.h"

#include <algorithm>

#include "base/text.h"

namespace weir::proxy {

namespace {

constexpr const char* kMadeBy = "made by `weir completion ";

/// Up to the first of these that ends a clause: a line of a menu.
std::string brief(const std::string& help) {
  constexpr std::size_t kMost = 90;
  auto end = std::min({help.size(), help.find(": "), help.find("; ")});
  if (end > kMost) end = help.rfind(' ', kMost);
  return help.substr(0, end);
}

std::string without(std::string text, std::string_view characters) {
  std::erase_if(text, [&](char c) { return characters.find(c) != characters.npos; });
  return text;
}

std::string first_word(const std::string& name) {
  return name.substr(0, name.find(' '));
}

/// "config", "journal", … each once.
std::vector<Command> top_level(const std::vector<Command>& commands) {
  std::vector<Command> top;
  for (const auto& command : commands)
    if (command.name.find(' ') == command.name.npos) top.push_back(command);
  return top;
}

/// The parts of "journal": ls, check, …
std::vector<Command> parts_of(const std::vector<Command>& commands, const std::string& name) {
  std::vector<Command> parts;
  for (const auto& command : commands) {
    if (!command.name.starts_with(name + " ")) continue;
    parts.push_back(command);
    parts.back().name.erase(0, name.size() + 1);
  }
  return parts;
}

std::vector<std::string> names(const std::vector<Command>& commands) {
  std::vector<std::string> all;
  for (const auto& command : commands) all.push_back(command.name);
  return all;
}

/// What stands in brackets where it is one of a few words: "bash|zsh|fish".
std::vector<std::string> words_of(const Command& command) {
  const Flag word{"", command.arguments, "", ""};
  return command.arguments.find_first_of("[' ") == command.arguments.npos ? word.choices() : std::vector<std::string>();
}

/// What is typed of a name that stands for many: up to its dot.
std::string typed(const Flag& flag) {
  return flag.open ? flag.name.substr(0, flag.name.rfind('.') + 1) : flag.name;
}

std::string flag_names(const std::vector<Flag>& flags) {
  std::vector<std::string> all;
  for (const auto& flag : flags) all.push_back(typed(flag));
  return joined(all, " ");
}

void add_bash_values(std::string& text, const std::vector<Flag>& flags) {
  std::vector<std::string> paths;
  std::vector<std::string> others;
  for (const auto& flag : flags) {
    const auto choices = flag.choices();
    if (!choices.empty()) {
      text +=
          "    " + flag.name + ") COMPREPLY=($(compgen -W \"" + joined(choices, " ") + "\" -- \"$cur\")); return ;;\n";
    } else if (flag.takes_path()) {
      paths.push_back(flag.name);
    } else if (!flag.takes.empty() && !flag.open) {
      others.push_back(flag.name);
    }
  }
  if (!paths.empty()) text += "    " + joined(paths, " | ") + ") COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n";
  if (!others.empty()) text += "    " + joined(others, " | ") + ") return ;;\n";
}

}  // namespace

std::string bash_completion(const std::vector<Command>& commands, const std::vector<Flag>& settings) {
  std::string text = std::string("# bash completion of weir, ") + kMadeBy + "bash`: put it into " +
                     "/usr/share/bash-completion/completions/weir\n"
                     "_weir() {\n"
                     "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} flags words=\n"
                     "  [ \"$cur\" = \"=\" ] && cur=\n"
                     "  [ \"$prev\" = \"=\" ] && prev=${COMP_WORDS[COMP_CWORD-2]}\n"
                     "  COMPREPLY=()\n"
                     "  case $prev in\n";
  std::vector<Flag> all = settings;
  for (const auto& command : commands)
    for (const auto& flag : command.flags)
      if (std::none_of(all.begin(), all.end(), [&](const Flag& one) { return one.name == flag.name; }))
        all.push_back(flag);
  add_bash_values(text, all);
  text += "  esac\n  flags=\"" + flag_names(settings) + "\"\n  case \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in\n";
  // The longer names first: "journal ls" before "journal".
  auto ordered = commands;
  std::stable_sort(ordered.begin(), ordered.end(),
                   [](const auto& one, const auto& other) { return one.name.size() > other.name.size(); });
  for (const auto& command : ordered) {
    const auto parts = parts_of(commands, command.name);
    const bool single = command.name.find(' ') == command.name.npos;
    auto words = words_of(command);
    if (!parts.empty()) words = names(parts);
    // The part itself may be the word that is being completed.
    if (!single) words = names(parts_of(commands, first_word(command.name)));
    text += "    \"" + command.name + (single ? " \"*" : "\"") + ") flags=\"" + flag_names(command.flags) +
            (command.flags.empty() ? "" : " ") + "$flags\"";
    if (!words.empty()) text += "; [ \"$COMP_CWORD\" = 2 ] && words=\"" + joined(words, " ") + "\"";
    text += " ;;\n";
  }
  text += "  esac\n  [ \"$COMP_CWORD\" = 1 ] && words=\"" + joined(names(top_level(commands)), " ") +
          "\"\n"
          "  case $cur in\n"
          "    -*) words=$flags ;;\n"
          "  esac\n"
          "  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
          "  case ${COMPREPLY[0]} in\n"
          "    *.) compopt -o nospace 2>/dev/null ;;\n"
          "  esac\n"
          "}\n"
          "complete -F _weir weir\n";
  return text;
}

namespace {

std::string zsh_quoted(const std::string& text) {
  return without(text, "'[]:\"`\\");
}

/// "'--log.level[what is logged]:debug|…:(debug info)'".
std::string zsh_flag(const Flag& flag) {
  std::string spec = "'" + typed(flag) +
                     (flag.open            ? "-"
                      : flag.takes.empty() ? ""
                                           : "=") +
                     "[" + zsh_quoted(brief(flag.help.empty() ? flag.takes : flag.help)) + "]";
  if (flag.takes.empty()) return spec + "'";
  const auto choices = flag.choices();
  spec += ":" + zsh_quoted(flag.takes) + ":";
  if (!choices.empty()) return spec + "(" + joined(choices, " ") + ")'";
  return spec + (flag.takes_path() ? "_files'" : " '");
}

void add_zsh_array(std::string& text, const std::string& name, const std::vector<Command>& commands) {
  text += "  local -a " + name + "=(\n";
  for (const auto& command : commands) text += "    '" + command.name + ":" + zsh_quoted(brief(command.help)) + "'\n";
  text += "  )\n";
}

}  // namespace

std::string zsh_completion(const std::vector<Command>& commands, const std::vector<Flag>& settings) {
  std::string text = std::string("#compdef weir\n# zsh completion of weir, ") + kMadeBy +
                     "zsh`: put it into a folder of $fpath as _weir\n"
                     "_weir() {\n  local -a settings=(\n";
  for (const auto& flag : settings) text += "    " + zsh_flag(flag) + "\n";
  text += "  )\n";
  add_zsh_array(text, "commands", top_level(commands));
  text +=
      "  if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then\n"
      "    _describe -t commands command commands\n    return\n  fi\n"
      "  local -a own=()\n  case $words[2] in\n";
  for (const auto& command : top_level(commands)) {
    text += "    " + command.name + ")\n";
    if (const auto parts = parts_of(commands, command.name); !parts.empty()) {
      add_zsh_array(text, "parts", parts);
      text += "      if (( CURRENT == 3 )) && [[ $words[3] != -* ]]; then _describe -t parts part parts; return; fi\n";
    }
    if (const auto words = words_of(command); !words.empty())
      text += "      if (( CURRENT == 3 )); then compadd " + joined(words, " ") + "; return; fi\n";
    text += "      own=(";
    for (const auto& flag : command.flags) text += " " + zsh_flag(flag);
    text += " ) ;;\n";
  }
  return text + "  esac\n  _arguments $own $settings '*: :_files'\n}\n_weir \"$@\"\n";
}

namespace {

std::string fish_quoted(const std::string& text) {
  return "'" + without(text, "'\\") + "'";
}

std::string fish_flag(const Flag& flag, const std::string& condition) {
  std::string line =
      "complete -c weir" + (condition.empty() ? "" : " -n " + fish_quoted(condition)) + " -l " + typed(flag).substr(2);
  const auto choices = flag.choices();
  if (!choices.empty()) {
    line += " -x -a " + fish_quoted(joined(choices, " "));
  } else if (flag.takes_path()) {
    line += " -r -F";
  } else if (!flag.takes.empty()) {
    line += " -x";
  }
  const auto help = brief(flag.help.empty() ? flag.takes : flag.help);
  return line + (help.empty() ? "" : " -d " + fish_quoted(help)) + "\n";
}

}  // namespace

std::string fish_completion(const std::vector<Command>& commands, const std::vector<Flag>& settings) {
  std::string text = std::string("# fish completion of weir, ") + kMadeBy +
                     "fish`: put it into ~/.config/fish/completions/weir.fish\n"
                     "complete -c weir -f\n";
  for (const auto& command : top_level(commands)) {
    text += "complete -c weir -n __fish_use_subcommand -a " + command.name + " -d " + fish_quoted(brief(command.help)) +
            "\n";
    if (const auto words = words_of(command); !words.empty())
      text += "complete -c weir -n '__fish_seen_subcommand_from " + command.name + "' -a " +
              fish_quoted(joined(words, " ")) + "\n";
    for (const auto& part : parts_of(commands, command.name))
      text += "complete -c weir -n '__fish_seen_subcommand_from " + command.name + "' -a " + part.name + " -d " +
              fish_quoted(brief(part.help)) + "\n";
  }
  for (const auto& command : commands)
    for (const auto& flag : command.flags)
      text += fish_flag(flag, "__fish_seen_subcommand_from " + first_word(command.name));
  for (const auto& flag : settings) text += fish_flag(flag, "");
  return text;
}

}  // namespace weir::proxy
