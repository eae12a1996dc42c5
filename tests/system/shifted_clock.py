"""`lockstep` with a clock that somebody sets while it runs: `python3 shifted_clock.py SHIFTS run --config …`.

The kernel's clock is everybody's and is left alone.  What this process sees of it is shifted instead: time.time() and
time.time_ns(), and of every file the ctime and mtime, by what was in force at the moment when the kernel wrote them.
So files look as if the kernel's own clock had been set; what is measured by monotonic time goes on as before.

The file SHIFTS has lines of an epoch (of the kernel's clock) and the seconds by which the clock is ahead from
then on.
"""

from __future__ import annotations

import os
import runpy
import sys
import time
from collections.abc import Iterator
from typing import Any

FRESH = 0.01  # seconds between looks at the file
_time, _time_ns, _stat, _lstat, _scandir = time.time, time.time_ns, os.stat, os.lstat, os.scandir


class Shifts:
    """Since when the clock is ahead by how much; the file is read again and again."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._read_at = 0.0
        self._lines: list[tuple[float, float]] = []

    def at(self, epoch: float) -> float:
        now = time.monotonic()
        if now - self._read_at > FRESH:
            self._read_at = now
            with open(self._path) as file:
                rows = [line.split() for line in file]
            self._lines = [(float(since), float(shift)) for since, shift in rows]
        return next((shift for since, shift in reversed(self._lines) if since <= epoch), 0.0)


SHIFTS = Shifts(sys.argv.pop(1))


class Status:
    """A stat_result with shifted times."""

    def __init__(self, found: os.stat_result) -> None:
        self._found = found

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._found, name)
        if name in ("st_ctime", "st_mtime"):
            return value + SHIFTS.at(value)
        if name in ("st_ctime_ns", "st_mtime_ns"):
            return value + int(SHIFTS.at(value / 1e9) * 1e9)
        return value


class Entry:
    """An os.DirEntry whose stat() is shifted."""

    def __init__(self, found: os.DirEntry[Any]) -> None:
        self._found = found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._found, name)

    def stat(self, *, follow_symlinks: bool = True) -> Status:
        return Status(self._found.stat(follow_symlinks=follow_symlinks))


class Scanned:
    """What os.scandir() returns, with such entries."""

    def __init__(self, *args: Any) -> None:
        self._found = _scandir(*args)

    def __enter__(self) -> Scanned:
        return self

    def __exit__(self, *how: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Entry]:
        return self

    def __next__(self) -> Entry:
        return Entry(next(self._found))

    def close(self) -> None:
        self._found.close()


def main() -> None:
    time.time = lambda: (now := _time()) + SHIFTS.at(now)
    time.time_ns = lambda: (now := _time_ns()) + int(SHIFTS.at(now / 1e9) * 1e9)
    os.stat = lambda *args, **options: Status(_stat(*args, **options))
    os.lstat = lambda *args, **options: Status(_lstat(*args, **options))
    os.scandir = Scanned
    runpy.run_module("lockstep", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
