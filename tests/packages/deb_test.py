#!/usr/bin/env python3
"""The .deb: what Debian's own tools say of it, and that it installs, runs, upgrades and goes on a bare Debian 12 and 13."""

import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import unittest

import support

FOLDER = None
PACKAGE = None


def setUpModule():
    global FOLDER, PACKAGE
    support.need("cpack", "dpkg-shlibdeps", "dpkg-deb")
    FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="weir-deb-"))
    support.run("cpack", "-G", "DEB", "--config", support.BUILD / "CPackConfig.cmake", "-B", FOLDER / "cpack")
    PACKAGE = next((FOLDER / "cpack").glob("weir_*.deb"))


def tearDownModule():
    if FOLDER:
        shutil.rmtree(FOLDER, ignore_errors=True)


class Package(unittest.TestCase):
    def test_lintian_has_nothing_to_say(self):
        support.need("lintian")
        said = support.run("lintian", "--allow-root", "--fail-on", "error,warning", PACKAGE, check=False)
        self.assertEqual((said.returncode, re.findall(r"^[EW]: .*", said.stdout, re.MULTILINE)), (0, []), said.stdout)

    def test_depends_on_what_the_binary_is_linked_with(self):
        depends = support.run("dpkg-deb", "-f", PACKAGE, "Depends").stdout
        names = {re.split(r"[ (]", word.strip())[0] for word in depends.split(",")}
        self.assertEqual(names - {"libc6", "libgcc-s1", "libstdc++6", "libssl3", "libpq5", "libcurl4", "libsqlite3-0",
                                  "librdkafka1"}, set())
        self.assertLessEqual({"libc6", "libssl3", "libpq5", "libcurl4", "librdkafka1"}, names)

    def test_its_configuration_is_a_conffile_that_weir_takes(self):
        support.run("dpkg-deb", "-x", PACKAGE, FOLDER / "files")
        control = support.run("dpkg-deb", "-I", PACKAGE, "conffiles").stdout.split()
        self.assertEqual(control, ["/etc/weir/weir.yaml"])
        text = (FOLDER / "files/etc/weir/weir.yaml").read_text()
        wrong = FOLDER / "wrong.yaml"
        wrong.write_text(text + "\nnonsense: 1\n")
        said = support.run(support.BUILD / "weir", "--config", wrong, check=False)
        self.assertEqual(len(re.findall(r"wrong\.yaml:\d+", said.stdout)), 1, said.stdout)
        self.assertIn("nonsense", said.stdout)


class Unit(unittest.TestCase):
    def setUp(self):
        support.need("systemd-analyze")
        support.run("dpkg-deb", "-x", PACKAGE, FOLDER / "unit")
        self.unit = FOLDER / "unit/lib/systemd/system/weir.service"

    def test_verify_is_silent(self):
        """An unknown key is only a warning there, so it must say nothing at all; the binary's path is this build's."""
        copy = FOLDER / "weir.service"
        copy.write_text(self.unit.read_text().replace("/usr/bin/weir", str(support.BUILD / "weir")))
        said = support.run("systemd-analyze", "verify", "--man=no", copy)
        self.assertEqual([line for line in said.stdout.splitlines() if "weir" in line], [])

    def test_drop_in_of_the_example_is_taken(self):
        folder = FOLDER / "units"
        (folder / "weir.service.d").mkdir(parents=True)
        (folder / "weir.service").write_text(self.unit.read_text().replace("/usr/bin/weir", str(support.BUILD / "weir")))
        shutil.copy(support.ROOT / "examples/systemd/override.conf", folder / "weir.service.d/override.conf")
        (folder / "postgresql.service").write_text("[Service]\nExecStart=/bin/true\n")
        said = support.run("systemd-analyze", "verify", "--man=no", folder / "weir.service",
                           env=os.environ | {"SYSTEMD_UNIT_PATH": f"{folder}:"})
        self.assertEqual([line for line in said.stdout.splitlines() if "weir" in line or "override" in line], [])

    def test_verify_would_notice(self):
        copy = FOLDER / "weir.service"
        copy.write_text(self.unit.read_text().replace("PrivateTmp=", "PrivateTpm="))
        self.assertIn("PrivateTpm", support.run("systemd-analyze", "verify", "--man=no", copy, check=False).stdout)

    def test_exposure_is_at_most_three(self):
        said = support.run("systemd-analyze", "security", "--offline=true", "--threshold=30", self.unit)
        level = float(re.search(r"exposure level for weir.service: ([\d.]+)", said.stdout).group(1))
        self.assertLessEqual(level, 3.0)
        print(f"exposure {level} ", end="")

    def test_system_calls_that_it_refuses_are_not_needed(self):
        """The names in the unit's filter are systemd's own, so that none is silently empty."""
        for group in re.findall(r"^SystemCallFilter=~?(\S+)", self.unit.read_text(), re.MULTILINE):
            self.assertIn(group, support.run("systemd-analyze", "syscall-filter", group).stdout)


