#!/usr/bin/env python3
"""Runs the demo as `make demo` does: what it shows, and that it leaves nothing behind, also after Ctrl-C."""

import os
import pathlib
import pty
import re
import signal
import subprocess
import sys
import tempfile
import unittest
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
WEIR = ""
SECONDS = 80


def processes_that_name(folder):
    """Command lines of running processes that mention this folder."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # ended meanwhile
        if folder in line:
            found.append(line)
    return found


class Demo(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="weir-demo-test-")
        self.addCleanup(self.folder.cleanup)
        os.chmod(self.folder.name, 0o755)  # PostgreSQL's user must get through

    def start(self):
        return subprocess.Popen([ROOT / "examples/demo/run.sh", WEIR], text=True, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, start_new_session=True,
                                env=os.environ | {"TMPDIR": self.folder.name})

    def assert_nothing_left(self):
        self.assertEqual(os.listdir(self.folder.name), [])
        self.assertEqual(processes_that_name(self.folder.name), [])

    def test_shows_what_was_committed_and_says_what_was_not(self):
        demo = self.start()
        output, _ = demo.communicate(timeout=SECONDS)
        self.assertEqual(demo.returncode, 0, output)
        events = re.findall(r"^   [\d:.]+ \d+ (\w+) (.*)$", output, re.MULTILINE)
        self.assertEqual([operation for operation, _ in events],
                         ["INSERT"] * 3 + ["UPDATE"] * 2 + ["INSERT"] * 2 + ["UPDATE"] * 2 +
                         ["INSERT", "UPDATE", "DELETE"], output)
        self.assertEqual(events[0][1].split()[:3], ["public.orders", "id=1", "customer=Ada"])
        self.assertNotIn("\x1b[", output)  # no colour where there is no terminal
        for text in ("12 events", "weir_events_released_total 12", "/metrics", "ROLLBACK TO SAVEPOINT;", "the statement failed", "violates check constraint"):
            self.assertIn(text, output)
        for _, rest in events:
            self.assertNotRegex(rest, r"Bob|\bwrap\b|stock=-")
        self.assert_nothing_left()

    def test_on_a_terminal_it_goes_on_until_enter_with_page_and_metrics(self):
        terminal, its_end = pty.openpty()
        environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
        demo = subprocess.Popen([ROOT / "examples/demo/run.sh", WEIR], stdin=its_end, stdout=its_end, stderr=its_end,
                                start_new_session=True, env=environment | {"TMPDIR": self.folder.name})
        self.addCleanup(demo.kill)
        os.close(its_end)
        shown = ""
        while shown.count("customer=Dora") < 2:
            shown += os.read(terminal, 65536).decode(errors="replace")
        page = re.search(r"Weir's page: (http://127\.0\.0\.1:\d+/)", shown).group(1)
        with urllib.request.urlopen(page, timeout=10) as answer:
            self.assertIn("<title>", answer.read().decode())
        with urllib.request.urlopen(page + "metrics", timeout=10) as answer:
            events = re.search(r"^weir_events_released_total (\d+)", answer.read().decode(), re.MULTILINE)
        self.assertGreaterEqual(int(events.group(1)), 14)
        os.write(terminal, b"\n")
        self.assertEqual(demo.wait(SECONDS), 0)
        os.close(terminal)
        self.assert_nothing_left()

    def test_cleans_up_after_ctrl_c(self):
        demo = self.start()
        for line in demo.stdout:
            if "Bob changes his mind" in line:
                break
        os.killpg(demo.pid, signal.SIGINT)  # as a terminal does it: to the whole group
        output, _ = demo.communicate(timeout=SECONDS)
        self.assertEqual(demo.returncode, 130, output)
        self.assert_nothing_left()

    def test_cleans_up_when_only_the_script_is_ended(self):
        demo = self.start()
        for line in demo.stdout:
            if "Ada orders" in line:
                break
        demo.send_signal(signal.SIGTERM)
        demo.communicate(timeout=SECONDS)
        self.assertEqual(demo.returncode, 143)
        self.assert_nothing_left()


if __name__ == "__main__":
    WEIR = sys.argv.pop(1)
    unittest.main(verbosity=2)
