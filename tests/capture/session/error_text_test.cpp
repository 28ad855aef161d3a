// What a client sees of an error that is not as its own text would have had it: fields in, fields out.
#include "capture/session/error_text.h"

#include <gtest/gtest.h>

namespace weir::capture {
namespace {

/// "M=…|P=…", in order.
std::string said(const ErrorText& text) {
  std::string frame;
  text.append_to(frame, 'E');
  const auto fields = wire::read_error_fields(std::string_view(frame).substr(5));
  std::string out;
  for (const auto& [code, value] : fields.value())
    out += (out.empty() ? "" : "|") + (code + ("=" + std::string(value)));
  return out;
}

std::shared_ptr<Portal> spliced_portal() {
  auto plan = std::make_shared<Plan>();
  plan->added.count = 3;
  auto portal = std::make_shared<Portal>();
  auto prepared = std::make_shared<Prepared>();
  prepared->spliced.name = "w:7";
  portal->prepared = prepared;
  portal->plan = plan;
  portal->statement = "mine";
  return portal;
}

TEST(ErrorTextTest, StaysAsItCameWhereNothingIsChanged) {
  EXPECT_EQ(said(ErrorText({{'S', "ERROR"}, {'M', "m"}, {'x', ""}})), "S=ERROR|M=m|x=");
}

TEST(ErrorTextTest, WithoutWhereItFailed) {
  ErrorText text({{'C', "57014"}, {'M', "m"}, {'P', "3"}, {'p', "4"}, {'q', "SELECT"}, {'W', "SQL"}, {'R', "r"}});
  text.without_place();
  EXPECT_EQ(said(text), "C=57014|M=m|R=r");
}

TEST(ErrorTextTest, OfABindCountsTheClientsColumns) {
  ErrorText text({{'M', "bind message has 7 result formats but query has 5 columns"}});
  text.of_bind(*spliced_portal());
  EXPECT_EQ(said(text), "M=bind message has 4 result formats but query has 2 columns");
}

TEST(ErrorTextTest, OfABindNamesTheClientsStatement) {
  ErrorText text({{'M', "bind message supplies 1 parameters, but prepared statement \"w:7\" requires 2"}});
  text.of_bind(*spliced_portal());
  EXPECT_EQ(said(text), "M=bind message supplies 1 parameters, but prepared statement \"mine\" requires 2");
}

TEST(ErrorTextTest, OfTheLockQueryIsAnUpdates) {
  ErrorText text({{'M', "cannot execute SELECT FOR NO KEY UPDATE in a read-only transaction"},
                  {'W', "while locking tuple (0,1) in relation \"t\"\nportal \"w:own\" with parameters: $1 = '1'"}});
  ErrorText triggered = text;
  text.of_lock("w:own", "c", false);
  EXPECT_EQ(said(text),
            "M=cannot execute UPDATE in a read-only transaction|"
            "W=while updating tuple (0,1) in relation \"t\"\nportal \"c\" with parameters: $1 = '1'");
  triggered.of_lock("w:own", "c", true);
  EXPECT_EQ(said(triggered),
            "M=cannot execute UPDATE in a read-only transaction|"
            "W=while locking tuple (0,1) in relation \"t\"\nportal \"c\" with parameters: $1 = '1'")
      << "for a BEFORE trigger the UPDATE itself locks the row";
  ErrorText unnamed({{'W', "portal \"w:own\" with parameters: $1 = '1'"}});
  unnamed.of_lock("w:own", "", false);
  EXPECT_EQ(said(unnamed), "W=unnamed portal with parameters: $1 = '1'");
}

TEST(ErrorTextTest, OfAShapeHasNoParameters) {
  ErrorText text({{'M', "m"}, {'W', "PL/pgSQL function f()\nportal \"w:shape\" with parameters: $1 = '1'"}});
  text.of_shape("w:shape");
  EXPECT_EQ(said(text), "M=m|W=PL/pgSQL function f()");
  ErrorText only({{'M', "m"}, {'W', "portal \"w:shape\" with parameters: $1 = '1'"}});
  only.of_shape("w:shape");
  EXPECT_EQ(said(only), "M=m");
  ErrorText other({{'W', "portal \"c\""}});
  other.of_shape("w:shape");
  EXPECT_EQ(said(other), "W=portal \"c\"");
}

TEST(ErrorTextTest, OfAPartHasItsPositionInTheWhole) {
  const auto behind = [](std::size_t at) { return at + 10; };
  ErrorText text({{'M', "m"}, {'P', "3"}});
  text.of_part(behind);
  EXPECT_EQ(said(text), "M=m|P=13");
  for (const char* none : {"", "x", "3x"}) {
    ErrorText odd({{'P', none}});
    odd.of_part(behind);
    EXPECT_EQ(said(odd), std::string("P=") + none);
  }
}

TEST(ErrorTextTest, BroughtAboutOnPurposeSaysWhatItStandsFor) {
  ErrorText again({{'C', "34000"}, {'M', "portal \"w:none\" does not exist"}, {'F', "postgres.c"}, {'R', "exec"}});
  again.cannot_be_run("c");
  EXPECT_EQ(said(again), "C=55000|M=portal \"c\" cannot be run|F=portalmem.c|R=MarkPortalActive");
  ErrorText refused({{'C', "34000"}, {'M', "portal \"w:none\" does not exist"}});
  refused.is_refused({"the journal is full", "53100"});
  EXPECT_EQ(said(refused), "C=53100|M=the journal is full");
}

}  // namespace
}  // namespace weir::capture
