"""A real Kafka broker of one node, from the jars that tests/support/fetch_servers.sh fetched."""

import os
import pathlib
import shutil
import tempfile

import support

PROPERTIES = pathlib.Path(__file__).resolve().parents[1] / "support/kafka/server.properties.in"


class Kafka:
    """May be stopped and started again on the same port, with what it has."""

    def __init__(self):
        support.need("java")
        self.jars = support.DEPS / "kafka/lib"
        if not self.jars.exists():
            support.unavailable("no Kafka: tests/support/fetch_servers.sh kafka")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-packages-kafka-"))
        self.port = support.free_port()
        self.properties = self.folder / "server.properties"
        self.properties.write_text(PROPERTIES.read_text().format(
            port=self.port, controller=support.free_port(), folder=self.folder / "data"))
        self.environment = os.environ | {"LOG_DIR": str(self.folder)}
        support.run(*self.java("kafka.tools.StorageTool"), "format", "-t", "MkU3OEVBNTcwNTJENDM2Qk", "-c", self.properties)
        self.process = None
        self.start()

    def java(self, program):
        return ["java", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-cp", f"{self.jars}/*", program]

    def start(self):
        self.process = support.Process([*self.java("kafka.Kafka"), self.properties], self.folder / "log", cwd=self.folder)
        support.eventually(lambda: support.answers(self.port), 120, lambda: self.process.text()[-2000:])

    def stop(self):
        self.process.stop(30)

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
