#!/usr/bin/env python3
"""The live page of a running Weir in headless Chromium, light and dark, wide and narrow.

    tests/page/page_test.py WEIR [--screenshots FOLDER]
"""

import argparse
import os
import pathlib
import pwd
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import browser as browsers

POSTGRES = pathlib.Path("/usr/lib/postgresql/15/bin")
WEIR = ""
SCREENSHOTS = None
MARKUP = "<img src=x onerror=window.planted=1>"


def wait_for(what, condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"never came: {what}")
        time.sleep(0.1)


class Stage:
    """PostgreSQL, and Weir in front of it with one destination that works and one that does not."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-page-"))
        self.as_user = {}
        if os.getuid() == 0:
            owner = pwd.getpwnam("postgres")
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
            self.as_user = {"user": "postgres", "group": owner.pw_gid, "extra_groups": []}
        self.processes = []
        self.postgres, self.port, self.admin = (browsers.free_port() for _ in range(3))
        subprocess.run([POSTGRES / "initdb", "-D", self.folder / "data", "-U", "postgres", "-A", "trust", "--no-sync"],
                       check=True, cwd=self.folder, stdout=subprocess.DEVNULL, **self.as_user)
        self.start([POSTGRES / "postgres", "-D", self.folder / "data", "-p", str(self.postgres), "-c",
                    "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={self.folder}"], **self.as_user)
        wait_for("PostgreSQL", lambda: self.psql("SELECT 1", self.postgres).returncode == 0)
        self.psql("CREATE DATABASE shop", self.postgres)
        self.start([WEIR, "--listen", f"127.0.0.1:{self.port}", "--admin.listen", f"127.0.0.1:{self.admin}",
                    "--upstream", f"postgresql://postgres@127.0.0.1:{self.postgres}/shop",
                    "--journal", self.folder / "journal", "--emit", f"file:{self.folder}/orders.ndjson",
                    "--emit", "kafka://127.0.0.1:1/shop"])
        wait_for("Weir", lambda: self.psql("SELECT 1").returncode == 0)

    def start(self, command, **more):
        with open(self.folder / "log", "ab") as log:
            os.chmod(self.folder / "log", 0o666)
            self.processes.append(subprocess.Popen([str(part) for part in command], cwd=self.folder, stdout=log,
                                                   stderr=log, **more))

    def psql(self, sql, port=None, application="psql"):
        where = f"host=127.0.0.1 port={port or self.port} user=postgres dbname={'postgres' if port else 'shop'}"
        return subprocess.run(["psql", "-XqAt", where, "-c", sql], capture_output=True, text=True,
                              env=os.environ | {"PGAPPNAME": application})

    def write(self):
        """What a shop does, with gaps: rows that no event shows."""
        setup = """CREATE TABLE customers (id int PRIMARY KEY, name text);
            CREATE TABLE orders (id int PRIMARY KEY, customer int, total numeric, note text);
            CREATE TABLE order_lines (order_id int, line int, article text, PRIMARY KEY (order_id, line));
            CREATE TABLE prices (id int PRIMARY KEY, price numeric);"""
        for statement in setup.split(";"):
            if statement.strip():
                self.psql(statement)
        for n in range(1, 41):
            self.psql(f"INSERT INTO customers VALUES ({n}, 'planted-name-{n}')")
            self.psql(f"INSERT INTO orders SELECT {n} * 10 + g, {n}, 9.5 * g, 'planted-note' FROM generate_series(0, 4) g")
            self.psql(f"INSERT INTO order_lines SELECT {n}, g, 'article ' || g FROM generate_series(1, 3) g")
        self.psql("UPDATE orders SET total = total + 1 WHERE customer < 20")
        self.psql("DELETE FROM order_lines WHERE line = 3")
        self.psql("COPY prices FROM PROGRAM 'seq -f \"%.0f,1.5\" 1 12' WITH (FORMAT csv)")
        self.psql("PREPARE p AS INSERT INTO customers VALUES (1000, 'x'); EXECUTE p")

    def close(self):
        for process in reversed(self.processes):
            process.terminate()
        for process in reversed(self.processes):
            process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)


class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stage = Stage()
        cls.addClassCleanup(cls.stage.close)
        cls.browser = browsers.Browser()
        cls.addClassCleanup(cls.browser.close)
        cls.browser.look(1180, 900, "light")
        cls.browser.open(f"http://127.0.0.1:{cls.stage.admin}/")
        wait_for("the first snapshot", lambda: "Sessions" in cls.browser.text())
        cls.holder = subprocess.Popen(
            ["psql", "-Xq", f"host=127.0.0.1 port={cls.stage.port} user=postgres dbname=shop"], stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL, env=os.environ | {"PGAPPNAME": MARKUP[:60]})
        cls.addClassCleanup(cls.holder.communicate)
        cls.stage.write()
        cls.stopping = threading.Event()
        cls.addClassCleanup(cls.stopping.set)
        cls.writer = threading.Thread(target=cls.go_on)
        cls.writer.start()
        cls.addClassCleanup(cls.writer.join)
        cls.addClassCleanup(cls.stopping.set)
        wait_for("all tables", lambda: "public.order_lines" in cls.browser.text())
        wait_for("a failing destination", lambda: "failing" in cls.browser.text())
        time.sleep(10)  # a curve needs some points

    @classmethod
    def go_on(cls):
        n = 1000
        while not cls.stopping.wait(0.02):
            n += 1
            cls.stage.psql(f"INSERT INTO orders VALUES ({n}, 1, 3.5, 'planted-note'); "
                           f"UPDATE customers SET name = 'planted-{n}' WHERE id = {n % 40 + 1}")

    def see(self, name, width, height, scheme):
        self.browser.look(width, height, scheme)
        time.sleep(1.5)
        if SCREENSHOTS:
            self.browser.screenshot(SCREENSHOTS / f"{name}.webp")

    def background(self):
        return self.browser.run("return getComputedStyle(document.body).backgroundColor")

    def test_shows_what_there_is(self):
        text = self.browser.text()
        for wanted in ("public.orders", "public.customers", "kafka://127.0.0.1:1/shop", "failing", "streaming",
                       "ready, a destination fails", "insert", "update", "public.prices"):
            self.assertIn(wanted, text)
        self.assertRegex(text, r"COPY FROM: the server does not tell.*To do: load with INSERT", "what to do about a gap")

    def test_the_numbers_move(self):
        read = "return +document.querySelector('#tiles .under').textContent.replace(/[^0-9]/g, '')"
        before = self.browser.run(read)
        wait_for("more transactions", lambda: self.browser.run(read) > before)
        self.assertGreater(float(self.browser.run("return parseFloat(document.querySelector('#tiles .number').textContent)")), 0)
        self.assertTrue(self.browser.run("return document.querySelector('#tiles svg path') !== null"))

    def test_no_value_and_no_markup_of_a_client_gets_in(self):
        html = self.browser.run("return document.documentElement.outerHTML")
        self.assertNotIn("planted-", html)
        self.assertIn("onerror", self.browser.text(), "shown as text")
        self.assertIsNone(self.browser.run("return window.planted === undefined ? null : window.planted"))

    def test_wide_and_narrow_light_and_dark(self):
        seen = {}
        for scheme in ("light", "dark"):
            for name, width, height in (("wide", 1180, 900), ("narrow", 400, 860)):
                self.see(f"{name}-{scheme}", width, height, scheme)
                overflow = self.browser.run(
                    "return document.documentElement.scrollWidth - document.documentElement.clientWidth")
                self.assertLessEqual(overflow, 0, f"{name} {scheme} scrolls sideways")
                outside = self.browser.run(
                    "return [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > "
                    "document.documentElement.clientWidth + 1).map(e => e.tagName + '.' + e.className)")
                self.assertEqual(outside, [], f"{name} {scheme}")
                seen[scheme] = self.background()
        self.assertNotEqual(seen["light"], seen["dark"])

    def test_the_browser_has_no_complaint(self):
        self.assertEqual(self.browser.complaints(), [])


class Ended(unittest.TestCase):
    def test_says_that_weir_does_not_answer(self):
        stage = Stage()
        self.addCleanup(stage.close)
        browser = browsers.Browser()
        self.addCleanup(browser.close)
        browser.open(f"http://127.0.0.1:{stage.admin}/")
        wait_for("the first snapshot", lambda: "Sessions" in browser.text())
        stage.processes[-1].terminate()
        wait_for("the end", lambda: "no answer from Weir" in browser.text())


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("weir", type=pathlib.Path)
    parser.add_argument("--screenshots", type=pathlib.Path)
    arguments, rest = parser.parse_known_args()
    WEIR = arguments.weir.resolve()
    SCREENSHOTS = arguments.screenshots
    if SCREENSHOTS:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)
