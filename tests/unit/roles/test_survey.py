"""What the role rsync_daemon finds on a host, told by the script that looks."""

from __future__ import annotations

import json
import pathlib
import socket
import subprocess
import sys

import pytest

SURVEY = pathlib.Path(__file__).parents[3] / "roles/rsync_daemon/files/survey.py"


def survey(folder: pathlib.Path, port: object) -> dict[str, object]:
    order = {
        **dict.fromkeys(("program", "trial", "settings", "proxy", "firewall", "logrotate"), str(folder / "none")),
        "config": str(folder / "rsyncd.conf"), "marker": "# lockstep", "address": "127.0.0.1", "port": port,
        "group": "none of these", "user": ["none of these", "none of these", "", "", ""], "login": "none of these",
        "login_mark": "x", "files": {}, "unit": "", "folders": [], "modules": [], "owner": [],
    }  # fmt: skip
    done = subprocess.run([sys.executable, SURVEY, json.dumps(order)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("kind", [int, str])
def test_a_port_is_a_number_or_as_before_ansible_core_219_a_text(tmp_path: pathlib.Path, kind: type) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert str(port) in str(survey(tmp_path, kind(port))["port_problem"])
    assert not survey(tmp_path, kind(port))["port_problem"]
