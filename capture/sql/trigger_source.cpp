#include "capture/sql/trigger_source.h"

#include <algorithm>
#include <cctype>
#include <optional>

namespace weir::capture {
namespace {

/// A word is an identifier in lower case, or what stood in quotes; all else is one character, but for `:=`.
struct Token {
  bool word = false;
  std::string text = {};
};

bool begins_word(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) || c == '_' || (c & 0x80) != 0;
}

bool continues_word(char c) {
  return begins_word(c) || std::isdigit(static_cast<unsigned char>(c)) || c == '$';
}

/// The lexer of PL/pgSQL as far as it matters: what is code and what is a comment or a literal.
class Lexer {
 public:
  explicit Lexer(std::string_view source) : rest_(source) {}

  /// Nothing where the text is not understood.
  std::optional<std::vector<Token>> tokens() {
    std::vector<Token> found;
    while (!rest_.empty()) {
      if (skip_space() || skip_comment()) continue;
      const char c = rest_.front();
      if (c == '\'' || c == '$') {
        if (!skip_literal(!found.empty() && found.back().text == "e")) return std::nullopt;
        found.push_back({false, "'"});
      } else if (c == '"') {
        const std::size_t end = rest_.find('"', 1);
        const std::string_view name = rest_.substr(1, end == std::string_view::npos ? end : end - 1);
        // Quotes inside, U&"…": rare enough.
        if (end == std::string_view::npos || name.find('\\') != std::string_view::npos) return std::nullopt;
        if (rest_.substr(end + 1).starts_with('"')) return std::nullopt;
        found.push_back({true, std::string(name)});
        rest_.remove_prefix(end + 1);
      } else if (begins_word(c)) {
        found.push_back({true, take_word()});
      } else {
        const std::size_t size = rest_.starts_with(":=") ? 2 : 1;
        found.push_back({false, std::string(rest_.substr(0, size))});
        rest_.remove_prefix(size);
      }
    }
    return found;
  }

 private:
  bool skip_space() {
    if (!std::isspace(static_cast<unsigned char>(rest_.front()))) return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool skip_comment() {
    if (rest_.starts_with("--")) {
      rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size()));
      return true;
    }
    if (!rest_.starts_with("/*")) return false;
    int depth = 0;
    do {
      const std::string_view two = rest_.substr(0, 2);
      depth += two == "/*" ? 1 : two == "*/" ? -1 : 0;
      rest_.remove_prefix(std::min<std::size_t>(two == "/*" || two == "*/" ? 2 : 1, rest_.size()));
    } while (depth > 0 && !rest_.empty());
    return true;
  }

  bool skip_literal(bool escapes) {
    if (rest_.front() == '$') return skip_dollar_literal();
    for (std::size_t at = 1; at < rest_.size(); ++at) {
      if (rest_[at] == '\\') {
        if (!escapes) return false;  // what it means depends on a setting
        ++at;
      } else if (rest_[at] == '\'') {
        if (rest_.substr(at + 1).starts_with('\'')) {
          ++at;
          continue;
        }
        rest_.remove_prefix(at + 1);
        return true;
      }
    }
    return false;
  }

  /// $$…$$, $tag$…$tag$, or $1.
  bool skip_dollar_literal() {
    std::size_t end = 1;
    while (end < rest_.size() && continues_word(rest_[end]) && rest_[end] != '$') ++end;
    if (end >= rest_.size() || rest_[end] != '$') {
      rest_.remove_prefix(end);
      return true;
    }
    const std::string_view tag = rest_.substr(0, end + 1);
    const std::size_t close = rest_.find(tag, end + 1);
    if (close == std::string_view::npos) return false;
    rest_.remove_prefix(close + tag.size());
    return true;
  }

  std::string take_word() {
    std::size_t end = 1;
    while (end < rest_.size() && continues_word(rest_[end])) ++end;
    std::string word(rest_.substr(0, end));
    for (char& c : word)
      if (c >= 'A' && c <= 'Z') c = char(c - 'A' + 'a');
    rest_.remove_prefix(end);
    return word;
  }

