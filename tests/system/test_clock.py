"""The clock is set back or forward while the watcher runs, or is down: nothing is lost, no time goes mad (C12, C23).

No test may set this machine's clock; shifted_clock.py says what is done instead.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from churn import PlainChurn
from conftest import Rig
from rig import wait_for

NO_LIMIT = {"percent": 100, "at_least": 10_000_000}
HOUR = 3600.0


class Clock:
    """The watcher's: `set()` it so many seconds ahead of the kernel's from now on."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.file.touch()

    def set(self, ahead: float) -> None:
        line = f"{time.time():.9f} {ahead}\n"
        new = self.file.with_suffix(".new")
        new.write_text(self.file.read_text() + line)
        new.rename(self.file)


@pytest.fixture
def clock(rig: Rig, tmp_path: Path) -> Clock:
    made = Clock(tmp_path / "shifts")
    rig.watcher.program = [str(Path(__file__).with_name("shifted_clock.py")), str(made.file)]
    return made


def _rewrite_unseen(path: Path, text: str) -> None:
    """Size and mtime stay as they were."""
    before = path.stat()
    path.write_text(text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _ahead(rig: Rig) -> float:
    """By how much the watcher's clock is ahead of this one."""
    return float(rig.watcher.status()["now"]) - time.time()


@pytest.mark.parametrize("ahead", [-HOUR, HOUR])
def test_a_clock_that_is_set_while_everything_changes_loses_nothing(
    rig: Rig, clock: Clock, tmp_path: Path, ahead: float
) -> None:
    """Nor does it make a lag of hours, a mirror that is held, or a comparison of everything."""
    (tmp_path / "outside").mkdir()
    rig.start(max_delete=NO_LIMIT)
    rig.equal()
    compared = rig.watcher.target()["counts"]["reconciles"]
    churn = PlainChurn(os.fsencode(rig.source), os.fsencode(tmp_path / "outside"), 11)
    over = threading.Event()

    def keep_on() -> None:
        while not over.is_set():
            churn.step()
            time.sleep(0.002)

    worker = threading.Thread(target=keep_on)
    worker.start()
    lags, states = [], set()
    try:
        for shift in (ahead, 0.0, ahead):
            clock.set(shift)
            until = time.monotonic() + 1.5
            while time.monotonic() < until:
                target = rig.watcher.target()
                lags.append(target["lag"])
                states.add(target["state"])
                assert target["since"] <= time.time() + max(0.0, ahead) + 1
    finally:
        over.set()
        worker.join()
    assert abs(_ahead(rig) - ahead) < 5, "the clock was not set"
    assert max(lags) < 60
    assert states == {"live"}, rig.log()
    rig.equal()
    assert rig.watcher.target()["counts"]["reconciles"] == compared  # a part may have been


@pytest.mark.parametrize("ahead", [-HOUR, HOUR])
@pytest.mark.parametrize("when", ["before the kill", "while it is down"])
def test_a_kill_around_it_loses_no_rewrite_that_size_and_time_hide(
    rig: Rig, clock: Clock, ahead: float, when: str
) -> None:
    """C23: by ctime alone, which the clock has set as well; with the clock back, what is remembered is yet to come."""
    path, other = rig.source / "f", rig.source / "g"
    for each in (path, other):
        each.write_text("AAAA")
    rig.start()
    rig.equal()
    if when == "before the kill":
        clock.set(ahead)
        _rewrite_unseen(other, "BBBB")
        rig.equal()
    rig.watcher.stop(signal.SIGKILL)
    if when == "while it is down":
        clock.set(ahead)
    _rewrite_unseen(path, "BBBB")
    rig.watcher.start()
    rig.equal()
    assert abs(_ahead(rig) - ahead) < 5
    clock.set(0.0)
    _rewrite_unseen(path, "CCCC")
    rig.equal()
    rig.watcher.stop()
    _rewrite_unseen(path, "DDDD")
    rig.watcher.start()
    rig.equal()


def test_what_a_target_lacks_since_before_the_clock_was_set_forward_arrives_after_a_kill(
    rig: Rig, clock: Clock
) -> None:
    """C23: what waits for a target that is down has a ctime of the old clock, an hour before what is remembered."""
    path = rig.source / "f"
    path.write_text("AAAA")
    rig.start()
    rig.equal()
    rig.daemon.kill()
    _rewrite_unseen(path, "BBBB")
    rig.watcher.wait_state("down")
    clock.set(HOUR)
    (rig.source / "later").write_text("x")
    memory = rig.watcher.folder / "state" / "data.json"
    before = memory.stat().st_mtime_ns
    wait_for(lambda: memory.stat().st_mtime_ns != before, 20, rig.log)
    rig.watcher.stop(signal.SIGKILL)
    rig.daemon.start()
    rig.watcher.start()
    rig.equal()
