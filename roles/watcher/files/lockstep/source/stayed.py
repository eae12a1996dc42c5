"""Which directories stand where they stood when everything was confirmed last, though nobody watched since then.

A directory that was moved has other files in it than the target has under its name, and none of them a later ctime
(recent.py).  That its own is later says little: so it is wherever something was made or deleted.  What tells is who
stands there.  Where events were lost, the kernel's watches know (watches.py); where the watcher was stopped, it has
written down as its last act which inode stood at which path.
"""

from __future__ import annotations

import json
import os
import sys
import time
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Optional

PATIENCE = 3.0  # seconds that it may take to look at all directories; a million on a cold disk are not worth more
_BYTES = 8  # of a digest: of a million directories two have the same by a chance of 1 to 37 million


def written_down(state_dir: str, mirror: str) -> str:
    """The path of a mirror's file."""
    return os.path.join(state_dir, f"{mirror}.directories")


class Stayed:
    """`recall()` what the last watcher has written down, ask `here()`, and say when it counts no more."""

    def __init__(self, path: str, source: bytes) -> None:
        self._path = path
        self._source = source
        self._then: Optional[array[int]] = None  # digests, ascending
        self._watched = False  # since everything was confirmed

    def recall(self, confirmed: Mapping[str, float], keep: bool = False) -> None:
        """Believe what was written down, once: the next watcher may end without writing anything.

        `confirmed`: what the memory says, which is that of the same moment.  `keep` the file, to be asked again.
        """
        try:
            with open(self._path, "rb") as file:
                head = json.loads(file.readline())
                found: array[int] = array("Q")
                found.frombytes(file.read())
            if not keep:
                os.unlink(self._path)
        except (OSError, ValueError):
            return
        if head == _head(confirmed, len(found)):
            self._then = found

    def watched(self) -> None:
        """Everything is confirmed, and no event was lost since then."""
        self._then, self._watched = None, True

    def lost(self) -> None:
        """Nobody knows any more."""
        self._then, self._watched = None, False

    def here(self, path: bytes) -> bool:
        """Is it certain that the directory at this path (relative to the source) stood there before?"""
        if self._watched:
            return True
        if self._then is None:
            return False
        digest = _digest_of(self._source, path, _device(self._source))
        if digest is None:
            return False
        at = bisect_left(self._then, digest)
        return at < len(self._then) and self._then[at] == digest

    def look(self, directories: Iterable[bytes]) -> Optional[array[int]]:
        """Who stands where now; None where that takes too long."""
        until = time.monotonic() + PATIENCE
        device = _device(self._source)
        found = []
        for number, path in enumerate(directories):
            digest = _digest_of(self._source, path, device)
            if digest is not None:
                found.append(digest)
            if number % 1_000 == 0 and time.monotonic() > until:
                return None
        return array("Q", sorted(found))

    def write(self, there: array[int], confirmed: Mapping[str, float]) -> None:
        """Write down what `look` has found.  Raises OSError."""
        new = self._path + ".new"
        with open(new, "wb") as file:
            file.write(json.dumps(_head(confirmed, len(there))).encode() + b"\n")
            there.tofile(file)
        os.replace(new, self._path)


def _head(confirmed: Mapping[str, float], count: int) -> dict[str, object]:
    return {"confirmed": dict(confirmed), "directories": count, "order": sys.byteorder}


def _device(source: bytes) -> int:
    try:
        return os.stat(source).st_dev
    except OSError:
        return -1


def _digest_of(source: bytes, path: bytes, device: int) -> Optional[int]:
    """None for what is not there, or on another file system, which has inodes of its own."""
    try:
        status = os.lstat(source + b"/" + path if path else source)
    except OSError:
        return None
    if status.st_dev != device:
        return None
    return int.from_bytes(blake2b(b"%d %s" % (status.st_ino, path), digest_size=_BYTES).digest(), "big")
