#!/usr/bin/env python3
"""examples/kubernetes: each manifest and what the chart makes of several values against Kubernetes' own schemas, each
configuration in them read by Weir, and pods of them played by podman against a real PostgreSQL."""

import json
import os
import pathlib
import re
import shutil
import tempfile
import unittest

import yaml

import support
from containers import Containers
from image_test import IMAGE, build_image

FOLDER = support.ROOT / "examples/kubernetes"
CHART = FOLDER / "chart"
MANIFESTS = sorted(FOLDER.glob("*.yaml"))
VALUES = {
    "default": {},
    "tls": {"tls": {"secret": "weir-tls", "required": False}},
    "all": {"replicas": 3, "tls": {"secret": "weir-tls"}, "secretVariables": {"KAFKA_PASSWORD": {"name": "kafka", "key": "password"}},
            "config": {"upstream": "postgresql://db:5432", "emit": [{"uri": "kafka://k:9092/a", "kafka": {"sasl.password": "${KAFKA_PASSWORD}"}}]},
            "journal": {"size": "1Gi", "storageClass": "fast"}, "nodeSelector": {"disk": "ssd"},
            "tolerations": [{"key": "db", "operator": "Exists"}], "podAnnotations": {}},
}


def helm():
    program = support.DEPS / "helm/helm"
    if not program.exists():
        support.unavailable("no helm: tests/packages/fetch_images.sh helm (Go's proxy)")
    return program


def validate(path):
    folder = support.DEPS / "kubernetes_validate"
    if not folder.exists():
        support.unavailable("no kubernetes-validate: tests/packages/fetch_images.sh kubernetes_validate")
    return support.run("/usr/bin/python3", "-m", "kubernetes_validate", "--strict", path,
                       env=os.environ | {"PYTHONPATH": str(folder)}, check=False)


def rendered(values):
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(values, file)
        file.flush()
        return support.run(helm(), "template", "shop", CHART, "-f", file.name).stdout


def configurations(text):
    for document in yaml.safe_load_all(text):
        if document and document["kind"] == "ConfigMap":
            yield document["data"]["weir.yaml"]


