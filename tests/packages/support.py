"""What the tests of packages share: commands, a throwaway PostgreSQL, ports, and how they are run and counted.

A machine that cannot run something (no namespaces, no such program) is no failure of Weir: `unavailable` skips the test
with the reason, and run.py prints each reason as a line of its own and counts it. Whatever a test starts ends with it,
by its process id. Used on one thread.
"""

import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from xml.sax.saxutils import quoteattr

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPS = pathlib.Path(os.environ.get("WEIR_DEPS", ROOT / ".deps"))
BUILD = pathlib.Path(os.environ.get("WEIR_BUILD", ROOT / "build-packages"))
POSTGRESQL = pathlib.Path("/usr/lib/postgresql/15/bin")


def run(*command, **options):
    """The finished command, with its output as text; an AssertionError with that output where it failed."""
    check = options.pop("check", True)
    done = subprocess.run([str(word) for word in command], text=True, stdout=subprocess.PIPE,
                          stderr=options.pop("stderr", subprocess.STDOUT), **options)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout[-4000:]}")
    return done


def unavailable(reason):
    raise unittest.SkipTest(reason)


def need(*programs):
    for program in programs:
        if shutil.which(program) is None:
            unavailable(f"{program} is not installed")


def need_root():
    if os.geteuid() != 0:
        unavailable("only root may do this")


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def eventually(condition, seconds=30, what="what was waited for"):
    """The first true value of the condition."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.05)


def answers(port, host="127.0.0.1"):
    try:
        socket.create_connection((host, port), timeout=1).close()
        return True
    except OSError:
        return False


class Process:
    """A program in the background, its output in a file; ended with SIGTERM, and by force after ten seconds."""

    def __init__(self, command, log, **options):
        self.log = pathlib.Path(log)
        with open(self.log, "ab") as output:
            self.process = subprocess.Popen([str(word) for word in command], stdout=output, stderr=output,
                                            stdin=subprocess.DEVNULL, **options)

    def text(self):
        return self.log.read_text(errors="replace")

    def running(self):
        return self.process.poll() is None

    def stop(self, seconds=10):
        if self.running():
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode


class Postgres:
    """A cluster of Debian's PostgreSQL 15 in a temporary folder, on a free port of 127.0.0.1; trust for everybody."""

    def __init__(self, port=None, settings=()):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-packages-pg-"))
        self.port = port or free_port()
        self.owner = {}
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self.owner = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        run(POSTGRESQL / "initdb", "-D", self.folder / "data", "-U", "postgres", "-A", "trust", "--no-sync",
            cwd=self.folder, **self.owner)
        arguments = [word for line in ("listen_addresses=127.0.0.1", f"port={self.port}", f"unix_socket_directories={self.folder}",
                                       *settings) for word in ("-c", line)]
        self.process = Process([POSTGRESQL / "postgres", "-D", self.folder / "data", *arguments], self.folder / "log",
                               cwd=self.folder, **self.owner)
        eventually(lambda: run(POSTGRESQL / "pg_isready", "-q", "-h", "127.0.0.1", "-p", self.port, check=False).returncode == 0,
                   60, lambda: self.process.text()[-2000:])

    def uri(self):
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def stop(self):
        self.process.process.send_signal(2)  # fast shutdown
        self.process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def psql(port, statement, host="127.0.0.1", database="postgres", **options):
    return run(POSTGRESQL / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", host, "-p", port, "-U", "postgres",
               "-c", statement, database, **options)


def bare_debian(version):
    """The archive of a bare Debian, or a skipped test."""
    archive = DEPS / "images" / f"debian-{version}.tar"
    if not archive.exists():
        unavailable(f"no bare Debian {version}: tests/packages/fetch_images.sh could not make one")
    return archive


class Report(unittest.TextTestResult):
    """Remembers every case for the report that tests/run.py counts."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.cases = []

    def addSuccess(self, test):
        super().addSuccess(test)
        self.cases.append((test.id(), ""))

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.cases.append((test.id(), f"<skipped message={quoteattr(reason)}/>"))

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.cases.append((test.id(), "<failure/>"))

    def addError(self, test, error):
        super().addError(test, error)
        self.cases.append((test.id(), "<failure/>"))


def main():
    """Runs the calling program's tests; leaves a report in the form of GoogleTest's where WEIR_RESULTS names a file."""
    runner = unittest.TextTestRunner(verbosity=2, resultclass=Report, stream=sys.stdout)
    result = unittest.main(module="__main__", testRunner=runner, exit=False).result
    report = os.environ.get("WEIR_RESULTS")
    if report:
        lines = []
        for name, inside in result.cases:
            suite, _, case = name.rpartition(".")
            lines.append(f'<testcase name={quoteattr(case)} classname={quoteattr(suite)} status="run">{inside}</testcase>')
        pathlib.Path(report).parent.mkdir(parents=True, exist_ok=True)
        pathlib.Path(report).write_text('<testsuites machine="may lack something">' + "".join(lines) + "</testsuites>\n")
    sys.exit(0 if result.wasSuccessful() and result.testsRun else 1)
