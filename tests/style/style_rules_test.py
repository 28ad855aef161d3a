#!/usr/bin/env python3
"""Shows each rule of style.py a file that breaks it and one that does not."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import style  # noqa: E402  (beside this file)


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
