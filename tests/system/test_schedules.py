"""Mirrors that are compared on schedule alone, moments of the calendar, a run that ends, one that changes nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import Rig
from rig import ENVIRONMENT

NEVER = ["2050-01-01"]


def once(rig: Rig, *options: str) -> subprocess.CompletedProcess[str]:
    return rig.watcher.command("run", "--once", "--config", str(rig.watcher.config), *options, timeout=90)


def plan(rig: Rig, *mirrors: str) -> subprocess.CompletedProcess[str]:
    return rig.watcher.command("plan", "--config", str(rig.watcher.config), *mirrors, timeout=60)


def rewritten(path: Path, text: str) -> None:
    """With the size and time of before: only its ctime tells."""
    before = path.stat()
    assert len(text) == before.st_size
    path.write_text(text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


# ---------------------------------------------------------------------- on schedule alone


def test_a_mirror_that_is_not_watched_is_compared_on_schedule(rig: Rig) -> None:
    """Nothing goes across in between; then all does, rewrites of equal size and time too, and what is gone goes."""
    (rig.source / "d").mkdir()
    for name in ("same-size", "gone", "d/f"):
        (rig.source / name).write_text(name)
    rig.start(watch=False, reconcile_at=["*-*-* *:*:0/3"])
    rig.become_equal()
    assert rig.watcher.status()["mirrors"][0]["watches"] == 0
    for turn in range(2):
        rewritten(rig.source / "same-size", f"SAME-SIZ{turn}")
        (rig.source / f"new{turn}").write_text("x")
        (rig.source / "gone").unlink(missing_ok=True)
        rig.become_equal()
    rig.watcher.wait_in_step()


def test_between_two_times_nothing_goes_across(rig: Rig) -> None:
    rig.start(watch=False, reconcile_at=NEVER)
    rig.equal()
    (rig.source / "f").write_text("x")
    found = rig.watcher.wait_in_step()
    assert "nothing is watched" in found["reason"]
    assert not (rig.target / "f").exists()
    assert rig.watcher.status()["mirrors"][0]["next_reconcile"] > time.time() + 86400
    rig.watcher.ask(command="resync", mirror="data")
    rig.equal()


def test_a_restart_compares_only_what_was_due_meanwhile(rig: Rig) -> None:
    """Not at each start, as a watched mirror; but at once when its time has passed."""
    rig.start(watch=False, reconcile_at=NEVER)
    rig.equal()
    rig.watcher.stop()
    (rig.source / "f").write_text("old")
    rig.start(watch=False, reconcile_at=NEVER)
    rig.watcher.wait_in_step()
    assert not (rig.target / "f").exists()
    assert rig.watcher.target()["reconcile"]["state"] == "none"
    rig.watcher.stop()
    rig.start(watch=False, reconcile_every=1)
    rig.become_equal()


def test_a_source_that_is_lost_holds_it_like_any_other(rig: Rig) -> None:
    (rig.source / "f").write_text("x")
    rig.start(watch=False, reconcile_every=1)
    rig.become_equal()
    rig.source.rename(rig.source.with_name("elsewhere"))
    rig.source.mkdir()
    rig.watcher.wait_state("held")
    assert (rig.target / "f").exists()
    rig.source.rmdir()
    rig.source.with_name("elsewhere").rename(rig.source)
    rig.watcher.wait_state("live")
    (rig.source / "g").write_text("x")
    rig.become_equal()


def test_a_watched_mirror_is_compared_at_moments_of_the_calendar_too(rig: Rig) -> None:
    (rig.source / "f").write_text("x")
    rig.start(reconcile_at=["*-*-* *:*:0/2"])
    rig.equal()
    (rig.target / "f").write_text("changed behind its back")
    (rig.target / "theirs").write_text("x")
    rig.become_equal()


# ---------------------------------------------------------------------- once


def test_once_sends_everything_and_ends(rig: Rig) -> None:
    (rig.source / "d" / "e").mkdir(parents=True)
    (rig.source / "d" / "e" / "f").write_text("x")
    (rig.target / "extra").write_text("x")
    done = once(rig)
    assert done.returncode == 0, done.stderr
    assert "data on 127.0.0.1/backup: in step (" in done.stdout
    assert not rig.differences()
    done = once(rig)
    assert (done.returncode, rig.differences()) == (0, [])


def test_once_after_another_finds_what_was_rewritten_with_size_and_time_as_before(rig: Rig) -> None:
    (rig.source / "f").write_text("before")
    assert once(rig).returncode == 0
    rewritten(rig.source / "f", "after!")
    assert once(rig).returncode == 0
    assert (rig.target / "f").read_text() == "after!"


def test_once_fails_where_a_target_is_away_and_serves_the_others(rig: Rig, tmp_path: Path) -> None:
    (rig.source / "f").write_text("x")
    (tmp_path / "second").mkdir()
    rig.daemon.kill()
    rig.watcher.mirrors[0]["targets"].append({"url": f"file://{tmp_path}/second"})
    rig.watcher.write()
    done = once(rig)
    assert done.returncode == 1
    assert "data on 127.0.0.1/backup: down: nothing listens" in done.stderr
    assert f"data on {tmp_path}/second: in step" in done.stdout
    assert (tmp_path / "second" / "f").read_text() == "x"


def test_once_holds_what_max_delete_does_not_allow(rig: Rig) -> None:
    for number in range(10):
        (rig.target / f"f{number}").write_text("x")
    rig.watcher.mirrors[0]["max_delete"] = {"percent": 0, "at_least": 5}
    rig.watcher.write()
    done = once(rig)
    assert done.returncode == 1
    assert "data on 127.0.0.1/backup: held: 10 of " in done.stderr
    assert len(list(rig.target.iterdir())) == 10


def test_once_refuses_to_work_beside_a_service(rig: Rig) -> None:
    rig.start()
    done = once(rig)
    assert done.returncode == 1
    assert "a service runs and answers at" in done.stderr
    assert "lockstep resync MIRROR" in done.stderr


def test_once_that_is_interrupted_says_so_and_leaves_no_process(rig: Rig) -> None:
    rig.daemon.kill()
    rig.watcher.write()
    process = subprocess.Popen(
        [sys.executable, "-m", "lockstep", "run", "--once", "--config", str(rig.watcher.config)],
        env=ENVIRONMENT, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:
        if "down" in line:
            break
    process.send_signal(signal.SIGTERM)
    said = process.stderr.read()
    assert process.wait(30) == 1
    assert "data on 127.0.0.1/backup: stopped before it was in step" in said
    process.stderr.close()


@pytest.mark.parametrize("options", [("--once", "--dry-run"), ("--once", "--daemon"), ("--dry-run", "--daemon")])
def test_ways_to_run_that_exclude_each_other_are_refused(rig: Rig, options: tuple[str, ...]) -> None:
    done = rig.watcher.command("run", "--config", str(rig.watcher.config), *options, timeout=30)
    assert done.returncode == 2
    assert "exclude each other" in done.stderr


# ---------------------------------------------------------------------- what would be


def test_a_plan_tells_what_would_go_across_and_changes_nothing(rig: Rig) -> None:
    (rig.source / "new").mkdir()
    (rig.source / "new" / "f").write_text("12345")
    (rig.source / "kept").write_text("x")
    assert once(rig).returncode == 0
    (rig.source / "second").mkdir()
    (rig.source / "second" / "g\n").write_text("1234567")
    rewritten(rig.source / "kept", "y")
    (rig.source / "new" / "f").unlink()
    (rig.source / "new").chmod(0o700)
    (rig.target / "theirs").write_text("x")
    before = sorted((rig.watcher.folder / "state").iterdir()), (rig.watcher.folder / "state/data.json").read_text()
    done = plan(rig)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    for line in (
        "send   second/g\\n", "make   second", "update new", "delete new/f", "delete theirs", "send   kept",
    ):  # fmt: skip
        assert line in lines, (line, lines)
    assert "2 to send (8 B), 1 to make, " in lines[-1]
    assert "2 to delete of " in lines[-1]
    assert (rig.target / "new" / "f").exists()
    assert not (rig.target / "second").exists()
    assert before == (sorted((rig.watcher.folder / "state").iterdir()), before[1])
    assert before[1] == (rig.watcher.folder / "state/data.json").read_text()
    same = rig.watcher.command("run", "--dry-run", "--config", str(rig.watcher.config)).stdout.splitlines()
    assert sorted(same) == sorted(lines)


def test_a_plan_says_what_would_be_held_and_what_cannot_be_compared(rig: Rig) -> None:
    for number in range(10):
        (rig.target / f"f{number}").write_text("x")
    rig.watcher.mirrors[0]["max_delete"] = {"percent": 0, "at_least": 5}
    rig.watcher.write()
    assert "max_delete would hold the deletions until: lockstep release data" in plan(rig, "data").stdout
    rig.daemon.kill()
    done = plan(rig)
    assert done.returncode == 1
    assert "data on 127.0.0.1/backup: cannot be compared: nothing listens" in done.stdout
    done = plan(rig, "dat")
    assert done.returncode == 2
    assert "plan: no mirror 'dat'; there are: data" in done.stderr
