"""The log in a file that is rotated while it runs, and the status in one."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import yaml
from conftest import Rig
from rig import wait_for


def write(rig: Rig, **top: Any) -> None:
    rig.watcher.write()
    config = yaml.safe_load(rig.watcher.config.read_text())
    rig.watcher.config.write_text(yaml.safe_dump({**config, **top}))


def test_a_log_file_is_taken_up_anew_after_a_rotation(rig: Rig) -> None:
    """As logrotate does it: rename, then reload; no line is lost and none is written twice."""
    log = rig.watcher.folder / "lockstep.log"
    write(rig, log_file=str(log))
    rig.watcher.start()
    wait_for(lambda: "live (was" in log.read_text(), 30, rig.log)
    old = log.rename(log.with_name("lockstep.log.1"))
    assert rig.watcher.process is not None
    os.kill(rig.watcher.process.pid, 1)
    wait_for(lambda: log.exists() and "reloaded " in log.read_text(), 30, rig.log)
    before = old.read_text()
    (rig.source / "f").write_text("x")
    rig.equal()
    assert "b'f'" in log.read_text()
    assert old.read_text() == before
    assert rig.watcher.log.read_text() == ""


def test_the_status_is_in_a_file_while_it_runs(rig: Rig) -> None:
    file: Path = rig.watcher.folder / "status.json"
    rig.watcher.status_part.update(file=str(file), interval=1)
    rig.start()
    wait_for(lambda: file.exists() and json.loads(file.read_text())["state"] == "live", 30, rig.log)
    rig.daemon.kill()
    (rig.source / "f").write_text("x")
    wait_for(lambda: json.loads(file.read_text())["mirrors"][0]["targets"][0]["state"] == "down", 60, rig.log)
    rig.watcher.stop()
    assert not file.exists()
