#!/usr/bin/env python3
"""Shows each rule of style.py a file that breaks it and one that does not."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import readmes  # noqa: E402  (beside this file)
import style  # noqa: E402


def findings(rule, path, text):
    return [line for line, _ in rule(path, text.splitlines())]


def function_of(lines, head="int f() {", indent=""):
    return "\n".join([indent + head] + [indent + "  g();"] * (lines - 2) + [indent + "}"]) + "\n"


class FunctionSize(unittest.TestCase):
    def check(self, path, text):
        return findings(style.check_function_size, path, text)

    def test_limit(self):
        self.assertEqual(self.check("wire/a.cpp", function_of(style.FUNCTION_LINES)), [])
        self.assertEqual(self.check("wire/a.cpp", function_of(style.FUNCTION_LINES + 1)), [1])

    def test_long_declaration_counts(self):
        text = "int x;\nint f(int a,\n      int b) {\n" + "  g();\n" * 68 + "}\n"
        self.assertEqual(self.check("wire/a.cpp", text), [2])

    def test_member_function(self):
        text = "class A {\n public:\n" + function_of(80, "void f() const {", "  ") + "};\n"
        self.assertEqual(self.check("wire/a.h", text), [3])

    def test_constructor_with_initialisers(self):
        text = "A::A(int b)\n    : b_(b), c_(f(b)) {\n" + "  g();\n" * 70 + "}\n"
        self.assertEqual(self.check("wire/a.cpp", text), [1])

    def test_test_macro(self):
        self.assertEqual(self.check("tests/a_test.cpp", function_of(90, "TEST(A, B) {")), [1])

    def test_classes_namespaces_and_tables_are_no_functions(self):
        body = "  int a;\n" * 100
        for head in ("namespace weir {", "class A : public B {", "constexpr std::array<int, f(3)> table = {"):
            self.assertEqual(self.check("wire/a.cpp", head + "\n" + body + "}\n"), [])

    def test_python(self):
        self.assertEqual(self.check("a.py", "def f():\n" + "    g()\n" * 69), [])
        self.assertEqual(self.check("a.py", "x = 1\ndef f():\n" + "    g()\n" * 70), [2])


class Includes(unittest.TestCase):
    def check(self, path, included):
        return findings(style.check_includes, path, f"#include {included}\n")

    def test_graph(self):
        for path, included in [("wire/a.cpp", '"capture/event/change_event.h"'), ("capture/a.cpp", '"emitters/record.h"'),
                               ("capture/event/a.cpp", '"capture/journal.h"'), ("capture/event/a.h", '"wire/engine.h"'),
                               ("emitters/a.cpp", '"capture/journal.h"'), ("emitters/a.cpp", '"wire/outbox.h"'),
                               ("capture/a.cpp", '"proxy/process/log.h"'),
                               ("base/a.h", '"wire/b.h"'), ("proxy/io/a.cpp", '"capture/event/change_event.h"'),
                               ("proxy/io/a.cpp", '"proxy/settings/settings.h"'),
                               ("proxy/commit/a.cpp", '"proxy/delivery/delivery.h"')]:
            self.assertEqual(self.check(path, included), [1], (path, included))
        for path, included in [("wire/a.cpp", '"wire/b.h"'), ("capture/a.cpp", '"wire/b.h"'),
                               ("capture/sql/a.cpp", '"base/result.h"'), ("wire/a.cpp", '"base/result.h"'),
                               ("emitters/a.cpp", '"capture/event/change_event.h"'), ("proxy/a.cpp", '"emitters/record.h"'),
                               ("tests/wire/a_test.cpp", '"wire/b.h"')]:
            self.assertEqual(self.check(path, included), [], (path, included))

    def test_third_party(self):
        for path, included in [("capture/session.cpp", "<pg_query.h>"), ("capture/sql/cache.cpp", '"postgres.h"'),
                               ("proxy/a.cpp", "<sqlite3.h>"), ("emitters/file.cpp", "<librdkafka/rdkafka.h>"),
                               ("proxy/io/a.cpp", "<openssl/ssl.h>"), ("proxy/io/a.cpp", "<libpq-fe.h>"),
                               ("wire/a.cpp", "<boost/asio.hpp>"), ("proxy/a.cpp", "<boost/asio.hpp>"), ("proxy/main.cpp", "<yaml-cpp/yaml.h>")]:
            self.assertEqual(self.check(path, included), [1], (path, included))
        for path, included in [("capture/sql/parse_tree.h", "<pg_query.h>"), ("capture/journal.cpp", "<sqlite3.h>"),
                               ("emitters/kafka.cpp", "<librdkafka/rdkafka.h>"), ("proxy/io/tls.cpp", "<openssl/ssl.h>"),
                               ("proxy/io/worker.cpp", "<boost/asio.hpp>"),
                               ("proxy/settings/config.cpp", "<yaml-cpp/yaml.h>")]:
            self.assertEqual(self.check(path, included), [], (path, included))


class NamesOfTwoClasses(unittest.TestCase):
    HEADER = "namespace weir {\nstruct A {\n};\n}  // namespace weir\n"

    def check(self, other, text):
        texts = {"proxy/a.h": self.HEADER.splitlines(), other: text.splitlines()}
        return [finding.partition(": ")[0] for finding in style.names_of_two_classes(texts)]

    def test_seen_by_the_linker(self):
        self.assertEqual(self.check("proxy/b.h", "\n" + self.HEADER), ["proxy/b.h:3"])
        self.assertEqual(self.check("tests/proxy/b_test.cpp", self.HEADER), ["tests/proxy/b_test.cpp:2"])

    def test_not_the_same(self):
        self.assertEqual(self.check("wire/b.h", self.HEADER.replace("weir", "weir::wire")), [])
        self.assertEqual(self.check("proxy/b.h", "namespace weir {\nstruct A;\nstruct A::B {\n};\n}  // namespace weir\n"), [])
        inner = self.HEADER.replace("struct", "namespace {\nstruct").replace("};\n", "};\n}  // namespace\n")
        self.assertEqual(self.check("proxy/b.cpp", inner), [])

    def test_programs_of_their_own(self):
        texts = {f"tests/{folder}/a.h": self.HEADER.splitlines() for folder in ("wire", "proxy")}
        self.assertEqual(list(style.names_of_two_classes(texts)), [])


class Classes(unittest.TestCase):
    def check(self, texts, large=None):
        return list(style.classes_that_do_too_much({path: text.splitlines() for path, text in texts.items()}, large or {}))

    @staticmethod
    def header(members, kind="class", name="A"):
        parts = "".join(f"  int part{i}_ = 0;  // of it\n" for i in range(members))
        return f"namespace weir {{\n{kind} {name} {{\n public:\n  explicit {name}(int x);\n\n private:\n" + parts + \
            "};\n}  // namespace weir\n"

    @staticmethod
    def source(lines, methods=1):
        body = "".join(f"void A::f{i}(int x) {{\n" + "  g();\n" * (lines - 2) + "}\n" for i in range(methods))
        return "namespace weir {\n" + body + "}  // namespace weir\n"

    def test_members(self):
        self.assertEqual(self.check({"wire/a.h": self.header(20)}), [])
        self.assertEqual(self.check({"wire/a.h": self.header(21)}),
                         ["wire/a.h:2: A has 21 members; a class has at most 20"])

    def test_what_is_a_member(self):
        members = ["  std::map<int, std::string> a_;\n", "  int* b_ = nullptr;\n", "  Names names_{rules_};  // x\n",
                   "  std::function<void(int)> f_;\n", "  const char& c_;\n", "  int d_[3];\n", "  } e_ = one;\n"]
        others = ["  int f() const { return a_; }\n", "  using B = int;\n", "  void g(int a_);\n", "    int inner_;\n",
                  "  friend class C;\n", "  static int h_;\n", "  // int x_;\n", "  struct D;\n",
                  "  A& operator=(const A&) = delete;\n"]
        text = "class A {\n" + "".join(members * 3) + "".join(others * 9) + "};\n"
        self.assertEqual(self.check({"wire/a.h": text}), ["wire/a.h:1: A has 21 members; a class has at most 20"])

    def test_structs_that_make_their_own_parts_are_classes(self):
        self.assertEqual(len(self.check({"wire/a.h": self.header(21, "struct")})), 1)
        plain = "struct A {\n" + "  int part = 0;\n" * 30 + "};\n"
        self.assertEqual(self.check({"wire/a.h": plain}), [])

    def test_lines_of_all_its_files(self):
        texts = {"wire/a.h": self.header(1), "wire/a.cpp": self.source(60, 5), "wire/b.cpp": self.source(60, 5)}
        self.assertEqual(self.check(texts), [])
        texts["wire/b.cpp"] = self.source(61, 5)
        self.assertEqual(self.check(texts), ["wire/a.h:2: A has 605 lines of bodies; a class has at most 600"])

    def test_files(self):
        texts = {"wire/a.h": self.header(1), **{f"wire/{name}.cpp": self.source(5) for name in "ab"}}
        self.assertEqual(self.check(texts), [])
        texts["wire/c.cpp"] = self.source(5)
        self.assertEqual(self.check(texts), ["wire/a.h:2: A has methods in 3 files; those of a class are in at most 2"])

    def test_methods_are_those_of_the_class_of_the_namespace(self):
        other = self.source(60, 11).replace("namespace weir", "namespace weir::proxy")
        texts = {"wire/a.h": self.header(1), "proxy/a.cpp": other,
                 "proxy/a.h": self.header(1).replace("namespace weir", "namespace weir::proxy")}
        self.assertEqual(self.check(texts), ["proxy/a.h:2: A has 660 lines of bodies; a class has at most 600"])

    def test_what_a_method_returns(self):
        returns = ["std::optional<B::C>", "std::shared_ptr<const D>", "B::C", "const std::vector<int>&", "D*"]
        text = "namespace weir {\n" + "".join(f"{r} A::f() {{\n" + "  g();\n" * 59 + "}\n" for r in returns * 2) + \
            "}  // namespace weir\n"
        self.assertEqual(self.check({"wire/a.h": self.header(1), "wire/a.cpp": text}),
                         ["wire/a.h:2: A has 610 lines of bodies; a class has at most 600"])

    def test_exceptions_are_named_and_go_when_they_are_none(self):
        self.assertEqual(self.check({"wire/a.h": self.header(21)}, {"weir::A": "why"}), [])
        self.assertEqual(self.check({"wire/a.h": self.header(20)}, {"weir::A": "why"}),
                         ["weir::A is not too large (any more): take it out of LARGE_CLASSES"])

    def test_tests_are_not_looked_at(self):
        self.assertEqual(self.check({"tests/wire/a.h": self.header(30)}), [])


class Readmes(unittest.TestCase):
    FILES = ["wire/README.md", "wire/frame.h", "wire/frame.cpp", "wire/portal_cases.cpp", "wire/run", "tests/wire/frame_test.cpp"]

    def check(self, rule, text, *rest):
        return [line for line, _ in rule("wire/README.md", text.splitlines(), *(rest or [self.FILES]))]

    def test_sources_are_named(self):
        for right in ("`frame.h`, `portal_cases.cpp`", "`frame`, `portal_cases`", "`frame.*` `*_cases`"):
            self.assertEqual(self.check(readmes.unnamed_sources, right), [], right)
        for wrong in ("`frame.h`", "frame `portal_cases`", "`*` `portal_cases`", "`frame_test` `portal_cases`"):
            self.assertEqual(self.check(readmes.unnamed_sources, wrong), [1], wrong)

    def test_named_files_are_there(self):
        table = "| file | what |\n|---|---|\n"
        for right in ("`frame.h`", "`wire/frame.*`", "`frame_test.cpp` and `_test.cpp`", "`NAME.cpp`", "`std::vector`", "`/etc/weir/a.h`",
                      table + "| `frame`, `run` | `anything` |", "a.h", "    weir `a.h`"):
            self.assertEqual(self.check(readmes.files_that_are_not_there, right), [], right)
        for wrong in ("`frames.h`", "`tests/frame.h`", "see `frame.c`"):
            self.assertEqual(self.check(readmes.files_that_are_not_there, wrong), [1], wrong)
        self.assertEqual(self.check(readmes.files_that_are_not_there, table + "| `frame`, `gone` | what |"), [3])

    def test_links_lead_somewhere(self):
        texts = {"wire/README.md": "# wire: a\n## What it *is*\n", "README.md": '<a name="logins"></a>', "wire": "", "x/y.cpp": ""}
        for right in ("[a](../README.md#logins)", "[a](#what-it-is)", "[a](../x/y.cpp)", "[a](../wire)", "[a](http://b/c.md)", "`[a](b)`"):
            self.assertEqual(self.check(readmes.dead_links, right, texts.get), [], right)
        for wrong in ("[a](README.md#logins)", "[a](#what-is-it)", "[a](../x/z.cpp)", "![a](page.webp)"):
            self.assertEqual(self.check(readmes.dead_links, wrong, texts.get), [1], wrong)

    def test_decisions(self):
        whole = "**A.** Context: b,\nc. Choice: d. What would\nchange our mind: e.\n"
        head = "# a\n\n## Decisions\n\n"
        for right in (whole, head + whole, head + "Those of b.\n\n### Of c\n\n" + whole + "\n" + whole, head + "## D\n\n**E.** F."):
            self.assertEqual([line for line, _ in readmes.loose_decisions("a/README.md", right.splitlines())], [], right)
        for wrong, line in ((head + "**A.** Because.", 5), (head + whole + "\n**A.** Context: b. Choice: c.", 9),
                            (head + whole.replace("Choice", "So"), 5), (head + "- " + whole, 5), ("# a\n\nDecisions\n- b", 3)):
            self.assertEqual([line for line, _ in readmes.loose_decisions("a/README.md", wrong.splitlines())], [line], wrong)

    def test_of_a_tree(self):
        texts = {"wire/README.md": "`frame`, [x](y)\n\n## Decisions\n- a", "CONTRIBUTING.md": "[x](y), `z.h`"}
        found = [one.partition(": ")[0] for one in readmes.findings([*self.FILES, "CONTRIBUTING.md"], texts.get)]
        self.assertEqual(found, ["wire/README.md:1", "wire/README.md:1", "wire/README.md:4", "CONTRIBUTING.md:1", "CONTRIBUTING.md:1"])


class TheRest(unittest.TestCase):
    def test_file_size(self):
        self.assertEqual(findings(style.check_file_size, "a.cpp", "x\n" * 600), [])
        self.assertEqual(findings(style.check_file_size, "a.cpp", "x\n" * 601), [1])

    def test_header(self):
        self.assertEqual(findings(style.check_header, "a.h", "// What it is.\n#pragma once\n"), [])
        self.assertEqual(findings(style.check_header, "a.h", "#pragma once\n"), [1])
        self.assertEqual(findings(style.check_header, "a.h", "// What it is.\n"), [1])

    def test_names(self):
        self.assertEqual(findings(style.check_names, "wire/frame.h", "class FrameReader {\n"), [])
        self.assertEqual(findings(style.check_names, "wire/frame.h", "\nclass FrameManager {\n"), [2])
        self.assertEqual(findings(style.check_names, "wire/FrameReader.h", ""), [1])

    def test_documents(self):
        for wrong in ("// see PLAN.md", "// FACTS: it is so", "int a;  // capture/NOTES.md"):
            self.assertEqual(findings(style.check_documents, "capture/a.cpp", wrong), [1], wrong)
        for right in ("// README.md says why", "// proxy/README.md", 'open("PLAN.md");', "// the facts of a table"):
            self.assertEqual(findings(style.check_documents, "capture/a.cpp", right), [], right)

    def test_gap_causes(self):
        for wrong in ('gap.cause = "in doubt";', 'add_gap(table, op, 0, "some words");', 'event::as_gap(change, "words");'):
            self.assertEqual(findings(style.check_gap_causes, "capture/a.cpp", wrong), [1], wrong)
            self.assertEqual(findings(style.check_gap_causes, "tests/a_test.cpp", wrong), [])
        for right in ("gap.cause = to_text(event::GapCause::in_doubt);", 'const char* cause = nullptr; say("x");'):
            self.assertEqual(findings(style.check_gap_causes, "capture/a.cpp", right), [], right)

    def test_readme(self):
        files = ["wire/a.h", "wire/README.md", "emitters/b.h", "examples/README.md", "examples/demo/run.sh", "x.md",
                 "tests/wire/a_test.cpp", "tests/golden/a.txt"]
        self.assertEqual(style.folders_without_readme(files), ["emitters", "examples/demo", "tests", "tests/wire"])


if __name__ == "__main__":
    unittest.main()
