#include "proxy/command/man_page.h"

namespace weir::proxy {

namespace {

/// What begins a line with a dot or an apostrophe would be a request; a hyphen that is typed is a minus.
std::string escaped(const std::string& text) {
  std::string result;
  bool begins_line = true;
  for (const char c : text) {
    if (begins_line && (c == '.' || c == '\'')) result += "\\&";
    begins_line = c == '\n';
    if (c == '\\') {
      result += "\\e";
    } else if (c == '-') {
      result += "\\-";
    } else {
      result += c;
    }
  }
  // Beyond ASCII stands only the one sign.
  for (auto at = result.find("…"); at != result.npos; at = result.find("…")) result.replace(at, 3, "...");
  return result;
}

std::string flag_entry(const Flag& flag) {
  std::string text = ".TP\n.B " + escaped(flag.name);
  if (!flag.takes.empty()) text += " \\fI" + escaped(flag.takes) + "\\fR";
  text += "\n" + escaped(flag.help.empty() ? "see the command" : flag.help);
  if (!flag.fallback.empty()) text += " (default: " + escaped(flag.fallback) + ")";
  return text + "\n";
}

std::string command_entry(const Command& command) {
  return ".TP\n.B weir " + escaped(command.name) + (command.arguments.empty() ? "" : " " + escaped(command.arguments)) +
         "\n" + escaped(command.help) + "\n";
}

constexpr const char* kDescription =
    "Weir stands between an application and its PostgreSQL database, relays everything unchanged, and turns every\n"
    "committed INSERT, UPDATE and DELETE into a change event on Kafka, in a file or on standard output.\n"
    "Without a command it is that proxy, until it gets SIGTERM. With one it answers a question and ends.\n";

constexpr const char* kSources =
    ".SH SETTINGS\n"
    "Every setting is a flag, a key in weir.yaml (the flag without its hyphens; key a.b is b inside a) and an\n"
    "environment variable (key a.b is WEIR_A_B). Flags win over the environment, the environment over the file.\n"
    "${NAME} in a value is the environment variable of that name, ${file:PATH} what that file holds.\n";

constexpr const char* kRest =
    ".SH SIGNALS\n"
    ".TP\n.B SIGTERM, SIGINT\n"
    "ends Weir: sessions may finish, destinations take what is left; a second one ends it at once\n"
    ".TP\n.B SIGHUP\n"
    "begins destination files anew that were moved away, and reads the configuration and certificates again\n"
    ".SH EXIT STATUS\n"
    ".TP\n.B 0\nthe end was asked for, or the command found nothing wrong\n"
    ".TP\n.B 1\nsomething failed, or is wrong\n"
    ".TP\n.B 2\nthe command line or the configuration is wrong\n"
    ".SH SEE ALSO\n"
    ".BR psql (1),\n"
    ".BR postgres (1)\n";

}  // namespace

std::string man_page(const std::vector<Command>& commands, const std::vector<Flag>& settings,
                     const std::string& version) {
  std::string text =
      ".TH WEIR 1 \"\" \"weir " + escaped(version) +
      "\" \"User Commands\"\n.SH NAME\nweir \\- turns committed writes of PostgreSQL into change events\n"
      ".SH SYNOPSIS\n.B weir\n[\\fB\\-\\-config\\fR \\fIPATH\\fR] [\\fB\\-\\-\\fISETTING VALUE\\fR ...]\n"
      ".br\n.B weir\n\\fICOMMAND\\fR ...\n.SH DESCRIPTION\n";
  text += kDescription;
  text += ".SH COMMANDS\n";
  for (const auto& command : commands) text += command_entry(command);
  text += kSources;
  for (const auto& flag : settings) text += flag_entry(flag);
  return text + kRest;
}

}  // namespace weir::proxy
