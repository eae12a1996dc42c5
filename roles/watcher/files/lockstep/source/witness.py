"""Has this file system gone back in time?  Restored from a snapshot it has the UUID, root and marker of always.

Nobody can set a ctime (stat(2)), and it only grows: what is known with a later one than it has now was brought back as
it was before.  The last minutes are no evidence, for a power cut takes with it what was not on the disk yet.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple, Optional

from lockstep.changes import ancestors

MATURE = 600.0  # seconds after which what was seen is surely on the disk
EVERY = 60.0  # seconds between sightings
FEW = 8  # of the paths that changed last, with all directories above them
CLOCK_SLACK = 1.0  # seconds by which the clock may be put back: that is how it is kept right


class Sighting(NamedTuple):
    path: bytes
    inode: int
    ctime: int  # nanoseconds


class Witness:
    """`changed()` tells which paths to look at, `take()` does so; `contradiction()` holds what was seen against now."""

    def __init__(self, source: bytes) -> None:
        self._source = source
        self._changed: deque[bytes] = deque([b""], FEW)
        self._seen: deque[tuple[float, list[Sighting]]] = deque()  # not old enough yet, with when that was
        self._next = 0.0
        self._offset: Optional[float] = None

    def changed(self, paths: Iterable[bytes]) -> None:
        self._changed.extend(paths)

    def forget(self) -> None:
        """It is another source now."""
        self._seen.clear()
        self._next = 0.0

    def take(self, now: float, clock: float) -> Optional[list[Sighting]]:
        """What can be kept as evidence from now on; empty when none holds any more, None when nothing is new.

        `now` is monotonic, `clock` epoch, both in seconds.  To be kept only if the source is still the right one.
        """
        before, self._offset = self._offset, clock - now
        if before is not None and self._offset < before - CLOCK_SLACK:  # later changes have earlier times now
            self.forget()
            return []
        if now >= self._next:
            self._next = now + EVERY
            self._seen.append((now, self._look()))
        mature = None
        while self._seen and now - self._seen[0][0] >= MATURE:
            mature = self._seen.popleft()[1]
        return mature

    def _look(self) -> list[Sighting]:
        paths = dict.fromkeys(path for changed in self._changed for path in (changed, *ancestors(changed)))
        found = []
        for path in paths:
            with contextlib.suppress(OSError):  # gone again
                status = os.lstat(self._source + b"/" + path)
                found.append(Sighting(path, status.st_ino, status.st_ctime_ns))
        return found

    def contradiction(self, evidence: Iterable[Sighting]) -> str:
        """What tells that the source is as it was before the evidence, for people to read; empty when nothing does."""
        for known in evidence:
            try:
                status = os.lstat(self._source + b"/" + known.path)
            except OSError:
                continue  # deleted since, perhaps
            if status.st_ino == known.inode and status.st_ctime_ns < known.ctime <= time.time_ns():
                return (
                    f"it is as it was before, as after the restore of a snapshot: {os.fsdecode(known.path) or '.'} had "
                    f"changed at {_text(known.ctime)}, and now it last did at {_text(status.st_ctime_ns)}"
                )
        return ""


def _text(nanoseconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(nanoseconds // 10**9))
