#!/usr/bin/env python3
"""The rules and the dashboard of examples/monitoring: promtool takes them, and every metric in them is one that Weir has."""

import json
import pathlib
import re
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "examples" / "monitoring"
METRICS = set(re.findall(r"^\| `((?:weir|process)_\w+)` \|", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE))


def promtool(*arguments):
    return subprocess.run(["promtool", *arguments], cwd=FOLDER, capture_output=True, text=True)


def queries():
    dashboard = json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))
    return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


def named(text):
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"\b(?:weir|process)_[a-z_]+", text)}


class Monitoring(unittest.TestCase):
    def test_promtool_takes_the_configuration_and_the_rules(self):
        checked = promtool("check", "config", "prometheus.yml")
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def test_rules_fire_when_they_should(self):
        tested = promtool("test", "rules", "weir.rules.test.yml")
        self.assertEqual(tested.returncode, 0, tested.stdout + tested.stderr)

    def test_every_metric_is_one_of_weirs(self):
        self.assertGreater(len(METRICS), 30)
        rules = (FOLDER / "weir.rules.yml").read_text(encoding="utf-8")
        expressions = " ".join(re.findall(r"expr: (.*)", rules))
        self.assertEqual(named(expressions) - METRICS, set())
        for query in queries():
            self.assertNotEqual(named(query), set(), query)
            self.assertEqual(named(query) - METRICS, set(), query)

    def test_every_query_of_the_dashboard_is_promql(self):
        """As a recording rule, which promtool parses."""
        texts = [query.replace("$__rate_interval", "1m").replace("$__range", "1h").replace("$instance", ".*") for query in queries()]
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "queries.yml"
            rules = [{"record": f"panel:query:{n}", "expr": text} for n, text in enumerate(texts)]
            path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
            checked = promtool("check", "rules", str(path))
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
