"""The event queue overflows: counted, told once, made good by a reconcile while live changes flow (C13)."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from conftest import Rig
from rig import wait_for

QUEUE = Path("/proc/sys/fs/inotify/max_queued_events")


@contextlib.contextmanager
def _small_queue(size: int = 1000) -> Iterator[int]:
    """Root makes the queue small for the watchers that start meanwhile; how many events it holds."""
    before = int(QUEUE.read_text())
    if os.geteuid() != 0:
        yield before
        return
    QUEUE.write_text(f"{size}\n")
    try:
        yield size
    finally:
        QUEUE.write_text(f"{before}\n")


def _fill_queue(folder: Path, events: int) -> None:
    """Writes to two files in turn: the kernel merges an event only with the one right before it."""
    with (folder / "one").open("wb", buffering=0) as one, (folder / "two").open("wb", buffering=0) as two:
        for _ in range(events // 2 + 10):
            one.write(b"1")
            two.write(b"2")


def test_an_overflow_loses_nothing(rig: Rig) -> None:
    """C13: also what was rewritten with size and time as before, and directories that are not watched yet."""
    for number in range(20):
        (rig.source / f"same{number}").write_text("AAAA")
    with _small_queue() as size:
        rig.start(max_delete={"percent": 100, "at_least": 1_000_000})
    rig.equal()
    pid = rig.watcher.status()["pid"]
    assert rig.watcher.process is not None
    rig.watcher.process.send_signal(signal.SIGSTOP)
    try:
        _fill_queue(rig.source, size)
        for number in range(20):
            path = rig.source / f"same{number}"
            before = path.stat()
            path.write_text("BBBB")
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        (rig.source / "a" / "b").mkdir(parents=True)
        (rig.source / "a" / "b" / "f").write_text("x")
    finally:
        rig.watcher.process.send_signal(signal.SIGCONT)
    wait_for(lambda: rig.watcher.status()["mirrors"][0]["overflows"], 60, rig.log)
    (rig.source / "live").write_text("x")
    rig.equal()
    assert rig.log().count("overflowed; reconciling") == 1
    assert rig.watcher.status()["pid"] == pid
    (rig.source / "a" / "b" / "g").write_text("seen again")
    rig.equal()
