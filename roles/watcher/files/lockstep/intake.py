"""From what was seen at a source to what its targets have to do about it, and when: what is still written waits."""

from __future__ import annotations

import asyncio
import os
import stat
import time
from collections.abc import Sequence
from typing import Optional, Protocol

from lockstep.changes import ATTRIBUTES, CONTENT, DIRECTORY_GONE, GONE, MOVED, STRUCTURE, SUSPECT
from lockstep.look import look
from lockstep.renames import WORTH
from lockstep.source import Reading, Seen
from lockstep.unclosed import SETTLE, Unclosed

FRESH = 60.0  # seconds: a file whose ctime is older came with a moved directory


class Receiver(Protocol):
    """What a target takes."""

    def note(self, path: bytes, flags: int, since: float) -> None: ...

    def renamed(self, old: bytes, new: bytes, now: float) -> None: ...

    def file_renamed(self, old: bytes, new: bytes) -> None: ...

    def came_along(self, path: bytes) -> None: ...

    def kick(self) -> None: ...


class Intake:
    """`take()` every reading of the source; `stop()` when it is lost or left."""

    def __init__(self, source: bytes, quiet: float, max_wait: float, targets: Sequence[Receiver]) -> None:
        self._source = source
        self._targets = targets
        self._unclosed = Unclosed(quiet, max_wait)
        self._timer: Optional[asyncio.TimerHandle] = None
        self._loop = asyncio.get_running_loop()

    def oldest(self) -> Optional[float]:
        """Since when (monotonic) the oldest file waits that is still written."""
        return self._unclosed.oldest()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def take(self, reading: Reading, since: Optional[float] = None) -> None:
        """`since` (monotonic): what was seen may be as old as that; None: it is of now."""
        if not reading.seen:
            return
        now = time.monotonic()
        at = now if since is None else since
        unclosed, origins, moved = self._unclosed, reading.origins, -1
        for number, (what, path) in enumerate(reading.seen):
            if origins and number + 1 in origins and origins[number + 1] == path:
                moved = number + 1 if self._renamed(path, *reading.seen[number + 1], now) else -1
            if what is Seen.WRITTEN:
                unclosed.written(path, now)
            elif what is Seen.REWRITTEN:
                first = unclosed.settled(path)
                self._note(path, CONTENT, at if first is None else first)
            elif what is Seen.CLOSED:
                first = unclosed.settled(path)
                self._note(path, ATTRIBUTES if first is None else CONTENT, at if first is None else first)
            elif what is Seen.COMPLETE:
                unclosed.settled(path)
                if number == moved:
                    self._came_along(path)
                self._note(path, MOVED if number == moved else CONTENT, at)
            elif what is Seen.GONE:
                unclosed.settled(path)
                self._note(path, GONE, at)
            elif what is Seen.FOUND:
                self._found(path, now, at)
            elif what is Seen.DIRECTORY_NEW:
                self._came_along(path)
                self._note(path, ATTRIBUTES | STRUCTURE, at)
            elif what is Seen.DIRECTORY_GONE:
                self._note(path, GONE | DIRECTORY_GONE, at)
            elif path not in unclosed:
                self._note(path, ATTRIBUTES, at)
        self._await_unclosed(now)
        for target in self._targets:
            target.kick()

    def _note(self, path: bytes, flags: int, since: float) -> None:
        for target in self._targets:
            target.note(path, flags, since)

    def _came_along(self, path: bytes) -> None:
        for target in self._targets:
            target.came_along(path)

    def _renamed(self, old: bytes, what: Seen, new: bytes, now: float) -> bool:
        """Before the going of the one and the coming of the other are noted.  True where targets shall know of it."""
        if what is Seen.DIRECTORY_NEW:
            for target in self._targets:
                target.renamed(old, new, now)
            for path, first in self._unclosed.take_below(old):
                self._note(new + path[len(old) :], CONTENT, first)
            return True
        for target in self._targets:
            target.file_renamed(old, new)
        if old in self._unclosed or not self._is_large(new):
            return False
        for target in self._targets:
            target.renamed(old, new, now)
        return True

    def _is_large(self, path: bytes) -> bool:
        status = look(self._source, path)
        return status is not None and stat.S_ISREG(status.st_mode) and status.st_size >= WORTH

    def _found(self, path: bytes, now: float, at: float) -> None:
        """A file that stood there before its directory was watched: written still, complete, or moved in."""
        try:
            status = os.lstat(self._source + b"/" + path)
        except (FileNotFoundError, NotADirectoryError):
            return  # gone again, which gives an event of its own
        except OSError:
            self._note(path, CONTENT, at)  # it is there, and rsync will say what is wrong with it
            return
        self._came_along(path)
        clock = time.time()
        if stat.S_ISREG(status.st_mode) and -SETTLE < clock - status.st_mtime < SETTLE:
            self._unclosed.found(path, now)
        else:
            # as CONTENT, if the target knows of no rename by which it came
            self._note(path, MOVED if clock - status.st_ctime < FRESH else MOVED | SUSPECT, at)

    def _await_unclosed(self, now: float) -> None:
        due = self._unclosed.next_due()
        if due is None:
            return
        if self._timer is not None:
            if self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(max(due, now), self._send_unclosed)

    def _send_unclosed(self) -> None:
        self._timer = None
        now = time.monotonic()
        for path, first in self._unclosed.due(now):
            self._note(path, CONTENT, first)
        self._await_unclosed(now)
        for target in self._targets:
            target.kick()
