#!/usr/bin/env python3
"""`make install` with PREFIX and DESTDIR, and what the installed binary needs from a machine."""

import pathlib
import re
import tempfile
import unittest

import support

# What README.md ("What it runs on") says: libraries whose soname is the same on Debian 12, 13 and Ubuntu 24.04.
LIBRARIES = {"libssl.so.3", "libcrypto.so.3", "libpq.so.5", "libsqlite3.so.0", "librdkafka.so.1", "libcurl.so.4",
             "libstdc++.so.6", "libgcc_s.so.1", "libc.so.6", "libm.so.6"}
# Those of Ubuntu 24.04 (glibc 2.39, GCC 14's runtime); Debian 12's are older, and the build is made there.
NEWEST = {"GLIBC": (2, 36), "GLIBCXX": (3, 4, 30), "CXXABI": (1, 3, 13)}


class Install(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="weir-install-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def installed(self):
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file())

    def test_destdir_and_prefix(self):
        support.run("make", "-s", "install", f"DESTDIR={self.folder}", "PREFIX=/opt/weir", f"BUILD_FOLDER={support.BUILD}",
                    cwd=support.ROOT)
        self.assertTrue(self.installed())
        self.assertEqual([path for path in self.installed() if not path.startswith("opt/weir/")], [])
        self.assertEqual(self.installed()[0], "opt/weir/bin/weir")
        for wanted in ("share/doc/weir/README.md", "share/doc/weir/copyright", "share/doc/weir/examples/weir.yaml",
                       "share/weir/weir.schema.json", "share/man/man1/weir.1.gz", "share/bash-completion/completions/weir",
                       "share/zsh/vendor-completions/_weir", "share/fish/vendor_completions.d/weir.fish"):
            self.assertIn("opt/weir/" + wanted, self.installed())
        version = support.run(self.folder / "opt/weir/bin/weir", "--version").stdout
        self.assertRegex(version, r"^weir \d+\.\d+\.\d+$")

    def test_prefix_alone(self):
        support.run("make", "-s", "install", f"PREFIX={self.folder}", f"BUILD_FOLDER={support.BUILD}", cwd=support.ROOT)
        self.assertIn("bin/weir", self.installed())

    def test_licences_of_what_is_linked_in_are_handed_on(self):
        text = (support.ROOT / "packages/debian/copyright").read_text()
        for library in ("libpg_query", "boost", "yaml-cpp", "spdlog", "fmt"):
            self.assertIn(f"Files: {library}\n", text)


class Needs(unittest.TestCase):
    def test_only_libraries_with_a_stable_name(self):
        dynamic = support.run("readelf", "-d", support.BUILD / "weir").stdout
        needed = set(re.findall(r"NEEDED.*\[(.*)\]", dynamic))
        self.assertEqual(needed - LIBRARIES, set())
        readme = (support.ROOT / "README.md").read_text()
        self.assertEqual([name for name in ("libssl3", "libpq5", "libcurl4", "libsqlite3-0", "librdkafka1", "libstdc++6") if name not in readme], [])

    def test_no_version_of_a_symbol_that_the_oldest_does_not_have(self):
        versions = support.run("readelf", "-V", support.BUILD / "weir").stdout
        for name, newest in NEWEST.items():
            found = {tuple(map(int, v.split("."))) for v in re.findall(rf"\b{name}_([0-9.]+)", versions)}
            self.assertTrue(found, name)
            self.assertLessEqual(max(found), newest, name)

    def test_relocations_are_read_only(self):
        headers = support.run("readelf", "-ld", support.BUILD / "weir").stdout
        self.assertIn("GNU_RELRO", headers)
        self.assertRegex(headers, r"BIND_NOW|FLAGS.*NOW")
        self.assertIn("DYN (Position-Independent Executable file)", support.run("readelf", "-h", support.BUILD / "weir").stdout)


if __name__ == "__main__":
    support.main()
