"""The playbook `monitoring` against a real Prometheus on this machine; it needs neither root nor the lab."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from checkout import copy_checkout
from playing import changed_in
from polling import wait_for
from ports import free_port

TOKEN = "only-for-this-test-0123"
INVENTORY = """
[nfs]
nfs01 ansible_host=192.0.2.31
nfs02
[monitoring]
here ansible_connection=local
"""


class Monitoring:
    def __init__(self, folder: Path) -> None:
        self.checkout = copy_checkout(folder / "checkout")
        self.etc, self.dashboards = folder / "etc", folder / "dashboards"
        for path in (self.etc, self.dashboards):
            path.mkdir()
        self.url = f"http://127.0.0.1:{free_port()}"
        (folder / "inventory").write_text(INVENTORY)
        promtool = shutil.which("promtool")
        assert promtool, "promtool is missing: tests/install-needs prometheus"
        (folder / "vars.json").write_text(json.dumps({
            "lockstep_become": False, "ansible_python_interpreter": sys.executable, "watcher_token": TOKEN,
            "lockstep_prometheus_dir": str(self.etc), "lockstep_prometheus_url": self.url,
            "lockstep_prometheus_service": "", "lockstep_prometheus_user": str(os.geteuid()),
            "lockstep_promtool": promtool, "lockstep_grafana_dashboards": str(self.dashboards),
        }))  # fmt: skip
        self._folder = folder

    def play(self, *options: str) -> tuple[int, str]:
        """Exit status and output."""
        program = Path(sys.executable).with_name("ansible-playbook")
        done = subprocess.run(
            [str(program), "-i", str(self._folder / "inventory"), "-e", f"@{self._folder}/vars.json", *options,
             str(self.checkout / "playbooks/monitoring.yml")],
            cwd=self._folder, env={**os.environ, "ANSIBLE_NOCOLOR": "1"}, text=True, capture_output=True, check=False,
        )  # fmt: skip
        assert TOKEN not in done.stdout + done.stderr
        return done.returncode, done.stdout + done.stderr

    def ask(self, path: str) -> Any:
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{path}", timeout=10) as answer:
                return json.loads(answer.read())["data"]
        except (urllib.error.URLError, ConnectionError):
            return None


def test_prometheus_gets_addresses_token_rules_and_a_dashboard_and_a_second_run_changes_nothing(tmp_path: Path) -> None:
    """What it does not write itself, prometheus.yml, it asks for with the lines to add."""
    monitoring = Monitoring(tmp_path)
    configured = monitoring.etc / "prometheus.yml"
    configured.write_text("scrape_configs: []\n")
    code, output = monitoring.play("--diff")
    assert code != 0
    said = " ".join(output.replace("\\n", " ").split())
    for words in ("does not name both yet", "job_name: lockstep", "lockstep-targets.json", "rule_files:"):
        assert words in said, output
    configured.write_text(
        "scrape_configs:\n  - job_name: lockstep\n"
        f"    file_sd_configs: [{{files: [{monitoring.etc}/lockstep-targets.json]}}]\n"
        f"    authorization: {{credentials_file: {monitoring.etc}/lockstep-token}}\n"
        f"rule_files: [{monitoring.etc}/lockstep-rules.yml]\n"
    )
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            ["prometheus", f"--config.file={configured}", f"--storage.tsdb.path={tmp_path}/tsdb",
             f"--web.listen-address={monitoring.url.partition('//')[2]}"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        code, output = monitoring.play()
        assert code == 0, output
        assert changed_in(output) == {"here": 0}
        active = wait_for(lambda: (monitoring.ask("targets") or {}).get("activeTargets"), 60, "no targets")
        found = {target["labels"]["instance"]: target["discoveredLabels"]["__address__"] for target in active}
        assert found == {"nfs01": "192.0.2.31:8008", "nfs02": "nfs02:8008"}
    finally:
        process.terminate()
        process.wait(30)
    assert (monitoring.etc / "lockstep-token").stat().st_mode & 0o777 == 0o400
    assert json.loads((monitoring.dashboards / "lockstep-dashboard.json").read_text())["uid"] == "lockstep"
    code, output = monitoring.play("--check")
    assert code == 0, output
