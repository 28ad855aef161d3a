#include "capture/sql/plain_read.h"

#include <array>
#include <cstdint>

namespace weir::capture {
namespace {

/// Longer texts are worth a parse.
constexpr std::size_t kLongest = 2048;

enum class ByteClass : std::uint8_t { unsafe, space, word, other };

constexpr std::array<ByteClass, 256> make_classes() {
  std::array<ByteClass, 256> classes{};
  for (const char c : {' ', '\t', '\n', '\r', '\f'}) classes[static_cast<unsigned char>(c)] = ByteClass::space;
  for (unsigned c = '0'; c <= '9'; ++c) classes[c] = ByteClass::word;
  for (unsigned c = 'a'; c <= 'z'; ++c) classes[c] = classes[c - 'a' + 'A'] = ByteClass::word;
  classes['_'] = classes['$'] = ByteClass::word;
  // Not the backslash, nor & (of U&"…"): with them a name can be written so that its letters do not show.
  for (const char c : {'\'', '"', ',', '.', '*', '=', '<', '>', '+', '-', '/', '%', '!', '?', ':', '[', ']', '|'})
    classes[static_cast<unsigned char>(c)] = ByteClass::other;
  return classes;
}

constexpr std::array<ByteClass, 256> kClasses = make_classes();

ByteClass class_of(char c) {
  return kClasses[static_cast<unsigned char>(c)];
}

/// `lower` is in small letters; `text` may be longer.
bool begins_with(std::string_view text, std::string_view lower) {
  if (text.size() < lower.size()) return false;
  for (std::size_t i = 0; i < lower.size(); ++i)
    if ((text[i] | 0x20) != lower[i]) return false;
  return true;
}

/// SELECT … INTO makes a table; the catalogs whose rows show Weir's own texts begin with pg_ (telling_names.h). The _
/// is compared with its bit 0x20 set.
bool is_telling(std::string_view word) {
  if ((word[0] | 0x20) == 'i') return word.size() == 4 && begins_with(word, "into");
  return (word[0] | 0x20) == 'p' && begins_with(word, "pg\x7f");
}

std::size_t skip_spaces(std::string_view text, std::size_t at) {
  while (at < text.size() && class_of(text[at]) == ByteClass::space) ++at;
  return at;
}

}  // namespace

bool is_plain_read(std::string_view text) {
  if (text.size() > kLongest) return false;
  std::size_t at = skip_spaces(text, 0);
  constexpr std::string_view kSelect = "select";
  if (!begins_with(text.substr(at), kSelect)) return false;
  at += kSelect.size();
  if (at == text.size() || class_of(text[at]) != ByteClass::space) return false;
  while (at < text.size()) {
    const ByteClass first = class_of(text[at]);
    if (text[at] == ';') return skip_spaces(text, at + 1) == text.size();
    if (first == ByteClass::unsafe) return false;
    const std::size_t begin = at++;
    if (first != ByteClass::word) continue;
    while (at < text.size() && class_of(text[at]) == ByteClass::word) ++at;
    if (is_telling(text.substr(begin, at - begin))) return false;
  }
  return true;
}

}  // namespace weir::capture
