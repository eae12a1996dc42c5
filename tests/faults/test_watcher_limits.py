"""The kernel's limits of inotify are reached: told with what to raise, and nothing is silently missing (C13, C14).

They are one for all hosts and this machine: the queue overflows as it is, and there are too few watches for a moment.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import event_queue
import pytest
from fault import Fault
from machines import INOTIFY
from polling import wait_for
from scene import COPIES, DATA, DATA_02, SOURCE_HOST, Scene

FILES = 400
DIRECTORIES = 20


@contextlib.contextmanager
def _lowered(name: str, value: int) -> Iterator[None]:
    before = (INOTIFY / name).read_text()
    try:
        (INOTIFY / name).write_text(f"{value}\n")
        yield
    finally:
        (INOTIFY / name).write_text(before)


def _overflows(scene: Scene) -> int:
    status = wait_for(scene.status, 60, "the watcher to answer")
    return next(mirror["overflows"] for mirror in status["mirrors"] if mirror["name"] == "data")


def _overflow(fault: Fault) -> None:
    """More changes than the queue holds, while the watcher does not come to read them."""
    scene = fault.scene
    folder = scene.source("data") / f"more-{time.time_ns()}"
    folder.mkdir()
    scene.become_equal(copies=(DATA, DATA_02))
    before = _overflows(scene)
    scene.run(SOURCE_HOST, "systemctl kill --kill-whom=main --signal=STOP lockstep")
    try:
        event_queue.fill(folder.parent)
        (folder / "deep/er").mkdir(parents=True)
        for n in range(FILES):
            (folder / f"{n % 100}").write_text(f"{n:05}")
            (folder / f"deep/er/{n}").write_text("here before its directory is watched\n")
    finally:
        scene.run(SOURCE_HOST, "systemctl kill --kill-whom=main --signal=CONT lockstep")
    wait_for(lambda: _overflows(scene) > before, 120, fault.said)


@pytest.mark.short
def test_queue_of_events_overflows(scene: Scene, fault: Fault) -> None:
    """Three times, each made good by one comparison; changes flow meanwhile, and it ends with the third."""
    at_once = f"{event_queue.capacity():,} events at once, and {2 * FILES} files"
    fault.about("the queue of events overflows", at_once, "C13")
    fault.load("home", "small", rate=5)
    for _ in range(3):
        _overflow(fault)
        probe = f"probe-{time.time_ns()}"
        (scene.source("data") / probe).write_text("live\n")
        for copy in (DATA, DATA_02):
            arrived = (scene.tree(copy.host, copy.path) / probe).exists
            wait_for(arrived, 30, fault.said)
        scene.become_equal(copies=(DATA, DATA_02))
    begins = "mirror data: the queue of events overflowed"
    told = [line for line in fault.journal.lines() if line.text.startswith(begins)]
    assert len(told) == 3, fault.said()
    assert "inotify_limits_max_queued_events" in told[0].text
    fault.record.begin = told[0].text
    counted = _overflows(scene)
    fault.record.notes.append(f"`overflows` {counted} in the status, one line in the journal for each of 3 bursts")
    fault.cured(lambda: None, told=False, most_lines=40)
    assert _overflows(scene) == counted, "it goes on by itself"


def test_limit_of_watches_is_reached(fault: Fault) -> None:
    """What has no watch is compared within a minute; then there are enough watches, and nothing is left without one."""
    fault.about(
        "too few inotify watches",
        "`max_user_watches` of 1 while directories are made, then as before",
        "C14",
    )
    scene = fault.scene
    fault.load("home")
    folder = scene.source("data") / "unwatched"
    with _lowered("max_user_watches", 1):
        for number in range(DIRECTORIES):
            (folder / f"{number}/below").mkdir(parents=True)
        fault.shows("behind", "inotify watches are needed and 1 are allowed", next_try=False)
        fault.shows("behind", "inotify_limits_max_user_watches", next_try=False)
        check = scene.run(SOURCE_HOST, "lockstep check --offline /etc/lockstep/lockstep.yml 2>&1; echo exit $?")
    assert "are needed and 1 are allowed: raise fs.inotify.max_user_watches" in check, check
    assert check.strip().endswith("exit 1"), check  # of what it meets; 2 is for the configuration
    _write_into(folder, "nobody was told of this\n")
    fault.cured(lambda: None, most_lines=24)
    with_watches = next(m["watches"] for m in scene.status()["mirrors"] if m["name"] == "data")
    directories = sum(1 for path in scene.source("data").rglob("*") if path.is_dir() and not path.is_symlink())
    assert with_watches == directories + 1, "some are still without"
    reconciled = scene.target(DATA)["reconcile"]["started"]
    _write_into(folder, "and of this by events\n")
    scene.become_equal(60, COPIES)
    assert scene.target(DATA)["reconcile"]["started"] == reconciled, "it was compared once more"


def _write_into(folder: Path, text: str) -> None:
    for number in range(DIRECTORIES):
        (folder / f"{number}/below/file").write_text(text)
