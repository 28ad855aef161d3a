#include "capture/encoding.h"

#include <iconv.h>

#include <algorithm>
#include <array>
#include <boost/algorithm/hex.hpp>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>

#include "capture/event/json_members.h"

namespace weir::capture {
namespace {

struct Known {
  std::string_view name;    ///< PostgreSQL's
  const char* converter;    ///< iconv's
  bool single_byte = true;  ///< no two codes for one character
};

/// Compared with PostgreSQL's own conversions, character by character; the variants of the vendors are what it has.
constexpr std::array kKnown = {Known{"LATIN1", "ISO-8859-1"},
                               Known{"LATIN2", "ISO-8859-2"},
                               Known{"LATIN3", "ISO-8859-3"},
                               Known{"LATIN4", "ISO-8859-4"},
                               Known{"LATIN5", "ISO-8859-9"},
                               Known{"LATIN6", "ISO-8859-10"},
                               Known{"LATIN7", "ISO-8859-13"},
                               Known{"LATIN8", "ISO-8859-14"},
                               Known{"LATIN9", "ISO-8859-15"},
                               Known{"LATIN10", "ISO-8859-16"},
                               Known{"ISO_8859_5", "ISO-8859-5"},
                               Known{"ISO_8859_6", "ISO-8859-6"},
                               Known{"ISO_8859_7", "ISO-8859-7"},
                               Known{"ISO_8859_8", "ISO-8859-8"},
                               Known{"WIN1250", "CP1250"},
                               Known{"WIN1251", "CP1251"},
                               Known{"WIN1252", "CP1252"},
                               Known{"WIN1253", "CP1253"},
                               Known{"WIN1254", "CP1254"},
                               Known{"WIN1255", "CP1255"},
                               Known{"WIN1256", "CP1256"},
                               Known{"WIN1257", "CP1257"},
                               Known{"WIN1258", "CP1258"},
                               Known{"WIN866", "CP866"},
                               Known{"WIN874", "CP874"},
                               Known{"KOI8R", "KOI8-R"},
                               Known{"KOI8U", "KOI8-U"},
                               Known{"EUC_JP", "EUC-JP-MS", false},
                               Known{"EUC_CN", "EUC-CN", false},
                               Known{"EUC_KR", "EUC-KR", false},
                               Known{"EUC_TW", "EUC-TW", false},
                               Known{"EUC_JIS_2004", "EUC-JISX0213", false},
                               Known{"JOHAB", "JOHAB", false},
                               Known{"SJIS", "CP932", false},
                               Known{"BIG5", "BIG5", false},
                               Known{"GBK", "GBK", false},
                               Known{"UHC", "UHC", false},
                               Known{"GB18030", "GB18030", false},
                               Known{"SHIFT_JIS_2004", "SHIFT_JISX0213", false}};

const Known* find(std::string_view encoding) {
  const auto* const it = std::find_if(kKnown.begin(), kKnown.end(), [&](const Known& k) { return k.name == encoding; });
  return it == kKnown.end() ? nullptr : it;
}

/// One character, and what is taken off the front for it; nothing where it is none (RFC 3629).
std::optional<std::uint32_t> take_character(std::string_view& text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t size = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  if (size == 0 || size > text.size()) return std::nullopt;
  std::uint32_t code = size == 1 ? lead : lead & (0xffu >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xc0) != 0x80) return std::nullopt;
    code = code << 6 | (byte & 0x3fu);
  }
  constexpr std::array<std::uint32_t, 5> least = {0, 0, 0x80, 0x800, 0x10000};
  if (code < least[size] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return std::nullopt;
  text.remove_prefix(size);
  return code;
}

class Converter {
 public:
  explicit Converter(const char* from) : handle_(iconv_open("UTF-8", from)) {}
  Converter(const Converter&) = delete;
  Converter& operator=(const Converter&) = delete;
  ~Converter() {
    if (works()) iconv_close(handle_);
  }

