// Texts of every encoding as UTF-8, or as nothing; names in ASCII.
#include "capture/encoding.h"

#include <gtest/gtest.h>

namespace weir::capture {
namespace {

TEST(EncodingTest, TextsAsPostgreSqlConvertsThem) {
  struct Case {
    const char* encoding;
    const char* text;
    const char* utf8;
  };
  for (const Case& one : {Case{"LATIN1", "caf\xe9", "café"},
                          Case{"LATIN1", "\x9d", "\u009d"},
                          Case{"LATIN9", "\xa4", "€"},
                          Case{"WIN1252", "\x80 \xe9", "€ é"},
                          Case{"WIN1251", "\xe6", "ж"},
                          Case{"KOI8R", "\xd6", "ж"},
                          Case{"SJIS", "\x95\x5c \x83\x5c", "表 ソ"},
                          Case{"SJIS", "\\~", "\\~"},
                          Case{"SJIS", "\x81\x60\x81\x7c", "～－"},
                          Case{"EUC_JP", "\xa1\xc1\xc9\xbd", "～表"},
                          Case{"EUC_JP", "\xad\xb5", "Ⅰ"},
                          Case{"EUC_KR", "\xb0\xa1", "가"},
                          Case{"UHC", "\xb0\xa1", "가"},
                          Case{"GBK", "\xd6\xd0", "中"},
                          Case{"GB18030", "\xd6\xd0", "中"},
                          Case{"BIG5", "\xa4\xa4", "中"},
                          Case{"EUC_CN", "\xd6\xd0", "中"},
                          Case{"EUC_TW", "\xc4\xe3", "中"},
                          Case{"UTF8", "é中😀", "é中😀"},
                          Case{"SQL_ASCII", "é", "é"},
                          Case{"", "plain", "plain"},
                          Case{"NO_SUCH", "plain", "plain"}})
    EXPECT_EQ(to_utf8(one.text, one.encoding), one.utf8) << one.encoding;
}

TEST(EncodingTest, WhatHasNoCertainMeaningHasNone) {
  struct Case {
    const char* encoding;
    const char* text;
  };
  for (const Case& one :
       {Case{"WIN1252", "a\x9d"}, Case{"WIN1252", "\x81"}, Case{"SJIS", "\x81"}, Case{"EUC_JP", "\xe9"},
        Case{"SQL_ASCII", "\xe9"}, Case{"UTF8", "\xe9"}, Case{"UTF8", "\xed\xa0\x80"}, Case{"UTF8", "\xc0\x80"},
        Case{"UTF8", "\xe4\xb8"}, Case{"UTF8", "\xf4\x90\x80\x80"}, Case{"", "é"}, Case{"MULE_INTERNAL", "\x81\xe9"},
        Case{"BIG5", "\xc7\xb3"}})
    EXPECT_FALSE(to_utf8(one.text, one.encoding)) << one.encoding;
}

TEST(EncodingTest, LongTextsAreConvertedWhole) {
  std::string latin, utf8;
  for (int i = 0; i < 100000; ++i) {
    latin += "\xe9";
    utf8 += "é";
  }
  EXPECT_EQ(to_utf8(latin, "LATIN1"), utf8);
  EXPECT_EQ(to_utf8(latin + "x", "LATIN1"), utf8 + "x");
}

TEST(EncodingTest, NamesInAscii) {
  EXPECT_EQ(ascii_quoted("t"), "\"t\"");
  EXPECT_EQ(ascii_quoted("a\"b\\"), "\"a\"\"b\\\"");
  EXPECT_EQ(ascii_quoted("é\"b\\"), "U&\"\\+0000E9\"\"b\\\\\"");
  EXPECT_EQ(ascii_quoted("😀"), "U&\"\\+01F600\"");
  EXPECT_EQ(ascii_quoted(""), "\"\"");
}

TEST(EncodingTest, NamesThatTheServerCertainlyFinds) {
  for (const char* encoding : {"UTF8", "LATIN1", "EUC_JP", "MULE_INTERNAL", "SQL_ASCII"})
    EXPECT_TRUE(is_certain_name("plain", encoding)) << encoding;
  EXPECT_TRUE(is_certain_name("≒", "UTF8"));
  EXPECT_TRUE(is_certain_name("é", "LATIN1"));
  EXPECT_TRUE(is_certain_name("表", "EUC_JP"));
  EXPECT_FALSE(is_certain_name("≒", "EUC_JP")) << "there are two of it";
  EXPECT_FALSE(is_certain_name("é", "SQL_ASCII"));
  EXPECT_FALSE(is_certain_name("é", "MULE_INTERNAL"));
}

TEST(EncodingTest, Hex) {
  EXPECT_EQ(decode_hex("00fFe9"), std::string("\0\xff\xe9", 3));
  EXPECT_EQ(decode_hex(""), "");
  EXPECT_FALSE(decode_hex("0"));
  EXPECT_FALSE(decode_hex("0g"));
}

}  // namespace
}  // namespace weir::capture
