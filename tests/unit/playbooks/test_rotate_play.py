"""playbooks/rotate_passwords.yml with backup hosts that are reached over ssh, on which no password is."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
OVER_SSH = {"host": "remote", "transport": "ssh"}


def rotate(folder: Path, targets: list[object]) -> str:
    """What is said of a rotation where no daemon listens, in one line; it fails."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    variables = {
        "ansible_connection": "ansible.builtin.local", "ansible_python_interpreter": sys.executable,
        "lockstep_become": False, "rsync_daemon_port": port, "lockstep_password": "the new one of now",
        "lockstep_previous_password": "before",
        "lockstep_mirrors": [{"name": "data", "source": "/d", "path": "/b", "targets": targets}],
    }  # fmt: skip
    ends = {
        "nfs": {"hosts": {"nfs01": {"ansible_host": "10.0.0.1"}}},
        "backup": {"hosts": {"near": {"ansible_host": "10.0.0.2"}, "remote": {"ansible_host": "10.0.0.3"}}},
    }
    (folder / "inventory.yml").write_text(json.dumps({"all": {"vars": variables, "children": ends}}))
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(folder / "inventory.yml"),
         str(ROOT / "playbooks/rotate_passwords.yml")],
        env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections")},
        cwd=folder, text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert set(re.findall(r" changed=(\d+) ", done.stdout)) == {"0"}, (
        "it was refused, and says that it changed something"
    )
    return " ".join((done.stdout + done.stderr).split())


def test_a_host_that_is_reached_over_ssh_alone_is_left_out(tmp_path: Path) -> None:
    said = rotate(tmp_path, ["near", OVER_SSH])
    assert "the daemon of near lets nobody in" in said
    assert "fatal: [remote]" not in said
    assert "fatal: [nfs01]" not in said
    plays = yaml.safe_load((ROOT / "playbooks/rotate_passwords.yml").read_text())
    daemons = [play["hosts"] for play in plays if "lockstep.realtime.rsync_daemon" in str(play.get("roles"))]
    assert daemons == ["lockstep_rotating"] * 2


def test_a_fleet_without_any_password_says_so(tmp_path: Path) -> None:
    assert "there is nothing to rotate: no backup host has a daemon's password" in rotate(tmp_path, [OVER_SSH])
