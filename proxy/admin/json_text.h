// Writes JSON, member by member, into one string. Whoever uses it opens and closes what belongs together; text is
// escaped, and what is no UTF-8 in it becomes U+FFFD. Pure.
#pragma once

#include <concepts>
#include <string>
#include <string_view>

namespace weir::proxy {

class JsonText {
 public:
  JsonText& open(char bracket);  ///< '{' or '['
  JsonText& close(char bracket);
  JsonText& key(std::string_view name);
  JsonText& value(std::string_view text);
  JsonText& value(const char* text) { return value(std::string_view(text)); }
  JsonText& value(const std::string& text) { return value(std::string_view(text)); }
  JsonText& value(double number);
  template <std::integral Number>
  JsonText& value(Number number) {
    return raw(std::to_string(number));
  }
  JsonText& value(bool truth) { return raw(truth ? "true" : "false"); }
  /// JSON already.
  JsonText& raw(std::string_view json);
  template <typename Value>
  JsonText& member(std::string_view name, const Value& of) {
    return key(name).value(of);
  }
  const std::string& text() const { return text_; }

 private:
  void separate();

  std::string text_;
  bool first_ = true;  // of what is open
};

}  // namespace weir::proxy
