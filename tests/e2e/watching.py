"""A real Prometheus in a host's own network, which scrapes that host's watcher and has the collection's rules."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

import yaml
from machines import Machines

PORT = 9090
RULES = Path(__file__).parents[2] / "playbooks/files/monitoring/lockstep-rules.yml"


class Prometheus:
    """Runs while the `with` lasts."""

    def __init__(self, machines: Machines, host: str, folder: Path) -> None:
        self._machines, self._host, self._folder = machines, host, folder

    def __enter__(self) -> Prometheus:
        program = shutil.which("prometheus")
        assert program, "prometheus is missing: tests/install-needs prometheus"
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(RULES)],
            "scrape_configs": [{"job_name": "lockstep", "static_configs": [{"targets": ["127.0.0.1:8008"]}]}],
        }
        (self._folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        self._output = (self._folder / "log").open("wb")
        self._process = subprocess.Popen(
            ["nsenter", f"--net={self._machines.network(self._host)}", program,
             f"--config.file={self._folder}/prometheus.yml", f"--storage.tsdb.path={self._folder}/tsdb",
             f"--web.listen-address=127.0.0.1:{PORT}"],
            stdin=subprocess.DEVNULL, stdout=self._output, stderr=self._output,
        )  # fmt: skip
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(30)
        self._output.close()

    def _ask(self, path: str) -> Any:
        """The data of an answer; empty while there is none."""
        said = self._machines.read(self._host, f"http://127.0.0.1:{PORT}/api/v1/{path}")
        return json.loads(said)["data"] if said.startswith("{") else {}

    def value(self, query: str) -> float | None:
        found = self._ask(f"query?query={quote(query)}").get("result")
        return float(found[0]["value"][1]) if found else None

    def firing(self) -> set[str]:
        alerts = self._ask("alerts").get("alerts", [])
        return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}

    def log(self) -> str:
        return (self._folder / "log").read_text()[-2000:]