class Root:
    """A Debian in a folder, for chroot; /proc is mounted there while it is used, and nothing of this machine is."""

    def __init__(self, version):
        support.need_root()
        self.path = pathlib.Path(tempfile.mkdtemp(prefix=f"weir-debian-{version}-"))
        support.run("tar", "-xpf", support.bare_debian(version), "-C", self.path, "--exclude=./dev/*")
        shutil.copy("/etc/resolv.conf", self.path / "etc/resolv.conf")
        for name, minor in (("null", 3), ("zero", 5), ("urandom", 9)):
            os.mknod(self.path / "dev" / name, 0o666 | 0o020000, os.makedev(1, minor))
            os.chmod(self.path / "dev" / name, 0o666)
        mounted = support.run("mount", "-t", "proc", "proc", self.path / "proc", check=False)
        if mounted.returncode != 0:
            self.remove()
            support.unavailable(f"/proc cannot be mounted here: {mounted.stdout.strip()}")
        # apt-get must not start anything, and there is no systemd in it.
        (self.path / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
        os.chmod(self.path / "usr/sbin/policy-rc.d", 0o755)

    def run(self, *command, **options):
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
        return support.run("/usr/sbin/chroot", self.path, *command, env=environment, **options)

    def remove(self):
        support.run("umount", self.path / "proc", check=False)
        if not os.path.ismount(self.path / "proc"):
            shutil.rmtree(self.path, ignore_errors=True)


class Bare:
    """From a bare Debian to events, as an administrator does it."""

    VERSION = ""

    @classmethod
    def setUpClass(cls):
        cls.root = Root(cls.VERSION)
        cls.addClassCleanup(cls.root.remove)
        shutil.copy(PACKAGE, cls.root.path / "tmp/weir.deb")
        cls.root.run("apt-get", "-q", "update")
        cls.before = set(cls.root.run("dpkg-query", "-W", "-f", "${Package}\n").stdout.split())
        cls.root.run("apt-get", "-q", "install", "-y", "--no-install-recommends", "/tmp/weir.deb")
        cls.database = support.Postgres()
        cls.addClassCleanup(cls.database.stop)

    def start(self, *arguments, manager=None, port=None):
        port = port or support.free_port()
        environment = {"PATH": "/usr/bin"} | ({"NOTIFY_SOCKET": manager} if manager else {})
        weir = support.Process(["/usr/sbin/chroot", "--userspec=12345:12345", self.root.path, "/usr/bin/weir", "--config", "/etc/weir/weir.yaml",
                                "--listen", f"127.0.0.1:{port}", "--upstream", self.database.uri(),
                                "--journal", "/tmp/state/journal", "--emit", "file:/tmp/state/events", *arguments],
                               self.root.path / "tmp/log", env=environment)
        self.addCleanup(weir.stop)
        return weir, port

    def test_runs_and_tells_systemd(self):
        """The environment is the unit's: another user, an empty one, NOTIFY_SOCKET, and the unit's own command line."""
        state = self.root.path / "tmp/state"
        state.mkdir()
        os.chown(state, 12345, 12345)
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(manager.close)
        manager.bind("\0weir-deb-test-" + str(os.getpid()))
        manager.settimeout(30)
        weir, port = self.start(manager="@weir-deb-test-" + str(os.getpid()))
        heard = manager.recv(1000).decode()
        self.assertTrue(heard.startswith("READY=1\nSTATUS=listening on "), heard)
        support.psql(port, "create table bare (id int primary key, name text); insert into bare values (1, 'Ada')")
        events = state / "events"
        support.eventually(lambda: events.exists() and "Ada" in events.read_text(), 20, weir.text)
        weir.process.terminate()
        self.assertTrue(manager.recv(1000).decode().startswith("STOPPING=1"))
        self.assertEqual(weir.process.wait(20), 0)
        support.psql(self.database.port, "drop table bare")

    def test_takes_few_packages_along(self):
        after = set(self.root.run("dpkg-query", "-W", "-f", "${Package}\n").stdout.split())
        print(f"{len(after - self.before)} packages more ", end="")
        self.assertIn("weir", after)
        self.assertEqual({name for name in after - self.before if re.search("perl|python|systemd|boost", name)}, set())

    def test_z_goes_without_a_trace(self):
        self.root.run("dpkg", "--purge", "weir")
        for path in ("etc/weir", "usr/bin/weir", "lib/systemd/system/weir.service", "usr/share/doc/weir", "var/lib/weir"):
            self.assertFalse((self.root.path / path).exists(), path)


class Debian12(Bare, unittest.TestCase):
    VERSION = "12"


class Debian13(Bare, unittest.TestCase):
    """Its libraries have the sonames of Ubuntu 24.04's (libssl3t64, libpq5, librdkafka1)."""

    VERSION = "13"


class Ubuntu2404(unittest.TestCase):
    def test_runs_on_its_libraries(self):
        support.unavailable("no package registry here has Ubuntu 24.04: install_test compares sonames and symbol versions only")


if __name__ == "__main__":
    support.main()
