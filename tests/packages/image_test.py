#!/usr/bin/env python3
"""The Dockerfile, built by buildah from what git has, and the image run as README.md says: nobody in particular, a
read-only root, no capability, no new privileges; against a real PostgreSQL."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time
import unittest

import yaml

import support
from containers import Containers
from kafka import Kafka

IMAGE = "localhost/weir:test"
HARDENED = ["--read-only", "--cap-drop", "all", "--security-opt", "no-new-privileges"]
containers = None


def context(folder):
    """What `docker build .` of a fresh clone has, and libpg_query's source where it was fetched already."""
    listing = support.run("git", "ls-files", "-co", "--exclude-standard", "-z", cwd=support.ROOT).stdout
    for name in filter(None, listing.split("\0")):
        if (support.ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(support.ROOT / name, folder / name)
    if (support.DEPS / "libpg_query").exists():
        shutil.copytree(support.DEPS / "libpg_query", folder / ".deps/libpg_query", symlinks=True)


def build_image(store):
    with tempfile.TemporaryDirectory(prefix="weir-context-") as folder:
        context(pathlib.Path(folder))
        # A compiler's cache is lent to the build, as a developer's own docker would keep its layers. Paths below /src
        # count as relative, so what CCACHE_BASEDIR made outside is found.
        cache = pathlib.Path(os.environ.get("CCACHE_DIR", pathlib.Path.home() / ".cache/ccache"))
        cache.mkdir(parents=True, exist_ok=True)
        settings = store.folder / "ccache.conf"
        settings.write_text("base_dir = /src\nhash_dir = false\n"
                            "sloppiness = pch_defines,time_macros,include_file_mtime,include_file_ctime\n")
        store.buildah("bud", "--isolation", "chroot", "--pull-never", "--format", "docker", "--volume", f"{cache}:/root/.cache/ccache",
                      "--volume", f"{settings}:/etc/ccache.conf:ro", "--layers=false", "-t", IMAGE, folder)


def setUpModule():
    global containers
    containers = Containers()
    unittest.addModuleCleanup(containers.remove)
    build_image(containers)


class Image(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.database = support.Postgres()
        cls.addClassCleanup(cls.database.stop)

    def start(self, *options, environment=()):
        port = support.free_port()
        variables = {"WEIR_LISTEN": f"127.0.0.1:{port}", "WEIR_UPSTREAM": self.database.uri(), "WEIR_EMIT": "stdout"} | dict(environment)
        began = time.monotonic()
        name = f"weir-{port}"
        containers.podman("run", "--detach", "--name", name, *containers.plain(), *HARDENED, *options,
                          *(word for pair in variables.items() for word in ("--env", "=".join(pair))), IMAGE)
        self.addCleanup(containers.podman, "rm", "--force", "--time", "5", name, check=False)
        support.eventually(lambda: support.answers(port), 30, lambda: containers.podman("logs", name).stdout)
        return name, port, time.monotonic() - began

    def test_relays_and_emits_with_a_read_only_root(self):
        name, port, took = self.start()
        support.psql(port, "create table boxed (id int primary key); insert into boxed values (7)")
        support.eventually(lambda: '"table":"boxed"' in containers.podman("logs", name).stdout, 20,
                           lambda: containers.podman("logs", name).stdout)
        print(f"started in {took:.2f} s, {containers.size(IMAGE) / 1e6:.0f} MB ", end="")
        support.psql(self.database.port, "drop table boxed")

    def test_runs_as_nobody_in_particular_and_without_capabilities(self):
        name, _, _ = self.start()
        pid = int(containers.podman("inspect", "--format", "{{.State.Pid}}", name).stdout)
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        self.assertRegex(status, r"\nUid:\t10001\t10001\t10001\t10001\n")
        self.assertRegex(status, r"\nCapEff:\t0+\n")
        self.assertRegex(status, r"\nNoNewPrivs:\t1\n")

    def test_healthcheck_tells_ready_from_not(self):
        """podman's own timer needs systemd, so the command of the image is run as it would be."""
        name, _, _ = self.start()
        health = json.loads(containers.podman("image", "inspect", IMAGE).stdout)[0]
        test = (health.get("Healthcheck") or health["Config"]["Healthcheck"])["Test"]
        self.assertEqual(test[0], "CMD", "no shell is needed")
        containers.podman("exec", name, *test[1:])
        port = support.free_port()
        self.assertNotEqual(containers.podman("exec", "--env", f"WEIR_LISTEN=127.0.0.1:{port}", name, *test[1:], check=False).returncode, 0)

    def test_journal_is_in_the_volume_and_outlives_the_container(self):
        volume = f"weir-{support.free_port()}"
        containers.podman("volume", "create", volume)
        self.addCleanup(containers.podman, "volume", "rm", "--force", volume, check=False)
        broker = support.free_port()  # nobody listens there: what is written waits
        variables = {"WEIR_EMIT": f"kafka://127.0.0.1:{broker}/boxes"}
        name, port, _ = self.start("--volume", f"{volume}:/var/lib/weir", environment=variables)
        support.psql(port, "create table kept (id int primary key); insert into kept values (1)")
        containers.podman("kill", "--signal", "KILL", name)
        containers.podman("rm", "--force", name)
        shown = containers.podman("run", "--rm", *containers.plain(), *HARDENED, "--volume", f"{volume}:/var/lib/weir", IMAGE,
                                  "journal", "export").stdout
        self.assertIn('"table":"kept"', shown)
        support.psql(self.database.port, "drop table kept")

    def test_stops_at_once_and_well(self):
        name, _, _ = self.start()
        containers.podman("stop", "--time", "15", name)
        self.assertEqual(containers.podman("inspect", "--format", "{{.State.ExitCode}}", name).stdout.strip(), "0")

    def test_nothing_of_the_build_is_left_in_it(self):
        found = containers.podman("run", "--rm", *containers.plain(), "--entrypoint", "/bin/sh", IMAGE, "-c",
                                  "command -v g++ cmake git; find /src /deb /var/lib/apt/lists -type f 2>/dev/null; true").stdout
        self.assertEqual(re.findall(r"\S+", found), [])


class Compose(unittest.TestCase):
    """examples/compose: there are no images of PostgreSQL and Kafka here, so real servers of this machine take their place, and
    Weir's service is run as the file says."""

    @classmethod
    def setUpClass(cls):
        support.need("kcat")
        cls.services = yaml.safe_load((support.ROOT / "examples/compose/compose.yaml").read_text())
        cls.weir = cls.services["services"]["weir"]
        cls.database = support.Postgres()
        cls.addClassCleanup(cls.database.stop)
        cls.broker = Kafka()
        cls.addClassCleanup(cls.broker.remove)
        support.psql(cls.database.port, "create database shop")

    def test_what_it_names_is_there(self):
        services, volumes = self.services["services"], self.services["volumes"]
        for name, service in services.items():
            for other, condition in service.get("depends_on", {}).items():
                self.assertIn(other, services)
                self.assertTrue(condition["condition"] != "service_healthy" or "healthcheck" in services[other], name)
            for volume in service.get("volumes", []):
                self.assertIn(volume.split(":")[0], volumes)
        self.assertTrue((support.ROOT / "examples/compose" / self.weir["build"] / "Dockerfile").exists())
        self.assertIn("127.0.0.1:6432:6432", self.weir["ports"])

    def test_its_weir_takes_writes_to_its_kafka(self):
        port = support.free_port()
        environment = {name: value.replace("@postgres:5432", f"@127.0.0.1:{self.database.port}").replace("kafka:9092", f"127.0.0.1:{self.broker.port}")
                       for name, value in self.weir["environment"].items()} | {"WEIR_LISTEN": f"127.0.0.1:{port}"}
        options = ["--read-only"] if self.weir["read_only"] else []
        options += [word for capability in self.weir["cap_drop"] for word in ("--cap-drop", capability)]
        options += [word for option in self.weir["security_opt"] for word in ("--security-opt", option.partition(":")[0])]
        name = f"weir-compose-{port}"
        containers.podman("run", "--detach", "--name", name, *containers.plain(), *options,
                          *(word for pair in environment.items() for word in ("--env", "=".join(pair))), IMAGE)
        self.addCleanup(containers.podman, "rm", "--force", "--time", "5", name, check=False)
        support.eventually(lambda: support.answers(port), 30, lambda: containers.podman("logs", name).stdout)
        support.psql(port, "create table composed (id int primary key); insert into composed values (1)", database="shop")
        read = ("kcat", "-b", f"127.0.0.1:{self.broker.port}", "-C", "-t", "shop.public.composed", "-o", "beginning", "-e", "-q")
        support.eventually(lambda: '"id":1' in support.run(*read, check=False, stderr=subprocess.DEVNULL).stdout, 60,
                           lambda: containers.podman("logs", name).stdout)


if __name__ == "__main__":
    support.main()
