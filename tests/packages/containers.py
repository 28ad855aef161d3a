"""buildah and podman for the tests: images and containers in a folder of their own, and what they need on a machine
without systemd: runc in place of crun, cgroups by files, the host's network (a bridge would leave rules behind)."""

import json
import os
import pathlib
import shutil
import tempfile

import support

BASE = "docker.io/library/debian:12-slim"


class Containers:
    """Removed with all that it holds by `remove`."""

    def __init__(self):
        support.need_root()
        support.need("buildah", "podman", "runc")
        archive = support.bare_debian("12")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-containers-", dir="/var/tmp"))
        configuration = self.folder / "containers.conf"
        configuration.write_text('[containers]\ndefault_ulimits=["nofile=4096:4096","nproc=4096:4096"]\n'
                                 '[engine]\nruntime="runc"\ncgroup_manager="cgroupfs"\nevents_logger="file"\n')
        self.environment = os.environ | {"CONTAINERS_CONF": str(configuration), "TMPDIR": str(self.folder)}
        self.store = ["--root", str(self.folder / "root"), "--runroot", str(self.folder / "run")]
        self.podman("import", archive, BASE)
        probe = self.podman("run", "--rm", *self.plain(), BASE, "/bin/true", check=False)
        if probe.returncode != 0:
            self.remove()
            support.unavailable(f"podman with runc starts no container here: {probe.stdout.strip().splitlines()[-1]}")

    @staticmethod
    def plain():
        return ["--network", "host", "--pull", "never", "--no-healthcheck"]

    def podman(self, *command, **options):
        return support.run("podman", *self.store, *command, env=self.environment, **options)

    def buildah(self, *command, **options):
        return support.run("buildah", *self.store, *command, env=self.environment, **options)

    def size(self, image):
        return json.loads(self.podman("image", "inspect", image).stdout)[0]["Size"]

    def make_client_image(self, name):
        """A stand-in for applications: Debian with psql, pg_isready and wget."""
        file = self.folder / "client.Dockerfile"
        file.write_text(f"FROM {BASE}\nRUN apt-get update && apt-get install -y --no-install-recommends postgresql-client-15 wget\n")
        self.buildah("bud", "--isolation", "chroot", "--pull-never", "-t", name, "-f", file, self.folder)

    def remove(self):
        self.podman("rm", "--all", "--force", "--time", "5", check=False)
        self.podman("rmi", "--all", "--force", check=False)
        support.run("buildah", *self.store, "rm", "--all", env=self.environment, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)
