"""What changes while the watcher is down arrives after the start (C23); a kill at any moment loses nothing (C12)."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from pathlib import Path

import pytest
from churn import PlainChurn
from conftest import Rig
from rig import processes, wait_for

NO_LIMIT = {"percent": 100, "at_least": 10_000_000}


def _rewrite_unseen(path: Path, text: str) -> None:
    """Size and mtime stay as they were."""
    before = path.stat()
    assert before.st_size == len(text)
    path.write_text(text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_a_rewrite_while_the_watcher_was_down_arrives_whatever_size_and_time_say(rig: Rig) -> None:
    """C23: ctime tells; also in a deep directory, and for what was renamed over another file."""
    deep = rig.source / "d" / "e"
    deep.mkdir(parents=True)
    for path in (rig.source / "f", deep / "f", deep / "g"):
        path.write_text("AAAA")
    rig.start()
    rig.equal()
    rig.watcher.stop()
    _rewrite_unseen(rig.source / "f", "BBBB")
    _rewrite_unseen(deep / "f", "BBBB")
    (deep / "h").write_text("CCCC")
    os.utime(deep / "h", ns=((deep / "g").stat().st_atime_ns, (deep / "g").stat().st_mtime_ns))
    (deep / "h").rename(deep / "g")
    (rig.source / "new").write_text("x")
    rig.watcher.start()
    rig.equal()
    assert (rig.target / "d" / "e" / "g").read_text() == "CCCC"


def test_a_rewrite_arrives_after_a_kill_too(rig: Rig) -> None:
    """C23, C12: what is remembered of the last moment is never later than what was confirmed."""
    path = rig.source / "f"
    path.write_text("0000")
    rig.start()
    rig.equal()
    for number in range(1, 4):
        rig.watcher.stop(signal.SIGKILL)
        _rewrite_unseen(path, f"{number:04}")
        rig.watcher.start()
        rig.equal()


def test_a_clock_that_went_back_makes_contents_tell(rig: Rig) -> None:
    """C23: what is remembered lies in the future, so no time can be trusted."""
    path = rig.source / "f"
    path.write_text("AAAA")
    rig.start()
    rig.equal()
    rig.watcher.stop()
    memory = rig.watcher.folder / "state" / "data.json"
    known = json.loads(memory.read_text())
    assert list(known["confirmed"]) == [rig.daemon.url()]
    known["confirmed"][rig.daemon.url()] = time.time() + 100_000
    memory.write_text(json.dumps(known))
    _rewrite_unseen(path, "BBBB")
    rig.watcher.start()
    rig.equal()


def test_without_a_memory_it_starts_all_the_same(rig: Rig) -> None:
    """C12: one that was lost costs nothing but care."""
    (rig.source / "f").write_text("x")
    rig.start()
    rig.equal()
    rig.watcher.stop()
    (rig.watcher.folder / "state" / "data.json").unlink()
    (rig.source / "g").write_text("x")
    rig.watcher.start()
    rig.equal()


def test_a_memory_that_cannot_be_read_holds_the_mirror_until_it_is_released(rig: Rig) -> None:
    """C7: it is replaced in one step, so no power cut tears it; whoever did, an empty mount point may be the source."""
    (rig.source / "f").write_text("x")
    rig.start()
    rig.equal()
    rig.watcher.stop()
    (rig.watcher.folder / "state" / "data.json").write_text('{"identity": {"fs')
    (rig.source / "f").unlink()
    rig.watcher.start(wait=False)
    status = rig.watcher.wait_state("held")
    assert "data.json cannot be read" in status["reason"]
    assert (rig.target / "f").exists()
    assert rig.watcher.ask(command="release", mirror="data")["ok"]
    rig.equal()


@pytest.mark.parametrize("victim", ["watcher", "daemon"])
def test_kills_at_random_moments_end_in_equal_trees(rig: Rig, tmp_path: Path, victim: str) -> None:
    """C12: kill -9 while files come and go."""
    outside = tmp_path / "outside"
    outside.mkdir()
    rig.start(max_delete=NO_LIMIT)
    seed = 7 if victim == "watcher" else 8
    churn, chance = PlainChurn(os.fsencode(rig.source), os.fsencode(outside), seed), random.Random(seed)
    over = threading.Event()

    def keep_on() -> None:
        while not over.is_set():
            churn.step()
            time.sleep(0.002)

    worker = threading.Thread(target=keep_on)
    worker.start()
    try:
        for _ in range(4):
            time.sleep(chance.uniform(0.02, 0.6))
            if victim == "watcher":
                rig.watcher.stop(signal.SIGKILL)
                time.sleep(chance.uniform(0, 0.1))
                rig.watcher.start(wait=False)
                if chance.random() < 0.5:
                    rig.watcher.wait_answers()
            else:
                rig.daemon.kill()
                time.sleep(chance.uniform(0, 0.1))
                rig.daemon.start()
    finally:
        over.set()
        worker.join()
    if victim == "daemon":  # what it left half-written goes with a reconcile
        assert rig.watcher.ask(command="resync", mirror="data")["ok"]
    rig.equal(seconds=60)


def test_no_process_is_left_of_a_killed_watcher(rig: Rig) -> None:
    """C12: spares that wait for a list end when nobody is left to give one."""
    rig.start()
    (rig.source / "f").write_text("x")
    rig.equal()
    assert processes(str(rig.daemon.password_file))
    rig.watcher.stop(signal.SIGKILL)
    mine = str(rig.daemon.password_file)
    wait_for(lambda: not processes(mine), 10, lambda: str(processes(mine)))
