"""Overflows the queue of events of an inotify instance as it is.

To make it small instead would reach every instance that starts meanwhile: the limit is one for the whole machine.
"""

from __future__ import annotations

import os
from pathlib import Path

LIMIT = Path("/proc/sys/fs/inotify/max_queued_events")


def capacity() -> int:
    """How many events a queue holds that is made now."""
    return int(LIMIT.read_text())


def fill(folder: Path) -> None:
    """More events than that in `folder`, which is watched: of two files in turn, as the kernel merges an event only
    with the one right before it. A million of them take a second."""
    one, two = (os.open(folder / name, os.O_WRONLY | os.O_CREAT, 0o644) for name in ("one", "two"))
    try:
        for _ in range(capacity() // 2 + 10):
            os.pwrite(one, b"1", 0)
            os.pwrite(two, b"2", 0)
    finally:
        os.close(one)
        os.close(two)
