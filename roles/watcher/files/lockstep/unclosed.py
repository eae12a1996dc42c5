"""Files that are written and not closed yet: when is each to be sent?

Plain data, no clock: every method is told the time (seconds, monotonic).  A close releases a file at once.  NFSv3 has
no close, so a file is also due after `quiet` seconds without a write, and `max_wait` after its first unsent write.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Optional

SETTLE = 0.05  # a file found in a new directory: written still, there would be another write within this time


class Unclosed:
    def __init__(self, quiet: float, max_wait: float) -> None:
        self._quiet = quiet
        self._max_wait = max_wait
        self._last: dict[bytes, float] = {}  # in the order of the last write
        self._first: dict[bytes, float] = {}  # in the order of the first
        self._settling: dict[bytes, float] = {}

    def __contains__(self, path: bytes) -> bool:
        return path in self._first or path in self._settling

    def __len__(self) -> int:
        return len(self._first) + len(self._settling)

    def written(self, path: bytes, now: float) -> None:
        self._settling.pop(path, None)
        self._last.pop(path, None)
        self._last[path] = now
        self._first.setdefault(path, now)

    def found(self, path: bytes, now: float) -> None:
        """A fresh file that stood in a new directory: wait a moment for a sign that it is still being written."""
        if path not in self._first:
            self._settling.setdefault(path, now)

    def settled(self, path: bytes) -> Optional[float]:
        """Closed, renamed or removed: take it out.  When it was first written, or None when it was not known."""
        self._last.pop(path, None)
        settling = self._settling.pop(path, None)
        return self._first.pop(path) if path in self._first else settling

    def due(self, now: float) -> Iterator[tuple[bytes, float]]:
        """Take out what is to be sent now, each with the time of its first write."""
        for start, wait in ((self._settling, SETTLE), (self._first, self._max_wait)):
            while start:
                path, first = _head(start)
                if now < first + wait:
                    break
                self.settled(path)
                yield path, first
        while self._last:
            path, last = _head(self._last)
            if now < last + self._quiet:
                break
            first = self._first[path]
            self.settled(path)
            yield path, first

    def take_below(self, directory: bytes) -> list[tuple[bytes, float]]:
        """Take out what is below a directory, each with the time of its first write."""
        below = directory + b"/"
        found = [path for times in (self._first, self._settling) for path in times if path.startswith(below)]
        return [(path, first) for path in found if (first := self.settled(path)) is not None]

    def next_due(self) -> Optional[float]:
        """When `due` will have something, at the latest estimate of now; None when nothing waits."""
        times = [
            next(iter(times.values())) + wait
            for times, wait in ((self._settling, SETTLE), (self._first, self._max_wait), (self._last, self._quiet))
            if times
        ]
        return min(times) if times else None

    def oldest(self) -> Optional[float]:
        firsts = [next(iter(times.values())) for times in (self._first, self._settling) if times]
        return min(firsts) if firsts else None


def _head(times: dict[bytes, float]) -> tuple[bytes, float]:
    """The earliest of what is kept in order; there must be one."""
    return next(iter(times.items()))
