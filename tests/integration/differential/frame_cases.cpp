// What makes a session lose its way: lengths that cannot be, bodies that do not fit, texts that cannot be read; and
// what reaches a captured write's portal by a detour. A client must never see a column that Weir added.
#include "tests/integration/differential/script.h"

namespace weir::differential {
namespace {

std::string header(char type, std::uint32_t length) {
  std::string out(1, type);
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(char(length >> shift & 0xff));
  return out;
}

struct Wrong {
  char type;
  std::uint32_t length;
};
constexpr Wrong kWrong[] = {{'Q', 0},          {'Q', 3},      {'P', 0xffffffff}, {'B', 0x7fffffff}, {'S', 0},
                            {'E', 10'001},     {'D', 20'000}, {'C', 1'000'000},  {'H', 0x80000000}, {'X', 2},
                            {'d', 0x3fffffff}, {'c', 1},      {'f', 12'345},     {'~', 0},          {'F', 1}};

std::string label_of(const Wrong& wrong) {
  return std::string(1, wrong.type) + " of length " + std::to_string(wrong.length);
}

void lengths_between_messages(Script& s) {
  for (const Wrong& wrong : kWrong) {
    s.connect();
    s.client().raw(header(wrong.type, wrong.length));
    s.step_until_closed(label_of(wrong));
  }
}

/// In a block a write, Sync, then the header: the rows come behind it.
void lengths_behind_a_write(Script& s) {
  for (const Wrong& wrong : kWrong) {
    s.connect();
    s.query("BEGIN");
    s.client().parse("", "INSERT INTO nokey VALUES (1, 'a') RETURNING a").bind("", "").execute("").sync();
    s.client().raw(header(wrong.type, wrong.length) + "and more");
    s.step_until_closed("in a block, " + label_of(wrong));
    s.connect();
    s.client().parse("", "INSERT INTO nokey VALUES (2, 'b')").bind("", "").describe_portal("").execute("").sync();
    s.client().raw(header(wrong.type, wrong.length));
    s.step_until_closed("committed, " + label_of(wrong));
    s.connect();
    s.client().query("INSERT INTO nokey VALUES (3, 'c'); INSERT INTO nokey VALUES (4, 'd') RETURNING b");
    s.client().raw(header(wrong.type, wrong.length));
    s.step_until_closed("behind a Query, " + label_of(wrong));
    s.connect();
    s.client().parse("", "INSERT INTO nokey VALUES (5, 'e')").bind("", "").execute("");
    s.client().raw(header(wrong.type, wrong.length));
    s.step_until_closed("without Sync, " + label_of(wrong));
  }
  s.direct("SELECT a, count(*) FROM nokey GROUP BY a ORDER BY a");
}

void lengths_in_copy(Script& s) {
  for (const Wrong& wrong : kWrong) {
    s.connect();
    s.client().query("COPY nokey FROM STDIN").read_until('G');
    s.client().copy_data("1\tx\n").raw(header(wrong.type, wrong.length));
    s.step_until_closed("in COPY, " + label_of(wrong));
  }
  s.direct("SELECT count(*) FROM nokey");
}

void bodies_that_do_not_fit(Script& s) {
  const std::pair<char, std::string> bodies[] = {{'P', "no end"},
                                                 {'B', std::string("\0", 1)},
                                                 {'E', std::string("\0\0", 2)},
                                                 {'D', "S"},
                                                 {'C', std::string("X\0", 2)},
                                                 {'H', "x"},
                                                 {'S', "x"},
                                                 {'Q', "no end"},
                                                 {'P', std::string("\0SELECT 1\0\0\1", 12)}};
  for (const auto& [type, body] : bodies) {
    s.connect();
    s.query("BEGIN");
    s.client().parse("", "INSERT INTO nokey VALUES (1, 'a') RETURNING a").bind("", "").execute("");
    s.client().request(type, body).parse("x", "SELECT 1").sync();
    s.step_until(std::string("in a block, a body that does not fit: ") + type, 'Z', type == 'S' || type == 'Q' ? 2 : 1);
    s.query("ROLLBACK");
    s.client().parse("", "INSERT INTO nokey VALUES (2, 'b') RETURNING a").sync();
    s.client().request(type, body).bind("", "").execute("").sync();
    s.step_until("the unnamed statement behind it", 'Z', type == 'S' || type == 'Q' ? 3 : 2);
    s.client().bind("", "").execute("").sync();
    s.step("and once more");
  }
  s.direct("SELECT a, count(*) FROM nokey GROUP BY a ORDER BY a");
}

void unnamed_behind_unreadable(Script& s) {
  for (const char* text : {"SELECT '\xff'", "SELECT 1 AS \xff", "INSERT INTO nokey VALUES (1, '\xff')",
                           "DEALLOCATE \xff", "INSERT INTO nokey VALUES (3, 'c'); COMMIT; SELECT '\xff'",
                           "SELECT E'\\xff'", "SELECT convert_from('\\xff', 'UTF8')", "nonsense", "SELECT 1/0", ""}) {
    s.connect();
    s.client().parse("", "INSERT INTO nokey VALUES (2, 'b') RETURNING a").sync();
    s.step("prepared");
    s.client().query(text);
    s.step(std::string("Query ") + text);
    s.client().bind("", "").describe_portal("").execute("").sync();
    s.step("the unnamed statement behind it");
  }
  s.direct("SELECT a, count(*) FROM nokey GROUP BY a ORDER BY a");
}

/// The server knows 63 bytes of a name.
void long_names(Script& s) {
  const std::string front(63, 'n');
  s.connect();
  s.query("BEGIN");
  s.client().parse(front + "one", "INSERT INTO nokey VALUES (1, 'a'), (2, 'b') RETURNING a").bind(front + "one", front);
  s.client().describe_portal(front).execute(front, 1).sync();
  s.step("by the front of its name");
  s.query("FETCH ALL FROM " + front + "two");
  s.client().parse("w", "INSERT INTO nokey VALUES (3, 'c')").bind(front + "x", "w").execute(front).execute(front + "y");
  s.client().sync();
  s.step("the error names the front");
}

void open(Script& s) {
  s.connect();
  s.query("BEGIN");
  s.client().parse("", "UPDATE items SET qty = qty + 1 RETURNING id, qty").bind("p", "").execute("p", 1).sync();
  s.step("one row of p");
}

void fetch_by_the_extended_protocol(Script& s) {
  open(s);
  s.client().parse("", "FETCH 1 FROM p").describe_statement("").bind("", "").describe_portal("").execute("").sync();
  s.step("all that can be described");
  s.client().parse("f", "FETCH 2 FROM p").bind("", "f", {{}, {}, {1, 1}}).execute("").sync();
  s.step("binary");
  s.client().bind("", "f", {{}, {}, {1}}).execute("", 1).execute("").sync();
  s.step("one code for all, and a row limit");
  s.client().bind("", "f", {{}, {}, {1, 1, 1}}).execute("").sync();
  s.step("too many codes");
  s.query("ROLLBACK");
  open(s);
  s.client().parse("", "MOVE 1 IN p").describe_statement("").bind("", "").describe_portal("").execute("").sync();
  s.step("MOVE");
  s.client().parse("", "FETCH BACKWARD 1 FROM p").bind("", "").execute("").sync();
  s.step("backward");
  s.query("ROLLBACK");
  s.query("BEGIN");
  s.client().parse("", "DELETE FROM items WHERE id = 1 RETURNING *").bind("q", "").sync();
  s.step("a portal that has not run");
  s.client().parse("", "FETCH ALL FROM q").describe_statement("").bind("", "").describe_portal("").execute("").sync();
  s.step("is run by FETCH");
  s.query("COMMIT");
  s.direct("SELECT count(*) FROM items");
}

void fetch_of_a_write_without_rows(Script& s) {
  s.connect();
  s.query("BEGIN");
  s.client().parse("", "UPDATE items SET qty = qty + 1").bind("p", "").execute("p").sync();
  s.step("p has run");
  s.client().parse("", "FETCH ALL FROM p").describe_statement("").bind("", "", {{}, {}, {1, 1, 1}});
  s.client().describe_portal("").execute("").sync();
  s.step("it cannot be fetched from");
  s.client().describe_statement("").sync();
  s.step("Describe in the failed block");
  s.query("ROLLBACK");
}

void fetches_in_one_query(Script& s) {
  open(s);
  s.query("FETCH 1 FROM p; SELECT 1 AS one, 2 AS two, 3 AS three, 4 AS four, 5 AS five; FETCH 1 FROM p");
  s.query("MOVE 1 IN p; FETCH 1 FROM p; FETCH 0 FROM p");
  s.query("CLOSE p; DECLARE p CURSOR FOR SELECT 1 AS a, 2 AS b; FETCH ALL FROM p");
  s.query("FETCH BACKWARD ALL FROM p; FETCH ALL FROM p");
  s.query("COMMIT");
  open(s);
  s.query("FETCH 1 FROM p; CLOSE ALL");
  s.query("DECLARE p CURSOR FOR SELECT 1 AS a; FETCH ALL FROM p; COMMIT");
  s.direct("SELECT id, qty FROM items ORDER BY id");
}

/// A write that FETCH was to run, and that was not reached, never runs.
void a_fetch_that_was_refused(Script& s) {
  s.connect();
  s.query("BEGIN");
  s.client().parse("", "INSERT INTO nokey VALUES (1, 'a') RETURNING a").bind("p", "").sync();
  s.step("bound");
  s.query("SAVEPOINT a");
  s.query("SELECT 1/0; FETCH ALL FROM p");
  s.query("FETCH ALL FROM p");
  s.client().parse("", "FETCH ALL FROM p").sync();
  s.step("nor by the extended protocol");
  s.query("ROLLBACK TO a");
  s.query("COMMIT");
  s.direct("SELECT count(*) FROM nokey");
}

}  // namespace

std::vector<WireCase> frame_cases() {
  return {
      {"lengths_between_messages", lengths_between_messages},
      {"lengths_behind_a_write", lengths_behind_a_write},
      {"lengths_in_copy", lengths_in_copy},
      {"bodies_that_do_not_fit", bodies_that_do_not_fit},
      {"unnamed_behind_unreadable", unnamed_behind_unreadable},
      {"long_names", long_names},
      {"fetch_by_the_extended_protocol", fetch_by_the_extended_protocol},
      {"fetch_of_a_write_without_rows", fetch_of_a_write_without_rows},
      {"fetches_in_one_query", fetches_in_one_query},
      {"a_fetch_that_was_refused", a_fetch_that_was_refused},
  };
}

}  // namespace weir::differential