  std::string_view rest_;
};

/// Walks over the statements and notes what becomes of NEW.
class Reader {
 public:
  explicit Reader(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  TriggerEffects read() {
    for (at_ = 0; at_ < tokens_.size(); ++at_) {
      const std::string& text = tokens_[at_].text;
      if (text == ";") assigns_all_ = false;
      if (!tokens_[at_].word) continue;
      if (text == "return") read_return();
      if (text == "call" || text == "diagnostics") assigns_all_ = true;
      if (text == "for" || text == "foreach") read_targets(at_ + 1);
      if (text == "into" && before() != "insert" && before() != "merge") read_targets(at_ + 1);
      if (text == "new") read_new();
    }
    return effects_;
  }

 private:
  std::string_view text(std::size_t at) const {
    return at < tokens_.size() ? std::string_view(tokens_[at].text) : std::string_view();
  }
  std::string_view before() const { return at_ == 0 ? ";" : text(at_ - 1); }
  /// `=` assigns at the beginning of a statement, and compares elsewhere.
  bool begins_statement() const {
    const std::string_view word = before();
    return word == ";" || word == "begin" || word == "then" || word == "else" || word == "loop" || word == ">";
  }

  void read_return() {
    const bool last = text(at_ + 2) == ";";
    if (last && text(at_ + 1) == "null") {
      effects_.may_skip = true;
    } else if (!last || text(at_ + 1) != "new") {
      effects_.known = false;
    }
  }

  /// Behind the name at `at`: its parts and subscripts.
  std::size_t skip_parts(std::size_t at) const {
    while (true) {
      if (text(at) == "." && at + 1 < tokens_.size()) {
        at += 2;
      } else if (text(at) == "[") {
        for (int depth = 0; at < tokens_.size(); ++at) {
          depth += text(at) == "[" ? 1 : text(at) == "]" ? -1 : 0;
          if (depth == 0) break;
        }
        ++at;
      } else {
        return at;
      }
    }
  }

  void assign(std::size_t at) {
    if (text(at + 1) == "." && at + 2 < tokens_.size() && tokens_[at + 2].word) {
      effects_.sets.emplace_back(text(at + 2));
    } else {
      effects_.known = false;
    }
  }

  /// INTO a, b.c, …: what is filled.
  void read_targets(std::size_t at) {
    if (text(at) == "strict") ++at;
    while (at < tokens_.size() && tokens_[at].word) {
      if (text(at) == "new") assign(at);
      at = skip_parts(at + 1);
      if (text(at) != ",") return;
      ++at;
    }
  }

  void read_new() {
    if (before() == ".") return;  // a column of that name
    const std::string_view behind = text(skip_parts(at_ + 1));
    if (assigns_all_ || behind == ":=" || (behind == "=" && begins_statement())) assign(at_);
  }

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  bool assigns_all_ = false;  // CALL and GET DIAGNOSTICS fill what they are given
  TriggerEffects effects_;
};

}  // namespace

void TriggerEffects::add(const TriggerEffects& other) {
  known &= other.known;
  may_skip |= other.may_skip;
  sets.insert(sets.end(), other.sets.begin(), other.sets.end());
}

TriggerEffects trigger_effects(std::string_view language, std::string_view source, std::string_view argument) {
  const bool fills = source == "tsvector_update_trigger_byid" || source == "tsvector_update_trigger_bycolumn";
  if (language == "internal" && fills) return {.sets = {std::string(argument)}};
  if (language == "internal" && source == "suppress_redundant_updates_trigger") return {.may_skip = true};
  if (language == "c" && source == "moddatetime") return {.sets = {std::string(argument)}};
  auto tokens = language == "plpgsql" ? Lexer(source).tokens() : std::nullopt;
  if (!tokens) return {.known = false};
  return Reader(std::move(*tokens)).read();
}

}  // namespace weir::capture
