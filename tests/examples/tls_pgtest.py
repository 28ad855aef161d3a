#!/usr/bin/env python3
"""Does what examples/tls/README.md says, with a throwaway PostgreSQL: logs in through Weir with channel binding on both
sides, sees what is emitted, and that a wrong password, a plain connection and an old version of TLS are refused."""

import json
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

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples/tls"
BINARIES = pathlib.Path("/usr/lib/postgresql/15/bin")
WEIR = ""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Tls(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-tls-test-"))
        self.addCleanup(shutil.rmtree, self.folder)
        os.chmod(self.folder, 0o755)
        self.tls = self.folder / "tls"
        self.tls.mkdir()
        subprocess.run([EXAMPLE / "certificates.sh", self.tls], check=True)
        self.start_database()
        self.password = os.urandom(24).hex()
        self.psql("-h", self.folder, "-p", str(self.port), "-v", "password=" + self.password, "-f", EXAMPLE / "verifier.sql")
        self.psql("-h", self.folder, "-p", str(self.port), "-c", "CREATE ROLE ann LOGIN PASSWORD 'secret'", "-c",
                  "CREATE TABLE orders (id int PRIMARY KEY, customer text)", "-c", "GRANT ALL ON orders TO ann")
        self.start_weir()

    def as_postgres(self, *arguments):
        user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        extra = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
        return subprocess.run([str(a) for a in arguments], check=True, capture_output=True, text=True, cwd="/", **extra)

    def start_database(self):
        data = self.folder / "data"
        data.mkdir()
        if os.geteuid() == 0:
            for path in (data, self.folder, self.tls / "database.key", self.tls / "database.crt"):
                shutil.chown(path, "postgres", "postgres")
        os.chmod(self.tls, 0o755)
        self.port = free_port()
        self.as_postgres(BINARIES / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-N")
        with open(data / "postgresql.conf", "a", encoding="ascii") as settings:
            settings.write(f"port = {self.port}\nunix_socket_directories = '{self.folder}'\nssl = on\n"
                           f"ssl_cert_file = '{self.tls}/database.crt'\nssl_key_file = '{self.tls}/database.key'\n")
        (data / "pg_hba.conf").write_text("local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n")
        self.as_postgres(BINARIES / "pg_ctl", "-D", data, "-w", "-l", self.folder / "log", "start")
        self.addCleanup(self.as_postgres, BINARIES / "pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
        subprocess.run(["createdb", "-h", self.folder, "-p", str(self.port), "-U", "postgres", "shop"], check=True)

    def psql(self, *arguments):
        subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-U", "postgres", *[str(a) for a in arguments], "shop"],
                       check=True)

    def start_weir(self):
        self.weir_port = free_port()
        self.events = self.folder / "events"
        environment = os.environ | {"TLS": str(self.tls), "DATABASE_HOST": "127.0.0.1", "DATABASE_PORT": str(self.port),
                                    "AUTH_PASSWORD": self.password}
        with open(self.events, "w", encoding="utf-8") as out, open(self.folder / "weir.log", "w", encoding="utf-8") as log:
            weir = subprocess.Popen([WEIR, "--config", EXAMPLE / "weir.yaml", "--listen", f"127.0.0.1:{self.weir_port}",
                                     "--journal", self.folder / "journal"], stdout=out, stderr=log, env=environment)
        self.addCleanup(weir.wait)
        self.addCleanup(weir.terminate)
        for _ in range(200):
            if weir.poll() is not None or "listening on" in self.log():
                break
            time.sleep(0.05)
        self.assertIsNone(weir.poll(), self.log())

    def log(self):
        return (self.folder / "weir.log").read_text(encoding="utf-8")

    def log_in(self, more, sql="SELECT 1", password="secret"):
        conninfo = f"host=127.0.0.1 port={self.weir_port} dbname=shop user=ann sslrootcert={self.tls}/ca.crt {more}"
        return subprocess.run(["psql", "-XAtq", conninfo, "-c", sql], capture_output=True, text=True, timeout=60,
                              env=os.environ | {"PGPASSWORD": password})

    def test_logins_are_bound_on_both_sides(self):
        bound = "sslmode=verify-full channel_binding=require"
        done = self.log_in(bound, "INSERT INTO orders VALUES (1, 'Ada')")
        self.assertEqual(done.returncode, 0, done.stderr + self.log())
        for _ in range(200):
            if self.events.read_text(encoding="utf-8"):
                break
            time.sleep(0.05)
        event = json.loads(self.events.read_text(encoding="utf-8").splitlines()[0])
        self.assertEqual(event["payload"]["after"] if "payload" in event else event["after"], {"id": 1, "customer": "Ada"})

        self.assertIn("password authentication failed", self.log_in(bound, password="wrong").stderr)
        self.assertIn("without TLS are refused", self.log_in("sslmode=disable").stderr)
        self.assertIn("protocol version", self.log_in("sslmode=require ssl_max_protocol_version=TLSv1.2").stderr)
        self.assertIn("ann@shop, psql): login refused: password authentication failed", self.log())
        self.assertIn("ann@shop, psql): login refused: connections without TLS are refused here (tls.required)", self.log())


if __name__ == "__main__":
    WEIR = os.path.abspath(sys.argv.pop(1))
    unittest.main()
