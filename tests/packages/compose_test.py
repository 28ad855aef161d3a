#!/usr/bin/env python3
"""All services of examples/compose/compose.yaml together, started in its order with its own settings.

No package registry has images, so postgres:17 and apache/kafka:3.9.1 cannot be pulled: Debian's PostgreSQL and the jars of the
same Kafka take their places as processes, set up from the file's environment by the rules that these images state. Weir is
the release binary with the image's configuration; image_test.py runs the same service in a container."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import support
import yaml

FILE = support.ROOT / "examples/compose/compose.yaml"
SERVICES = yaml.safe_load(FILE.read_text())["services"]


def kafkas_properties(environment):
    """As apache/kafka's image makes them: KAFKA_A_B is a.b, two underscores are one, three a hyphen. Where there is any, none of its
    own configuration is used."""
    found = {}
    for name, value in environment.items():
        if name.startswith("KAFKA_"):
            key = name.removeprefix("KAFKA_").replace("___", "-").replace("__", "\0").replace("_", ".").replace("\0", "_")
            found[key.lower()] = str(value)
    return found


def mounted(service):
    return {volume.split(":")[1] for volume in service.get("volumes", [])}


class Database(support.Postgres):
    """What postgres:17 makes of POSTGRES_PASSWORD and POSTGRES_DB: a superuser with that password, which every client by TCP
    is asked for, and the database."""

    def __init__(self, environment):
        super().__init__()
        support.psql(self.port, f"alter role postgres password '{environment['POSTGRES_PASSWORD']}'")
        support.psql(self.port, f"create database {environment['POSTGRES_DB']}")
        (self.folder / "data/pg_hba.conf").write_text("local all all trust\nhost all all all scram-sha-256\n")
        support.psql(self.port, "select pg_reload_conf()", host=self.folder)


class Broker:
    """apache/kafka with this environment; its names, ports and folders are those of this machine."""

    def __init__(self, environment, folder):
        self.jars = support.DEPS / "kafka/lib"
        self.port, self.controller = support.free_port(), support.free_port()
        properties = kafkas_properties(environment)
        for key, value in properties.items():
            value = value.replace("://:", "://127.0.0.1:").replace("kafka:", "127.0.0.1:")
            properties[key] = value.replace(":9092", f":{self.port}").replace(":9093", f":{self.controller}")
        properties["log.dirs"] = str(folder / "data")
        file = folder / "server.properties"
        file.write_text("".join(f"{key}={value}\n" for key, value in properties.items()))
        java = ["java", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-cp", f"{self.jars}/*"]
        environment = os.environ | {"LOG_DIR": str(folder)}
        support.run(*java, "kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qk", "-c", file, env=environment)
        self.process = support.Process([*java, "kafka.Kafka", file], folder / "kafka.log", cwd=folder, env=environment)

    def wait(self):
        support.eventually(lambda: support.answers(self.port), 120, lambda: self.process.text()[-3000:])


class File(unittest.TestCase):
    def test_what_kafka_keeps_is_in_its_volume(self):
        """With any setting in the environment the image's own log.dirs is not used, and Kafka's default is /tmp/kafka-logs."""
        self.assertIn(kafkas_properties(SERVICES["kafka"]["environment"]).get("log.dirs", "/tmp/kafka-logs"), mounted(SERVICES["kafka"]))

    def test_what_weir_keeps_is_in_its_volume(self):
        journal = yaml.safe_load((support.ROOT / "packages/container.yaml").read_text())["journal"]["path"]
        self.assertIn(str(pathlib.PurePath(journal).parent), mounted(SERVICES["weir"]))

    def test_the_rule_for_names(self):
        self.assertEqual(kafkas_properties({"KAFKA_A_B": 1, "KAFKA_A__B": 2, "KAFKA_A___B": 3, "OTHER": 4}),
                         {"a.b": "1", "a_b": "2", "a-b": "3"})


class Together(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        support.need("kcat", "java")
        if not (support.DEPS / "kafka/lib").exists():
            support.unavailable("no Kafka: tests/support/fetch_servers.sh kafka")
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-compose-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        cls.broker = Broker(SERVICES["kafka"]["environment"], cls.folder)  # nothing depends on it, so nobody waits for it
        cls.addClassCleanup(cls.broker.process.stop, 30)
        cls.database = Database(SERVICES["postgres"]["environment"])
        cls.addClassCleanup(cls.database.stop)
        cls.check_health()
        cls.start_weir()

    @classmethod
    def check_health(cls):
        """Its healthcheck, word for word, where its server listens."""
        kind, *words = SERVICES["postgres"]["healthcheck"]["test"]
        assert kind == "CMD" and SERVICES["weir"]["depends_on"]["postgres"]["condition"] == "service_healthy"
        place = os.environ | {"PGHOST": str(cls.database.folder), "PGPORT": str(cls.database.port)}
        words[0] = support.POSTGRESQL / words[0]
        support.eventually(lambda: support.run(*words, env=place, check=False).returncode == 0, 60)

    @classmethod
    def start_weir(cls):
        """The image's configuration, then the file's environment; what listens and where the journal is are this machine's."""
        cls.port, cls.admin = support.free_port(), support.free_port()
        environment = {name: value.replace("@postgres:5432", f"@127.0.0.1:{cls.database.port}").replace("kafka:9092", f"127.0.0.1:{cls.broker.port}")
                       for name, value in SERVICES["weir"]["environment"].items()}
        environment |= {"WEIR_CONFIG": str(support.ROOT / "packages/container.yaml"), "WEIR_LISTEN": f"127.0.0.1:{cls.port}",
                        "WEIR_ADMIN_LISTEN": f"127.0.0.1:{cls.admin}", "WEIR_JOURNAL_PATH": str(cls.folder / "journal")}
        cls.environment = {"PATH": os.environ["PATH"]} | environment
        cls.weir = support.Process([support.BUILD / "weir"], cls.folder / "weir.log", env=cls.environment)
        cls.addClassCleanup(cls.weir.stop)
        support.eventually(lambda: support.answers(cls.port), 30, cls.weir.text)

    def psql(self, statement, password="postgres"):
        return support.psql(self.port, statement, database="shop", check=False, env=os.environ | {"PGPASSWORD": password})

    def test_a_write_through_weir_is_read_from_kafka(self):
        """As the README has it: psql with the password, and a consumer of all of the shop's topics."""
        done = self.psql("create table composed (id int primary key); insert into composed values (1)")
        self.assertEqual(done.returncode, 0, done.stdout + self.weir.text())
        self.broker.wait()
        read = ("timeout", "15", "kcat", "-b", f"127.0.0.1:{self.broker.port}", "-q", "-X", "auto.offset.reset=earliest", "-c", "1", "-G", "readers",
                r"^shop\..*")
        support.eventually(lambda: '"id":1' in support.run(*read, check=False, stderr=subprocess.DEVNULL).stdout, 90, self.weir.text)

    def test_nobody_comes_in_without_the_password(self):
        self.assertIn("password authentication failed", self.psql("select 1", "wrong").stdout)

    def test_weir_asks_its_own_questions_with_the_files_password(self):
        """The healthcheck of its image: the database answers, the journal is writable."""
        ready = (support.BUILD / "weir", "check", "--ready")
        support.eventually(lambda: support.run(*ready, env=self.environment, check=False).returncode == 0, 60,
                           lambda: support.run(*ready, env=self.environment, check=False).stdout + self.weir.text())


if __name__ == "__main__":
    support.main()
