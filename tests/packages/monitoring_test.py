#!/usr/bin/env python3
"""examples/monitoring at work: a real Prometheus scrapes a real Weir, an alert fires when a Kafka broker is stopped and
ends when it is back, and every query of the dashboard is answered there. What promtool says of the files is
tests/examples/monitoring_test.py."""

import json
import pathlib
import re
import shutil
import tempfile
import unittest
import urllib.parse
import urllib.request

import support
from kafka import Kafka

FOLDER = support.ROOT / "examples/monitoring"
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text())


def dashboard_queries():
    """(panel, query) with Grafana's variables replaced as Grafana would."""
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], expand(target["expr"])


def expand(query):
    for name, value in (("$instance", ".*"), ("$__rate_interval", "15s"), ("$__range", "1h")):
        query = query.replace(name, value)
    return query


class Live(unittest.TestCase):
    """One Weir with a broker and a file, and one Prometheus."""

    @classmethod
    def setUpClass(cls):
        support.need("prometheus")
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-monitoring-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        cls.database = support.Postgres()
        cls.addClassCleanup(cls.database.stop)
        cls.broker = Kafka()
        cls.addClassCleanup(cls.broker.remove)
        cls.port, cls.admin, cls.web = (support.free_port() for _ in range(3))
        cls.weir = support.Process(
            [support.BUILD / "weir", "--listen", f"127.0.0.1:{cls.port}", "--upstream", cls.database.uri(), "--admin.listen",
             f"127.0.0.1:{cls.admin}", "--journal", cls.folder / "journal", "--emit", f"kafka://127.0.0.1:{cls.broker.port}/shop", "--emit",
             f"file:{cls.folder}/events"], cls.folder / "weir.log")
        cls.addClassCleanup(cls.weir.stop)
        support.eventually(lambda: support.answers(cls.port) and support.answers(cls.admin), 30, cls.weir.text)
        cls.start_prometheus()

    @classmethod
    def start_prometheus(cls):
        """The example's own files, with this test's port, and looking more often."""
        text = (FOLDER / "prometheus.yml").read_text().replace("127.0.0.1:6433", f"127.0.0.1:{cls.admin}")
        text = text.replace("scrape_interval: 15s", "scrape_interval: 1s\n  evaluation_interval: 1s")
        (cls.folder / "prometheus.yml").write_text(text)
        rules = (FOLDER / "weir.rules.yml").read_text()
        (cls.folder / "weir.rules.yml").write_text(re.sub(r"for: \d+[ms]\b", "for: 3s", rules))
        prometheus = support.Process(
            ["prometheus", f"--config.file={cls.folder}/prometheus.yml", f"--storage.tsdb.path={cls.folder}/tsdb",
             f"--web.listen-address=127.0.0.1:{cls.web}"], cls.folder / "prometheus.log")
        cls.addClassCleanup(prometheus.stop)
        support.eventually(lambda: support.answers(cls.web), 60, prometheus.text)

    def ask(self, path, **parameters):
        address = f"http://127.0.0.1:{self.web}/api/v1/{path}?" + urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(address, timeout=10) as answer:
            return json.load(answer)["data"]

    def query(self, text):
        return self.ask("query", query=text)["result"]

    def firing(self):
        return {alert["labels"]["alertname"] for alert in self.ask("alerts")["alerts"] if alert["state"] == "firing"}

    def write(self, times):
        for _ in range(times):
            support.psql(self.port, "insert into watched (note) values ('x'); update watched set note = 'y' where id = 1")

    def test_a_dashboard_is_answered(self):
        support.psql(self.port, "create table if not exists watched (id serial primary key, note text)")
        self.write(5)
        # A gap, so that what counts gaps has something to show.
        support.psql(self.port, "copy watched (note) from stdin", input="copied\n")
        support.eventually(lambda: self.query("sum(weir_rows_total) > 5"), 30, lambda: str(self.query("weir_rows_total")))
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/readyz", timeout=10) as answer:
            self.assertEqual(answer.status, 200)
        support.eventually(lambda: self.query("weir_upstream_up"), 10)
        self.write(3)
        empty = {}
        for panel, query in dashboard_queries():
            try:
                support.eventually(lambda query=query: self.query(query), 8)
            except AssertionError:
                empty[panel] = query
        # What was never counted is no series.
        allowed = {"Refused logins"}
        self.assertEqual({panel: query for panel, query in empty.items() if panel not in allowed}, {})

    def test_b_an_alert_fires_when_the_broker_is_stopped_and_ends_when_it_is_back(self):
        support.psql(self.port, "create table if not exists watched (id serial primary key, note text)")
        support.eventually(lambda: "WeirDestinationFails" not in self.firing(), 60, lambda: str(self.firing()))
        self.broker.stop()
        self.write(1)
        support.eventually(lambda: "WeirDestinationFails" in self.firing(), 90, lambda: self.weir.text()[-3000:])
        down = self.query("weir_destination_up == 0")
        self.assertEqual([str(self.broker.port) in one["metric"]["destination"] for one in down], [True], down)
        self.broker.start()
        support.eventually(lambda: "WeirDestinationFails" not in self.firing(), 90, lambda: self.weir.text()[-3000:])


if __name__ == "__main__":
    support.main()