def complaints_of_weir(text):
    """What Weir says of this configuration with one more, wrong key: that key is to be the only one."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(text + "\nnonsense: 1\n")
        file.flush()
        said = support.run(support.BUILD / "weir", "--config", file.name, check=False, env=os.environ | {"KAFKA_PASSWORD": "x"})
    return [line for line in said.stdout.splitlines() if file.name in line]


class Manifests(unittest.TestCase):
    def test_are_what_kubernetes_takes(self):
        for path in MANIFESTS:
            with self.subTest(path.name):
                said = validate(path)
                self.assertEqual(said.returncode, 0, said.stdout)
                documents = [one for one in yaml.safe_load_all(path.read_text()) if one]
                self.assertEqual(len(re.findall("passed for resource", said.stdout)), len(documents), said.stdout)

    def test_a_wrong_type_would_be_seen(self):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write((FOLDER / "sidecar.yaml").read_text().replace("replicas: 1", "replicas: one"))
            file.flush()
            self.assertNotEqual(validate(file.name).returncode, 0)

    def test_weir_takes_each_configuration(self):
        found = [text for path in MANIFESTS for text in configurations(path.read_text())]
        self.assertEqual(len(found), 2)
        for text in found:
            said = complaints_of_weir(text)
            self.assertEqual(len(said), 1, said)
            self.assertIn("nonsense", said[0])

    def test_sidecar_starts_before_and_outlasts_the_application(self):
        pod = next(d for d in yaml.safe_load_all((FOLDER / "sidecar.yaml").read_text()) if d["kind"] == "Deployment")["spec"]["template"]["spec"]
        weir = pod["initContainers"][0]
        self.assertEqual(weir["restartPolicy"], "Always")
        self.assertIn("startupProbe", weir)
        timeout = int(re.search(r"timeout_ms: (\d+)", (FOLDER / "sidecar.yaml").read_text()).group(1)) / 1000
        self.assertGreater(pod["terminationGracePeriodSeconds"], timeout + 10)


class Chart(unittest.TestCase):
    def setUp(self):
        helm()

    def test_lint(self):
        said = support.run(helm(), "lint", "--strict", CHART).stdout
        self.assertIn("1 chart(s) linted, 0 chart(s) failed", said)
        self.assertNotIn("[WARNING]", said)

    def test_is_what_kubernetes_takes_with_any_values(self):
        for name, values in VALUES.items():
            with self.subTest(name), tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
                file.write(rendered(values))
                file.flush()
                said = validate(file.name)
                self.assertEqual(said.returncode, 0, said.stdout)
                self.assertEqual(len(re.findall("passed for resource", said.stdout)), 3, said.stdout)

    def test_weir_takes_what_it_makes_of_them(self):
        for name, values in VALUES.items():
            with self.subTest(name):
                [text] = configurations(rendered(values))
                said = complaints_of_weir(text)
                self.assertEqual(len(said), 1, said)
                self.assertIn("nonsense", said[0])

    def test_values_arrive(self):
        [text] = configurations(rendered(VALUES["all"]))
        weir = yaml.safe_load(text)
        self.assertEqual(weir["upstream"], "postgresql://db:5432")
        self.assertEqual(weir["tls"]["required"], True)
        self.assertEqual(weir["emit"][0]["kafka"]["sasl.password"], "${KAFKA_PASSWORD}")
        self.assertEqual(weir["listen"], "*:6432")


class Pods(unittest.TestCase):
    """podman plays pods, but neither Jobs nor native sidecars (4.3): the pod is taken out of the file, Weir stands among
    its containers, a Secret is a folder, and names of this machine take the place of the cluster's. All else is the file's."""

    APPLICATION = "localhost/application:test"

    @classmethod
    def setUpClass(cls):
        cls.containers = Containers()
        cls.addClassCleanup(cls.containers.remove)
        build_image(cls.containers)
        cls.containers.make_client_image(cls.APPLICATION)
        cls.make_certificate()
        cls.database = support.Postgres(settings=("ssl=on", f"ssl_cert_file={cls.certificate}", f"ssl_key_file={cls.key}"))
        cls.addClassCleanup(cls.database.stop)
        support.psql(cls.database.port, "create role shop superuser login")
        support.psql(cls.database.port, "create database shop")

    @classmethod
    def make_certificate(cls):
        """The database's, which signs itself: the manifests ask for verify-full."""
        folder = tempfile.TemporaryDirectory(prefix="weir-certificate-")
        cls.addClassCleanup(folder.cleanup)
        os.chmod(folder.name, 0o755)
        cls.secret = pathlib.Path(folder.name, "secret")
        cls.secret.mkdir(mode=0o755)
        cls.certificate, cls.key = pathlib.Path(folder.name, "crt"), pathlib.Path(folder.name, "key")
        support.run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=db", "-addext",
                    "subjectAltName=IP:127.0.0.1", "-keyout", cls.key, "-out", cls.certificate)
        shutil.chown(cls.key, "postgres")

    def play(self, file, kind, changes):
        """Starts the pod of the file's `kind`; the ports of Weir's two listeners."""
        port, admin = support.free_port(), support.free_port()
        text = (FOLDER / file).read_text().replace("6432", str(port)).replace("6433", str(admin))
        text = text.replace("shop-db:5432", f"127.0.0.1:{self.database.port}").replace("weir:0.1.0", IMAGE)
        for old, new in changes.items():
            self.assertIn(old, text)
            text = text.replace(old, new)
        documents = []
        for document in yaml.safe_load_all(text):
            if document["kind"] == "Secret":
                for name, value in document["stringData"].items():
                    (self.secret / name).write_text(value)
                continue
            if document["kind"] == kind:
                pod = document["spec"]["template"]["spec"]
                for sidecar in pod.pop("initContainers", []):
                    sidecar.pop("restartPolicy")
                    pod["containers"].append(sidecar)
                for volume in pod.get("volumes", []):
                    if "secret" in volume:  # podman 4.3 does not mount one that is written as stringData
                        del volume["secret"]
                        volume["hostPath"] = {"path": str(self.secret), "type": "Directory"}
                for container in pod["containers"]:
                    container["imagePullPolicy"] = "Never"
                    container.pop("ports", None)  # the host's network has them as they are
                    if container["image"] == IMAGE:
                        container.setdefault("env", []).append({"name": "WEIR_ADMIN_LISTEN", "value": f"127.0.0.1:{admin}"})
                    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                        container.pop(probe, None)  # podman's need systemd
                document = {"apiVersion": "v1", "kind": "Pod", "metadata": document["metadata"], "spec": pod}
            documents.append(document)
        played = self.containers.folder / file
        played.write_text(yaml.safe_dump_all(documents))
        self.addCleanup(self.containers.podman, "kube", "down", played, check=False)
        self.containers.podman("kube", "play", "--network", "host", played)
        return port, admin

    def logs(self, container):
        return self.containers.podman("logs", container).stdout

    def state(self, container):
        [found] = json.loads(self.containers.podman("inspect", container).stdout)
        return found["State"]

    def test_job_ends_with_its_application(self):
        support.psql(self.database.port, "create table carts (id int primary key, touched timestamptz); "
                     "insert into carts values (1, '2020-01-01'), (2, now())", database="shop")
        self.play("job.yaml", "Job", {"postgres:17-alpine": self.APPLICATION, "kafka://kafka:9092/shop": "stdout"})
        support.eventually(lambda: not self.state("nightly-weir")["Running"], 60, lambda: self.logs("nightly-weir"))
        self.assertEqual(self.state("nightly-weir")["ExitCode"], 0, self.logs("nightly-weir"))
        self.assertEqual(self.state("nightly-nightly")["ExitCode"], 0, self.logs("nightly-nightly"))
        events = [line for line in self.logs("nightly-weir").splitlines() if '"table":"carts"' in line]
        self.assertEqual(len(events), 1, self.logs("nightly-weir"))
        self.assertIn('"op":"d"', events[0])

    def test_sidecar_with_its_configuration_volume_and_secret(self):
        indented = self.certificate.read_text().strip().replace("\n", "\n    ")
        port, _ = self.play("sidecar.yaml", "Deployment", {
            "(the certificate of the authority that signed the database's)": indented,
            "kafka://kafka:9092/shop": "file:/var/lib/weir/events", "image: shop:1": f"image: {self.APPLICATION}\n          command: [sleep, '300']"})
        support.eventually(lambda: support.answers(port), 30, lambda: self.logs("shop-weir"))
        self.containers.podman("exec", "shop-shop", "psql", "-h", "127.0.0.1", "-p", port, "-U", "shop", "-d", "shop",
                               "-c", "create table orders (id int primary key)", "-c", "insert into orders values (5)")
        volume = self.containers.podman("volume", "inspect", "--format", "{{.Mountpoint}}", "shop-weir-journal").stdout.strip()
        support.eventually(lambda: os.path.exists(volume + "/events") and '"table":"orders"' in open(volume + "/events").read(), 20,
                           lambda: self.logs("shop-weir"))


if __name__ == "__main__":
    support.main()
