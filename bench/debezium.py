"""Debezium Server 3.0 as a user would run it, beside a PostgreSQL of its own with wal_level=logical (.deps/debezium)."""

import subprocess
import time

import servers

PREFIX = "debezium"
PROPERTIES = """debezium.sink.type=kafka
debezium.sink.kafka.producer.bootstrap.servers=127.0.0.1:{kafka}
debezium.sink.kafka.producer.key.serializer=org.apache.kafka.common.serialization.StringSerializer
debezium.sink.kafka.producer.value.serializer=org.apache.kafka.common.serialization.StringSerializer
debezium.format.key.schemas.enable=false
debezium.format.value.schemas.enable=false
debezium.source.connector.class=io.debezium.connector.postgresql.PostgresConnector
debezium.source.plugin.name=pgoutput
debezium.source.snapshot.mode=no_data
debezium.source.offset.storage.file.filename={folder}/offsets.dat
debezium.source.database.hostname=127.0.0.1
debezium.source.database.port={database}
debezium.source.database.user=bench
debezium.source.database.password=bench
debezium.source.database.dbname=bench
debezium.source.topic.prefix={prefix}
quarkus.http.host=127.0.0.1
quarkus.http.port={port}
quarkus.log.level=WARN
quarkus.log.console.json=false
"""


def is_streaming(database):
    found = subprocess.run(["psql", "-X", "-A", "-t", "-h", "127.0.0.1", "-p", str(database.port), "-U", "bench", "-d",
                            "bench", "-c", "SELECT count(*) FROM pg_replication_slots WHERE active"],
                           capture_output=True, text=True, check=True)
    return found.stdout.strip() == "1"


def start(folder, deps, database, kafka):
    """`database` is one with wal_level=logical; returns when its changes are read."""
    home, port = folder.path / PREFIX, servers.free_port()
    (home / "config").mkdir(parents=True)
    (home / "config" / "application.properties").write_text(
        PROPERTIES.format(kafka=kafka.port, folder=home, database=database.port, prefix=PREFIX, port=port))
    folder.own(home)
    classes = ":".join(str(path) for path in (*(deps / "server").glob("debezium-server-dist-*-runner.jar"),
                                              home / "config", deps / "server/lib/*"))
    server = servers.Server(folder, PREFIX, [deps / "java/bin/java", "-cp", classes, "io.debezium.server.Main"], port,
                            as_root=True, cwd=home)
    deadline = time.monotonic() + servers.START_SECONDS
    while not is_streaming(database):
        if server.process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"Debezium does not stream:\n{server.log.read_text(errors='replace')[-3000:]}")
        time.sleep(0.1)
    return server
