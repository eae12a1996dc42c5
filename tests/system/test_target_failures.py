"""A target that fails falls behind alone, says why, and catches up without a full reconcile (C11, C19)."""

from __future__ import annotations

import os
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from conftest import Rig
from rig import processes, wait_for
from trees import differences

from lockstep.transfer.pool import SETTLED


def _healthz(rig: Rig) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{rig.watcher.http}/healthz", timeout=5) as answer:
            return int(answer.status), answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return int(error.code), error.read().decode()


def _wait_reason(rig: Rig, reason: str) -> dict[str, Any]:
    """Down for this reason: the first one told may be that the connection was cut."""

    def told() -> dict[str, Any]:
        status = rig.watcher.wait_state("down")
        return status if reason in status["reason"] else {}

    return dict(wait_for(told, 10, rig.log))


def _second_target(rig: Rig) -> tuple[dict[str, Any], Path]:
    rig.daemon.write(("backup", "second"))
    target = {"url": rig.daemon.url("second"), "password_file": str(rig.daemon.password_file)}
    rig.watcher.mirrors[0]["targets"].append(target)
    return target, rig.source.with_name("second")


def test_a_daemon_that_is_away_and_comes_back(rig: Rig) -> None:
    """C11, C19: the lag grows, healthz says why, and the set drains without a reconcile."""
    rig.start()
    (rig.source / "f").write_text("x")
    rig.equal()
    assert _healthz(rig) == (200, "ok\n")
    compared = rig.watcher.target()["reconcile"]
    rig.daemon.kill()
    (rig.source / "f").write_text("changed")
    (rig.source / "g").write_text("new")
    status = _wait_reason(rig, "listens")
    assert abs(status["since"] - time.time()) < 15
    # while it is tried both are under way, and there is no next try
    status = wait_for(lambda: (now := rig.watcher.target())["pending"] >= 2 and now["next_try"] and now, 30, rig.log)
    assert status["next_try"] > time.time() - 1.5
    wait_for(lambda: rig.watcher.target()["lag"] > 1.5, 30, rig.log)
    first = rig.watcher.target()["lag"]
    assert wait_for(lambda: rig.watcher.target()["lag"] > first, 30)
    code, text = _healthz(rig)
    assert code == 503
    assert "down" in text
    (rig.source / "h").write_text("later")
    rig.daemon.start()
    rig.equal()
    assert rig.watcher.target()["reconcile"] == compared
    assert rig.watcher.target()["lag"] == 0.0
    assert _healthz(rig) == (200, "ok\n")
    assert rig.log().count(": down (was ") == 1  # not a line for each try, nor two for one state


def test_a_daemon_that_was_started_anew_while_nothing_changed_is_no_failure(rig: Rig) -> None:
    """The connections that waited end unnoticed; what comes next goes at once, and is no failure."""
    rig.start()
    for name in ("f", "gone"):
        (rig.source / name).write_text("x")
    rig.equal()
    wait_for(lambda: _youngest_spare(rig) > SETTLED, 30, rig.log)
    rig.daemon.kill()
    rig.daemon.start()
    (rig.source / "f").write_text("changed")
    (rig.source / "gone").unlink()
    rig.equal()
    assert "had closed the connections that waited" in rig.log()
    assert ": down (was " not in rig.log()
    assert rig.watcher.target()["errors"] == []


def _youngest_spare(rig: Rig) -> float:
    """Seconds that all of the watcher's rsync processes have run."""
    ticks = os.sysconf("SC_CLK_TCK")
    up = float(Path("/proc/uptime").read_text().split()[0])
    ages = []
    for pid in processes(rig.daemon.url()):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except FileNotFoundError:
            return 0.0
        ages.append(up - int(fields[19]) / ticks)
    return min(ages, default=0.0)


@pytest.mark.parametrize(
    ("mistake", "reason"),
    [("password", "wrong user or password"), ("module", "no such module"), ("port", "listens")],
)
def test_a_target_that_is_wrong_from_the_start_disturbs_no_other(rig: Rig, mistake: str, reason: str) -> None:
    """C11: its state names the reason; the other one is live and stays so."""
    target, second = _second_target(rig)
    if mistake == "password":
        wrong = rig.watcher.folder / "wrong"
        wrong.write_text("not-the-password\n")
        wrong.chmod(0o600)
        target["password_file"] = str(wrong)
    elif mistake == "module":
        target["url"] = rig.daemon.url("unknown")
    else:
        target["url"] = "rsync://rsync_backup@127.0.0.1:9/backup"
    (rig.source / "f").write_text("x")
    rig.start()
    status = rig.watcher.wait_state("down", number=1)
    assert reason in status["reason"]
    for number in range(5):
        (rig.source / f"n{number}").write_text("x")
        rig.become_equal(seconds=30)
    assert rig.watcher.target(0)["failures"] == 0
    waits = rig.watcher.target(1)
    assert waits["pending"] + waits["in_flight"] > 0  # it may be tried just now
    assert not list(second.iterdir())
    if mistake == "password":
        Path(target["password_file"]).write_text(rig.daemon.password_file.read_text())
        rig.watcher.wait_state("live", number=1)
        rig.watcher.wait_in_step(1)
        assert not differences(rig.source, second)


