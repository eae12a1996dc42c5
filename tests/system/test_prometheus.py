"""A real Prometheus scrapes a running watcher, takes the collection's rules, and raises its alert."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Rig
from ports import free_port
from rig import wait_for

MONITORING = Path(__file__).parents[2] / "playbooks/files/monitoring"
TOKEN = "only-for-this-test-0123"


class Prometheus:
    def __init__(self, folder: Path, watcher: int) -> None:
        program = shutil.which("prometheus")
        assert program, "prometheus is missing: tests/install-needs prometheus"
        self.url = f"http://127.0.0.1:{free_port()}"
        (folder / "token").write_text(TOKEN)
        rules = yaml.safe_load((MONITORING / "lockstep-rules.yml").read_text())
        (folder / "rules.yml").write_text(yaml.safe_dump(rules))
        job = {
            "job_name": "lockstep", "static_configs": [{"targets": [f"127.0.0.1:{watcher}"]}],
            "authorization": {"credentials_file": str(folder / "token")},
        }  # fmt: skip
        (folder / "prometheus.yml").write_text(yaml.safe_dump({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(folder / "rules.yml")], "scrape_configs": [job],
        }))  # fmt: skip
        self._log = (folder / "prometheus.log").open("wb")
        self.log = folder / "prometheus.log"
        self._process = subprocess.Popen(
            [program, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
             f"--web.listen-address={self.url.partition('//')[2]}"],
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log,
        )  # fmt: skip

    def ask(self, path: str, **query: str) -> Any:
        """The data of an answer; None while there is none."""
        try:
            with urllib.request.urlopen(
                f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(query)}", timeout=10
            ) as found:
                return json.loads(found.read())["data"]
        except (urllib.error.URLError, ConnectionError):
            return None

    def value(self, query: str) -> float | None:
        found = (self.ask("query", query=query) or {}).get("result")
        return float(found[0]["value"][1]) if found else None

    def firing(self) -> set[str]:
        alerts = (self.ask("alerts") or {}).get("alerts", [])
        return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}

    def end(self) -> None:
        self._process.terminate()
        self._process.wait(30)
        self._log.close()


@pytest.fixture
def prometheus(rig: Rig, tmp_path: Path) -> Iterator[Prometheus]:
    folder = tmp_path / "prometheus"
    folder.mkdir()
    found = Prometheus(folder, rig.watcher.http)
    yield found
    found.end()


def test_what_happens_is_measured_and_a_held_deletion_raises_its_alert(rig: Rig, prometheus: Prometheus) -> None:
    token = rig.watcher.folder / "token"
    token.write_text(TOKEN + "\n")
    token.chmod(0o640)
    rig.watcher.status_part["token_file"] = str(token)
    rig.start(max_delete={"percent": 5, "at_least": 2})
    for number in range(30):
        (rig.source / f"f{number}").write_bytes(os.urandom(1000))
    rig.equal()

    def log() -> str:
        return prometheus.log.read_text()[-2000:]

    wait_for(lambda: prometheus.value('up{job="lockstep"}') == 1, 60, log)
    wait_for(lambda: (prometheus.value("lockstep_confirmed_changes_total") or 0) >= 30, 30, log)
    wait_for(lambda: (prometheus.value("lockstep_confirmed_bytes_total") or 0) >= 30_000, 30, log)
    assert (prometheus.value("lockstep_lag_seconds_count") or 0) >= 1
    assert prometheus.value('lockstep_target_state{state="live"}') == 1
    assert prometheus.value("lockstep_build_info") == 1
    assert (prometheus.value("process_cpu_seconds_total") or 0) > 0
    assert "LockstepHeld" not in prometheus.firing()
    for path in rig.source.iterdir():
        path.unlink()
    rig.watcher.wait_state("held")
    wait_for(lambda: "LockstepHeld" in prometheus.firing(), 60, log)
    # two may go, if they were read before the rest
    wait_for(lambda: (prometheus.value("lockstep_held_deletions") or 0) >= 28, 30, log)
    rig.watcher.ask(command="release", mirror="data")
    rig.equal()
    wait_for(lambda: "LockstepHeld" not in prometheus.firing(), 60, log)
    assert not prometheus.firing()


def test_every_query_of_the_dashboard_and_the_rules_is_understood_and_names_what_is_measured(
    rig: Rig, prometheus: Prometheus
) -> None:
    rig.watcher.notify = {"to": [{"url": "http://127.0.0.1:9/"}]}
    rig.start()
    (rig.source / "f").write_text("x")
    rig.equal()
    counts = {"missing": 0, "different": 0, "extra": 0}
    assert rig.watcher.ask(command="audited", mirror="data", target="127.0.0.1/backup", checksum=True, **counts)["ok"]
    with urllib.request.urlopen(f"http://127.0.0.1:{rig.watcher.http}/metrics", timeout=10) as answer:
        exposed = {line.split("{")[0].split(" ")[0] for line in answer.read().decode().splitlines() if line[:1] != "#"}
    dashboard = json.loads((MONITORING / "lockstep-dashboard.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    rules = yaml.safe_load((MONITORING / "lockstep-rules.yml").read_text())
    queries += [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    assert len(queries) > 25
    wait_for(lambda: prometheus.ask("status/buildinfo"), 60, lambda: prometheus.log.read_text()[-2000:])
    for query in queries:
        query = query.replace("$instance", ".*").replace("$mirror", ".*").replace("$__rate_interval", "1m")
        assert prometheus.ask("query", query=query) is not None, query
        for word in query.replace("(", " ").replace("{", " ").replace("[", " ").split():
            if word.startswith(("lockstep_", "process_")):
                assert word.strip("),") in exposed, (word, query)
