// What people read about the settings, made from the table: --help, the reference in README.md, and "did you mean".
#include <algorithm>
#include <numeric>

#include "proxy/settings/settings.h"

namespace weir::proxy {

namespace {

constexpr std::size_t kHelpColumn = 30;
constexpr std::size_t kHelpWidth = 100;

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

/// The text in lines that begin at the help column.
std::string wrapped(std::string_view text) {
  std::string result;
  std::size_t column = kHelpColumn;
  while (!text.empty()) {
    const auto word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (column + word.size() > kHelpWidth && column > kHelpColumn) {
      result.append(1, '\n').append(kHelpColumn, ' ');
      column = kHelpColumn;
    }
    result += std::string(word) + (text.empty() ? "" : " ");
    column += word.size() + 1;
  }
  return result + '\n';
}

std::string help_line(const std::string& flag, std::string_view takes, std::string_view fallback,
                      std::string_view help) {
  std::string line = "  " + flag + " " + std::string(takes);
  line += line.size() + 2 > kHelpColumn ? '\n' + std::string(kHelpColumn, ' ')
                                        : std::string(kHelpColumn - line.size(), ' ');
  return line + wrapped(std::string(help) + (fallback.empty() ? "" : " (default: " + std::string(fallback) + ")"));
}

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) result += c == '|' ? std::string("\\|") : std::string(1, c);
  return result;
}

std::string reference_line(const std::string& key, const std::string& flag, std::string_view takes,
                           std::string_view fallback, std::string_view help) {
  return "| `" + key + "` | `" + flag + "` | " + escaped(takes) + " | " +
         (fallback.empty() ? "" : "`" + std::string(fallback) + "`") + " | " + escaped(help) + " |\n";
}

std::string flags_of(const Setting& row) {
  return row.flag.empty() ? "--" + std::string(row.key) : std::string(row.flag);
}

}  // namespace

std::string nearest(std::string_view name, std::span<const std::string> names) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, name.size() / 3) + 1;
  for (const auto& candidate : names) {
    const auto distance = edit_distance(name, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string did_you_mean(std::string_view name, std::span<const std::string> names) {
  const auto found = nearest(name, names);
  return found.empty() ? "" : "; did you mean \"" + found + "\"?";
}

std::string reference() {
  std::string text = "| key in weir.yaml | flag | value | default | meaning |\n|---|---|---|---|---|\n";
  for (const auto& row : settings_table()) {
    text += reference_line(std::string(row.key), flags_of(row), row.takes, row.fallback, row.help);
    if (row.key != "emit") continue;
    text += reference_line("emit[].uri", "--emit", "DESTINATION", "",
                           "the destination, where an entry has keys of its own");
    for (const auto& of : emitter_setting_lines())
      text += reference_line("emit[]." + of.key, "--emit." + of.key, of.takes, of.fallback, of.help);
  }
  return text;
}

std::string settings_help() {
  std::string text;
  for (const auto& row : settings_table()) {
    text += help_line(flags_of(row), row.takes, row.fallback, row.help);
    if (row.key != "emit") continue;
    for (const auto& of : emitter_setting_lines())
      text += help_line("--emit." + of.key, of.takes, of.fallback, "of the --emit before it: " + of.help);
  }
  return text;
}

}  // namespace weir::proxy
