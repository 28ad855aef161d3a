#include "capture/sql/comment_tags.h"

#include <gtest/gtest.h>

namespace weir::capture {
namespace {

TEST(CommentTags, AreReadFromTheLastComment) {
  EXPECT_EQ(comment_tags("UPDATE t SET a = 1 /*action='run',route='%2Fpolls%201'*/"),
            R"({"action":"run","route":"/polls 1"})");
  EXPECT_EQ(comment_tags("UPDATE t SET a = 1 /*traceparent='00-ab-cd-01'*/ ; \n"), R"({"traceparent":"00-ab-cd-01"})");
}

TEST(CommentTags, MetaCharactersAreEscaped) {
  EXPECT_EQ(comment_tags(R"(SELECT 1 /*name='O\'Brien',x='"'*/)"), R"({"name":"O'Brien","x":"\""})");
}

TEST(CommentTags, OtherCommentsGiveNone) {
  for (const char* text : {"", "SELECT 1", "SELECT 1 /* done */", "SELECT 1 /*a=1*/", "SELECT 1 /*a='1*/", "*/",
                           "/*='x'*/", "SELECT 1 /*a='1'b='2'*/", "/*a='1'*/ SELECT 1", "SELECT '/*a=' /**/"})
    EXPECT_EQ(comment_tags(text), "") << text;
}

TEST(CommentTags, PercentSignsThatEncodeNothingStay) {
  EXPECT_EQ(comment_tags("x /*a='100%',b='%zz',c='%4'*/"), R"({"a":"100%","b":"%zz","c":"%4"})");
}

}  // namespace
}  // namespace weir::capture
