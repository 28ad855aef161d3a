#!/usr/bin/env python3
"""The .deb on a Debian 12 that runs systemd (in a container without network), beside Debian's own PostgreSQL: installed,
started, written through, killed, reloaded, upgraded, purged, as an administrator does it. The unit's protections are real here."""

import re
import shutil
import unittest

import support
from containers import BASE, Containers

IMAGE = "localhost/systemd:test"


class Service(unittest.TestCase):
    """One machine for all cases, which run in the order of their names."""

    @classmethod
    def setUpClass(cls):
        cls.containers = Containers()
        cls.addClassCleanup(cls.containers.remove)
        store = cls.containers
        support.run("cpack", "-G", "DEB", "--config", support.BUILD / "CPackConfig.cmake", "-B", store.folder / "deb")
        shutil.copy(next((store.folder / "deb").glob("weir_*.deb")), store.folder / "weir.deb")
        file = store.folder / "Dockerfile"
        # The package's dependencies are fetched while there is a network; the package itself is installed in the machine.
        file.write_text(f"FROM {BASE}\nRUN apt-get update && apt-get install -y --no-install-recommends systemd dbus postgresql-15\n"
                        "COPY weir.deb /root/weir.deb\nRUN apt-get install -y /root/weir.deb && dpkg --purge weir\n")
        store.buildah("bud", "--isolation", "chroot", "--pull-never", "-t", IMAGE, "-f", file, store.folder)
        store.podman("run", "--detach", "--name", "machine", "--systemd", "always", "--privileged", "--network", "none", "--pull", "never",
                     "--no-healthcheck", IMAGE, "/lib/systemd/systemd")
        try:
            support.eventually(lambda: cls.inside("systemctl", "is-system-running", check=False).stdout.strip() in ("running", "degraded"), 60)
        except AssertionError:
            support.unavailable("systemd does not come up in a container here")
        cls.inside("systemctl", "start", "postgresql@15-main")
        cls.inside("runuser", "-u", "postgres", "--", "psql", "-c", "create role shop superuser login password 'shop'")

    @classmethod
    def inside(cls, *command, **options):
        return cls.containers.podman("exec", "machine", *command, **options)

    def psql(self, statement, **options):
        return self.inside("psql", "-X", "-q", "-A", "-t", "postgresql://shop:shop@127.0.0.1:6432/postgres?sslmode=disable", "-c", statement, **options)

    def property(self, name):
        return self.inside("systemctl", "show", "--value", "-p", name, "weir").stdout.strip()

    def journal(self):
        return self.inside("journalctl", "--no-pager", "-u", "weir").stdout

    def events(self):
        return self.inside("cat", "/var/lib/weir/events.ndjson", check=False).stdout

    def test_1_installation_starts_nothing(self):
        self.inside("dpkg", "-i", "/root/weir.deb")
        self.assertEqual(self.property("ActiveState"), "inactive")
        self.assertEqual(self.inside("systemctl", "is-enabled", "weir", check=False).stdout.strip(), "disabled")

    def test_2_is_started_when_it_listens(self):
        self.inside("systemctl", "enable", "--now", "weir")
        self.psql("create table kept (id int primary key); insert into kept values (1)")
        self.assertIn("listening on 127.0.0.1:6432", self.property("StatusText"))
        support.eventually(lambda: '"after":{"id":1}' in self.events(), 20, self.journal)

    def test_3_is_protected(self):
        status = self.inside("cat", f"/proc/{self.property('MainPID')}/status").stdout
        user = int(re.search(r"^Uid:\t(\d+)", status, re.MULTILINE).group(1))
        self.assertTrue(61184 <= user <= 65519, status)  # DynamicUser's range
        self.assertRegex(status, r"\nSeccomp:\t2\n")
        self.assertRegex(status, r"\nNoNewPrivs:\t1\n")
        self.assertRegex(status, r"\nCapBnd:\t0+\n")
        self.assertEqual(self.inside("stat", "-c", "%a", "/var/lib/private/weir").stdout.strip(), "750")
        level = re.search(r"exposure level for weir.service: ([\d.]+)", self.inside("systemd-analyze", "security", "weir").stdout)
        self.assertLessEqual(float(level.group(1)), 3.0)

    def test_4_no_system_call_was_refused_that_it_needs(self):
        self.psql("create table many (id int primary key, v text); insert into many select i, repeat('x', 1000) from generate_series(1, 20000) i")
        support.eventually(lambda: '"after":{"id":20000,' in self.inside("tail", "-c", "3000", "/var/lib/weir/events.ndjson").stdout, 60,
                           self.journal)
        self.assertNotIn("not permitted", self.journal())

    def test_5_comes_back_when_it_is_killed(self):
        before = self.property("MainPID")
        self.inside("systemctl", "kill", "--signal", "KILL", "weir")
        support.eventually(lambda: self.property("MainPID") not in ("0", before) and self.property("ActiveState") == "active", 30, self.journal)
        self.psql("insert into kept values (2)")
        support.eventually(lambda: '"after":{"id":2}' in self.inside("tail", "-c", "3000", "/var/lib/weir/events.ndjson").stdout, 20, self.journal)

    def test_6_reload_keeps_it_and_an_upgrade_restarts_it(self):
        before = self.property("MainPID")
        self.inside("systemctl", "reload", "weir")
        self.psql("select 1")
        self.assertEqual(self.property("MainPID"), before)
        self.inside("dpkg", "-i", "/root/weir.deb")
        support.eventually(lambda: self.property("ActiveState") == "active" and self.property("MainPID") not in ("0", before), 30, self.journal)

    def test_7_a_wrong_setting_is_a_failed_start_that_names_it(self):
        self.inside("sh", "-c", "cp /etc/weir/weir.yaml /root/good.yaml; echo 'nonsense: 1' >> /etc/weir/weir.yaml")
        self.assertNotEqual(self.inside("systemctl", "restart", "weir", check=False).returncode, 0)
        self.assertIn("nonsense", self.journal())
        self.inside("sh", "-c", "cp /root/good.yaml /etc/weir/weir.yaml; systemctl reset-failed weir; systemctl restart weir")

    def test_8_stops_well(self):
        self.inside("systemctl", "stop", "weir")
        self.assertEqual((self.property("Result"), self.property("ExecMainStatus")), ("success", "0"), self.journal())

    def test_9_purge_leaves_nothing(self):
        self.inside("dpkg", "--purge", "weir")
        found = self.inside("sh", "-c", "ls -d /etc/weir /var/lib/weir /var/lib/private/weir /usr/bin/weir /etc/systemd/system/*/weir.service 2>/dev/null; true")
        self.assertEqual(found.stdout.split(), [])


if __name__ == "__main__":
    support.main()
