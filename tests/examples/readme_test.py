#!/usr/bin/env python3
"""README.md's reference of settings is the one weir prints, and the commands it names exist."""

import pathlib
import re
import subprocess
import sys
import tempfile
import textwrap
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
WEIR = ""


class Readme(unittest.TestCase):
    maxDiff = None

    def test_reference_is_what_weir_prints(self):
        printed = subprocess.run([WEIR, "--reference"], capture_output=True, text=True, check=True).stdout
        between = re.search(r"<!-- weir --reference -->\n(.*?)<!-- end -->", README, re.DOTALL)
        self.assertIsNotNone(between, "README.md has no reference between its two comments")
        self.assertEqual(between.group(1).strip().splitlines(), printed.strip().splitlines(),
                         "paste the output of `weir --reference` into README.md")

    def test_yaml_example_is_accepted(self):
        """A wrong key behind the example is the only complaint, so everything before it was right."""
        example = re.search(r"\n\n((?:    .*\n)*    emit:\n(?:    .*\n)+)\n", README).group(1)
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(textwrap.dedent(example) + "\nnonsense: 1\n")
            file.flush()
            refused = subprocess.run([WEIR, "--config", file.name], capture_output=True, text=True, timeout=10)
        self.assertNotEqual(refused.returncode, 0)
        complaints = [line for line in refused.stderr.splitlines() if file.name in line]
        self.assertEqual(len(complaints), 1, refused.stderr)
        self.assertIn("nonsense", complaints[0])

    def test_make_commands_exist(self):
        targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
        named = set(re.findall(r"\bmake ([a-z-]+)`", README)) | set(re.findall(r"^ *make ([a-z-]+)", README, re.MULTILINE))
        self.assertGreater(len(named), 3)
        self.assertEqual(named - targets, set())

    def test_links_lead_somewhere(self):
        links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
        self.assertEqual([link for link in links if not (ROOT / link).exists()], [])

    def test_version_is_the_changelogs(self):
        version = subprocess.run([WEIR, "--version"], capture_output=True, text=True, check=True).stdout
        newest = re.search(r"^## \[?(\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
        self.assertIn(newest.group(1), version)


if __name__ == "__main__":
    WEIR = sys.argv.pop(1)
    unittest.main(verbosity=2)
