"""What is deployed to Prometheus and Grafana: read by their own tools, and tried against series."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
MONITORING = HERE.parents[2] / "playbooks/files/monitoring"
RULES = MONITORING / "lockstep-rules.yml"
TESTS = HERE / "lockstep-rules-test.yml"


def promtool(*words: str) -> None:
    done = subprocess.run(["promtool", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_can_be_loaded() -> None:
    promtool("check", "rules", str(RULES))


def test_the_rules_wake_whom_they_should_and_nobody_else() -> None:
    promtool("test", "rules", str(TESTS))


def test_every_rule_is_tried_both_ways() -> None:
    names = [rule["alert"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    tried: dict[str, set[bool]] = {name: set() for name in names}
    for test in yaml.safe_load(TESTS.read_text())["tests"]:
        for one in test["alert_rule_test"]:
            tried[one["alertname"]].add(bool(one["exp_alerts"]))
    fires = {name for name, outcomes in tried.items() if True in outcomes}
    assert fires == set(names)
    # of the overflows one mirror fires and another does not, in one and the same test
    assert {name for name, outcomes in tried.items() if outcomes != {True, False}} <= {"LockstepOverflows"}


@pytest.fixture
def dashboard() -> Any:
    return json.loads((MONITORING / "lockstep-dashboard.json").read_text())


def test_no_panel_lies_on_another_and_each_asks_the_chosen_data_source(dashboard: Any) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24, panel["title"]
        assert not cells & taken, panel["title"]
        taken |= cells
        assert {target["datasource"]["uid"] for target in panel["targets"]} == {"${datasource}"}
    identities = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(identities)) == len(identities)
