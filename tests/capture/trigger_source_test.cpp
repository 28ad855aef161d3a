// Which columns of NEW a trigger function may assign, read from its source; in doubt more than it does.
#include "capture/sql/trigger_source.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace weir::capture {
namespace {

/// "id v" or "?" where nothing is known; "!" where the row may be skipped.
std::string effects(std::string_view source) {
  TriggerEffects effects = trigger_effects("plpgsql", source, "");
  std::string out = effects.known ? "" : "?";
  if (effects.may_skip) out += "!";
  for (const std::string& column : effects.sets) out += (out.empty() ? "" : " ") + column;
  return out;
}

TEST(TriggerSourceTest, AssignmentsAreFound) {
  EXPECT_EQ(effects("BEGIN NEW.updated_at := now(); RETURN NEW; END"), "updated_at");
  EXPECT_EQ(effects("begin\n new.a = 1; NEW . b := 2; \"new\".\"C d\" := 3;\n return new; end"), "a b C d");
  EXPECT_EQ(effects("begin if true then new.a = 1; else new.b = 1; end if; return new; end"), "a b");
  EXPECT_EQ(effects("begin new.a[1] := 2; new.b.c := 3; new.d[1][f(x[2])] := 4; return new; end"), "a b d");
  EXPECT_EQ(effects("begin select 1, 2 into new.a, x.y, new.b from t where id = new.c; return new; end"), "a b");
  EXPECT_EQ(effects("begin select 1 into strict new.a; return new; end"), "a");
  EXPECT_EQ(effects("begin execute 'select 1' into new.a; fetch c into new.b; return new; end"), "a b");
  EXPECT_EQ(effects("begin insert into t select 1 returning id into new.a; return new; end"), "a");
  EXPECT_EQ(effects("begin for new.a in 1..2 loop new.b = 1; end loop; return new; end"), "a b");
  EXPECT_EQ(effects("begin call p(new.a, 2); get diagnostics new.b = row_count; return new; end"), "a b");
}

TEST(TriggerSourceTest, ReadingIsNoAssignment) {
  EXPECT_EQ(effects("begin if new.id = old.id and new.v is distinct from old.v then null; end if; return new; end"),
            "");
  EXPECT_EQ(effects("begin insert into audit values (new.id, new.v); perform f(new); return new; end"), "");
  EXPECT_EQ(effects("begin insert into audit select new.*; return new; end"), "");
  EXPECT_EQ(effects("begin select a into x from t where k = new.id; return new; end"), "");
  EXPECT_EQ(effects("declare r t%rowtype := new; begin if new is distinct from old then null; end if; return new; end"),
            "");
  EXPECT_EQ(effects("begin raise notice 'new.id := 1'; raise notice $$ new.id := 1; return old; $$; return new; end"),
            "");
  EXPECT_EQ(effects("begin -- new.id := 1; return old\n /* new := old; /* */ new.id := 2 */ return new; end"), "");
  EXPECT_EQ(effects("begin x.new := 1; renew.id := 3; return new; end"), "");
  EXPECT_EQ(effects("begin x := E'\\'; new.id := 1; --'; return new; end"), "");
}

TEST(TriggerSourceTest, WhatIsReturnedDecides) {
  EXPECT_EQ(effects("begin if old.v = 1 then return null; end if; return new; end"), "!");
  EXPECT_EQ(effects("begin return old; end"), "?");
  EXPECT_EQ(effects("begin return (new); end"), "?");
  EXPECT_EQ(effects("begin return f(new); end"), "?");
  EXPECT_EQ(effects("begin r := new; r.id := 1; return r; end"), "?");
}

TEST(TriggerSourceTest, AllOfNewIsAllColumns) {
  EXPECT_EQ(effects("begin new := f(new); return new; end"), "?");
  EXPECT_EQ(effects("begin new = f(new); return new; end"), "?");
  EXPECT_EQ(effects("begin select * into new from t; return new; end"), "?");
  EXPECT_EQ(effects("declare n alias for new; begin n.id := 1; return new; end"), "?");
  EXPECT_EQ(effects("begin for new in select * from t loop null; end loop; return new; end"), "?");
  EXPECT_EQ(effects("begin call p(new); return new; end"), "?");
}

TEST(TriggerSourceTest, WhatIsNotUnderstoodIsNotKnown) {
  EXPECT_EQ(effects("begin x := 'a\\b'; return new; end"), "?") << "depends on standard_conforming_strings";
  EXPECT_EQ(effects("begin x := 'open"), "?");
  EXPECT_EQ(effects("begin x := $a$ open"), "?");
  EXPECT_EQ(effects("begin \"a\"\"b\" := 1"), "?");
  EXPECT_EQ(effects("begin \"open"), "?");
  EXPECT_EQ(effects(""), "");
  EXPECT_FALSE(trigger_effects("plperl", "return;", "").known);
  EXPECT_FALSE(trigger_effects("c", "my_trigger", "").known);
  EXPECT_FALSE(trigger_effects("internal", "lo_manage", "").known);
}

TEST(TriggerSourceTest, TheServersOwnAreKnownByName) {
  EXPECT_EQ(trigger_effects("internal", "tsvector_update_trigger_byid", "words").sets,
            std::vector<std::string>{"words"});
  EXPECT_EQ(trigger_effects("c", "moddatetime", "changed").sets, std::vector<std::string>{"changed"});
  EXPECT_TRUE(trigger_effects("internal", "suppress_redundant_updates_trigger", "").may_skip);
}

}  // namespace
}  // namespace weir::capture
