"""The event queue overflows: counted, told once, made good by a reconcile while live changes flow (C13)."""

from __future__ import annotations

import os
import signal

import event_queue
from conftest import Rig
from rig import wait_for


def test_an_overflow_loses_nothing(rig: Rig) -> None:
    """C13: also what was rewritten with size and time as before, and directories that are not watched yet."""
    for number in range(20):
        (rig.source / f"same{number}").write_text("AAAA")
    rig.start(max_delete={"percent": 100, "at_least": 1_000_000})
    rig.equal()
    pid = rig.watcher.status()["pid"]
    assert rig.watcher.process is not None
    rig.watcher.process.send_signal(signal.SIGSTOP)
    try:
        event_queue.fill(rig.source)
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