def test_a_second_target_gets_everything_too(rig: Rig) -> None:
    """C11: each has its own set, and one that was away catches up."""
    _, second = _second_target(rig)
    rig.start()
    (rig.source / "d").mkdir()
    (rig.source / "d" / "f").write_text("x")
    rig.equal()

    def found() -> list[str]:
        try:
            return differences(rig.source, second)
        except (FileNotFoundError, NotADirectoryError) as moved:
            return [str(moved)]

    wait_for(lambda: not found(), 30, rig.log)


def test_more_refused_names_than_are_remembered_are_no_endless_comparison(rig: Rig) -> None:
    """C16: with two remembered, the others are found again, but not at once and without end."""
    rig.watcher.program = [
        "-c", "import sys, lockstep.refusals; lockstep.refusals.PROBLEMS = 2; "
        "from lockstep.cli import main; sys.exit(main())",
    ]  # fmt: skip
    for number in range(6):
        (rig.target / f"f{number}").mkdir()
        (rig.target / f"f{number}" / "in the way").touch()
    rig.start(delete=False)
    for number in range(6):
        (rig.source / f"f{number}").write_text("a file")
    wait_for(lambda: rig.watcher.target()["failures"] >= 6 and len(rig.watcher.target()["problems"]) == 2, 20, rig.log)
    (rig.source / "beside").touch()
    wait_for((rig.target / "beside").exists, 10, rig.log)
    started = rig.watcher.target()["reconcile"]["started"]
    failures = rig.watcher.target()["failures"]
    wait_for(lambda: rig.watcher.target()["failures"] >= failures + 2, 20, rig.log)  # those two, tried again
    assert rig.watcher.target()["reconcile"]["started"] == started
    assert rig.watcher.target()["state"] == "behind"
    for number in range(6):
        (rig.target / f"f{number}" / "in the way").unlink()
        (rig.target / f"f{number}").rmdir()
    rig.watcher.ask(command="resync", mirror="data")
    rig.become_equal()


def test_a_module_whose_folder_is_away_for_a_while(rig: Rig) -> None:
    """C11: not mounted on the backup host, say; with it back everything arrives."""
    (rig.source / "before").write_text("x")
    rig.start()
    rig.equal()
    away = rig.target.rename(rig.target.with_name("away"))
    (rig.source / "f").write_text("x")
    _wait_reason(rig, "path is missing")
    away.rename(rig.target)
    rig.equal()


def test_a_transfer_cut_in_the_middle_is_taken_up_again(rig: Rig) -> None:
    """C11: the daemon dies with large and small files under way; what it left half-written goes with a reconcile."""
    rig.start()
    for number in range(2):
        (rig.source / f"big{number}").write_bytes(os.urandom(20 << 20))
        (rig.source / f"small{number}").write_text("x")
        arrived = (rig.target / f"small{number}").exists
        wait_for(lambda arrived=arrived: rig.watcher.target()["in_flight"] or arrived(), 10, rig.log)
        rig.daemon.kill()
        rig.daemon.start()
    rig.watcher.wait_in_step()
    assert {path.name for path in rig.source.iterdir()} <= {path.name for path in rig.target.iterdir()}
    assert rig.watcher.ask(command="resync", mirror="data")["ok"]
    rig.equal()


def test_a_daemon_that_hangs_is_given_up(rig: Rig) -> None:
    """C11: one that keeps its connections and answers nothing; a timeout of its own set to seconds."""
    rig.watcher.mirrors[0]["targets"][0]["rsync_options"] = ["--timeout=6", "--contimeout=6"]
    rig.start()
    (rig.source / "f").write_text("x")
    rig.equal()
    rig.daemon.freeze()
    try:
        (rig.source / "f").write_text("changed")
        assert "in time" in rig.watcher.wait_state("down")["reason"]
    finally:
        rig.daemon.freeze(False)
    rig.equal()
