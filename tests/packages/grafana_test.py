#!/usr/bin/env python3
"""examples/monitoring/dashboard.json against Grafana's own model of a dashboard, its Foundation SDK: whatever Grafana would
not know (a misspelt option, a value of the wrong form, a panel of another plugin) does not come out of it again.

Grafana itself is in no package registry, so it is not run; monitoring_test.py has a real Prometheus answer each query."""

import copy
import json
import sys
import unittest

import support

DASHBOARD = json.loads((support.ROOT / "examples/monitoring/dashboard.json").read_text())
PLACES = {"timeseries", "stat", "table", "bargauge", "gauge", "row", "piechart", "heatmap", "text", "state-timeline"}


def through_grafanas_model(dashboard):
    """Read and written by Grafana's types."""
    sys.path.insert(0, str(support.DEPS / "grafana_sdk"))
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.plugins import register_default_plugins
    from grafana_foundation_sdk.models.dashboard import Dashboard

    register_default_plugins()
    return json.loads(JSONEncoder().encode(Dashboard.from_json(copy.deepcopy(dashboard))))


def lost(before, after, place=""):
    """Where something that stood in `before` does not stand in `after`."""
    if isinstance(before, dict):
        for key, value in before.items():
            if not isinstance(after, dict) or key not in after:
                yield f"{place}/{key}"
            else:
                yield from lost(value, after[key], f"{place}/{key}")
    elif isinstance(before, list):
        if not isinstance(after, list) or len(after) != len(before):
            yield place
            return
        for number, (one, other) in enumerate(zip(before, after)):
            yield from lost(one, other, f"{place}[{number}]")
    elif before != after:
        yield f"{place}: {before!r}"


class Model(unittest.TestCase):
    def setUp(self):
        if not (support.DEPS / "grafana_sdk").is_dir():
            support.unavailable("no Foundation SDK of Grafana's: tests/packages/fetch_images.sh could not fetch it")

    def test_grafana_knows_all_of_it(self):
        self.assertEqual(list(lost(DASHBOARD, through_grafanas_model(DASHBOARD))), [])

    def test_what_grafana_does_not_know_would_be_found(self):
        wrong = copy.deepcopy(DASHBOARD)
        wrong["panels"][0]["fieldConfig"]["defaults"]["unitt"] = "s"
        wrong["panels"][1]["gridPos"]["height"] = 8
        wrong["refreshh"] = "5s"
        found = list(lost(wrong, through_grafanas_model(wrong)))
        self.assertEqual({place.rpartition("/")[2] for place in found}, {"unitt", "height", "refreshh"}, found)

    def test_panels_are_of_grafanas_own_and_do_not_overlap(self):
        taken = {}
        for panel in DASHBOARD["panels"]:
            self.assertIn(panel["type"], PLACES, panel["title"])
            at = panel["gridPos"]
            self.assertLessEqual(at["x"] + at["w"], 24, panel["title"])
            for x in range(at["x"], at["x"] + at["w"]):
                for y in range(at["y"], at["y"] + at["h"]):
                    self.assertNotIn((x, y), taken, (panel["title"], taken.get((x, y))))
                    taken[x, y] = panel["title"]
        numbers = [panel["id"] for panel in DASHBOARD["panels"]]
        self.assertEqual(len(numbers), len(set(numbers)))


class Grafana(unittest.TestCase):
    def test_the_dashboard_loads(self):
        support.unavailable("no package registry here has Grafana: its dashboard is held against Grafana's own model, and its queries against Prometheus")


if __name__ == "__main__":
    support.main()