  std::optional<std::string> convert(std::string_view text) {
    if (!works()) return std::nullopt;
    iconv(handle_, nullptr, nullptr, nullptr, nullptr);
    std::string out(text.size() * 2 + 16, '\0');
    char* in = const_cast<char*>(text.data());
    std::size_t in_left = text.size();
    std::size_t used = 0;
    while (true) {
      char* to = out.data() + used;
      std::size_t left = out.size() - used;
      // The last call, without input, brings what a converter has kept back.
      const bool rest = in_left == 0;
      const std::size_t done = iconv(handle_, rest ? nullptr : &in, rest ? nullptr : &in_left, &to, &left);
      used = std::size_t(to - out.data());
      if (done == std::size_t(-1) && errno != E2BIG) return std::nullopt;
      if (done != std::size_t(-1) && rest) break;
      if (done != std::size_t(-1) && done != 0) return std::nullopt;  // not reversible: a guess
      if (done == std::size_t(-1)) out.resize(out.size() * 2);
    }
    out.resize(used);
    return out;
  }

 private:
  // iconv_t is a pointer, and -1 says that there is none.
  bool works() const { return handle_ != iconv_t(-1); }

  iconv_t handle_;
};

Converter& converter(const Known& known) {
  thread_local std::map<std::string_view, std::unique_ptr<Converter>> converters;
  auto& found = converters[known.name];
  if (!found) found = std::make_unique<Converter>(known.converter);
  return *found;
}

/// Where iconv and PostgreSQL do not agree: what BIG5's vendors have for themselves.
bool is_doubtful(std::string_view text) {
  while (!text.empty()) {
    const auto code = take_character(text);
    if (!code || (*code >= 0xe000 && *code < 0xf900)) return true;
  }
  return false;
}

/// Letters that no East Asian encoding has twice.
bool is_letter(std::uint32_t code) {
  const auto within = [code](std::uint32_t first, std::uint32_t last) { return code >= first && code <= last; };
  return within(0, 0x7f) || within(0xc0, 0x24f) || within(0x391, 0x3c9) || within(0x401, 0x451) ||
         within(0x3041, 0x3093) || within(0x30a1, 0x30fe) || within(0x4e00, 0x9fa5) || within(0xac00, 0xd7a3);
}

}  // namespace

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::optional<std::string> decode_hex(std::string_view text) {
  std::string out;
  out.reserve(text.size() / 2);
  try {
    boost::algorithm::unhex(text.begin(), text.end(), std::back_inserter(out));
  } catch (const boost::algorithm::hex_decode_error&) {
    return std::nullopt;
  }
  return out;
}

std::optional<std::string> to_utf8(std::string_view text, std::string_view encoding) {
  if (is_ascii(text)) return std::string(text);
  if (encoding == "UTF8" || encoding == "SQL_ASCII")
    return event::is_utf8(text) ? std::optional(std::string(text)) : std::nullopt;
  const Known* known = find(encoding);
  if (known == nullptr) return std::nullopt;
  auto converted = converter(*known).convert(text);
  if (converted && encoding == "BIG5" && is_doubtful(*converted)) return std::nullopt;
  return converted;
}

std::string ascii_quoted(std::string_view name) {
  const bool escapes = !is_ascii(name);
  std::string out = escapes ? "U&\"" : "\"";
  while (!name.empty()) {
    const char c = name[0];
    const auto code = take_character(name);
    if (!code) {
      name.remove_prefix(1);
    } else if (*code < 0x80) {
      if (c == '"' || (escapes && c == '\\')) out.push_back(c);
      out.push_back(c);
    } else {
      char digits[16];
      std::snprintf(digits, sizeof digits, "\\+%06X", unsigned(*code));
      out += digits;
    }
  }
  return out + "\"";
}

bool is_certain_name(std::string_view name, std::string_view server_encoding) {
  if (is_ascii(name) || server_encoding == "UTF8") return true;
  const Known* known = find(server_encoding);
  if (known == nullptr) return false;
  if (known->single_byte) return true;
  while (!name.empty()) {
    const auto code = take_character(name);
    if (!code || !is_letter(*code)) return false;
  }
  return true;
}

}  // namespace weir::capture
