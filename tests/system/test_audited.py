"""What an audit found is seen by all who look at the watcher, until a later one tells otherwise."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import Any

import pytest
from conftest import Rig
from rig import wait_for

NAME = "127.0.0.1/backup"
DRIFT: dict[str, Any] = {"checksum": True, "missing": 1, "different": 1, "extra": 1}
CLEAN: dict[str, Any] = {"checksum": True, "missing": 0, "different": 0, "extra": 0}


def tell(rig: Rig, **found: Any) -> dict[str, Any]:
    request = {"mirror": "data", "target": NAME, **found}
    return rig.watcher.ask(command="audited", **request)


def read(rig: Rig, path: str) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{rig.watcher.http}{path}", timeout=10) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return error.read().decode()


def test_drift_is_shown_everywhere_outlives_a_restart_and_goes_with_the_next_audit(rig: Rig) -> None:
    rig.start()
    (rig.source / "f").write_text("x")
    rig.equal()
    assert rig.watcher.target()["audit"] is None
    assert tell(rig, **DRIFT) == {"ok": True, "message": "noted", "changed": True}
    for _run in ("the one that was told", "the one after it"):
        assert rig.watcher.target()["audit"]["drift"] == 3
        assert rig.watcher.target()["state"] == "live"
        assert rig.watcher.status()["healthy"] is False
        assert "1 missing, 1 different, 1 extra" in read(rig, "/healthz")
        page = read(rig, "/")
        assert "An audit found drift: data on 127.0.0.1/backup." in page
        assert "-e lockstep_audit_repair=true -e lockstep_audit_checksum=true" in page
        assert f'lockstep_audit_drift_entries{{kind="different",mirror="data",target="{NAME}"}} 1.0' in read(
            rig, "/metrics"
        )
        said = rig.watcher.command("status", "--socket", str(rig.watcher.socket))
        assert said.returncode == 1
        assert "data on 127.0.0.1/backup: an audit found 1 missing, 1 different, 1 extra, by content" in said.stdout
        nagios = rig.watcher.command("status", "--nagios", "--socket", str(rig.watcher.socket))
        assert (nagios.returncode, nagios.stdout.split(" - ")[0]) == (1, "LOCKSTEP WARNING")
        assert "An audit found drift" in nagios.stdout
        rig.watcher.stop()
        rig.watcher.start()
        rig.watcher.wait_in_step()
    assert tell(rig, **CLEAN)["changed"] is True
    assert tell(rig, **CLEAN)["changed"] is False
    assert rig.watcher.status()["healthy"] is True
    assert rig.watcher.command("status", "--socket", str(rig.watcher.socket)).returncode == 0
    assert "drift:" not in read(rig, "/")
    assert "all equal, by content" in read(rig, "/")
    log = rig.log()
    assert log.count("an audit found 1 missing, 1 different, 1 extra") == 1
    assert log.count("an audit found 0 missing, 0 different, 0 extra") == 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"mirror": "dta"}, "no mirror 'dta'; there are: data"),
        ({"target": "elsewhere/backup"}, f"no target 'elsewhere/backup'; there are: {NAME}"),
        ({"target": ["x"]}, "no target ['x']"),
        ({"missing": -1}, "missing: a number of entries is wanted, 0 or more"),
    ],
)
def test_what_cannot_be_is_refused_by_name(rig: Rig, wrong: dict[str, Any], said: str) -> None:
    rig.start()
    answer = tell(rig, **{**DRIFT, **wrong})
    assert answer["ok"] is False
    assert said in answer["error"]
    assert rig.watcher.target()["audit"] is None


def test_a_folder_that_cannot_be_written_is_named_and_nothing_is_said_to_be_known(rig: Rig) -> None:
    rig.start()
    (rig.watcher.folder / "state").joinpath(".audits.new").mkdir(parents=True)
    answer = tell(rig, **DRIFT)
    assert answer["ok"] is False
    assert "Is a directory" in answer["error"]
    assert rig.watcher.target()["audit"] is None
    (rig.watcher.folder / "state").joinpath(".audits.new").rmdir()
    assert wait_for(lambda: tell(rig, **DRIFT)["ok"])
