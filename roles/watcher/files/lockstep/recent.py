"""Files whose inode changed since a moment, by their ctime.

Neither size nor mtime can be trusted for what happened while nobody watched: a file may be rewritten with both as
before.  Nobody can set a ctime (stat(2)).  The walk pauses often, for whoever shares the event loop with it, and holds
no directory open meanwhile: while the target is away a pause is long, and the source could not be unmounted.
"""

from __future__ import annotations

import errno
import math
import os
import time
from collections.abc import Iterator
from typing import Callable, Optional

from lockstep.changes import ancestors

PAUSE = 300  # entries between pauses
OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
SLICE = 0.005  # seconds between pauses: from a cold disk few entries take long


def changed_since(
    source: bytes, top: bytes, since: float, excluded: Callable[[bytes, bool], bool]
) -> Iterator[Optional[bytes]]:
    """Paths (relative to the source) below `top` with a ctime of `since` (epoch, seconds) or later; None to pause.

    Directories are not told: a comparison sees them.  But a rename gives no file below it a later ctime, only the
    directory itself and the one that it is in: where both have one, all files below are told, whatever their own is.
    What cannot be read is left to the comparison, which says so.
    Raises OSError where it is the watcher itself that lacks something: rsync would read what is passed over here.
    """
    above = [(path, _ctime(source + b"/" + path) >= since) for path in (top, *ancestors(top))]
    moved = any(later and above[number + 1][1] for number, (path, later) in enumerate(above) if path)
    left = [(top, moved, above[0][1])]
    looked = 0
    pause_at = time.monotonic() + SLICE
    while left:
        path, moved, later = left.pop()
        prefix = path + b"/" if path else b""
        try:
            with os.scandir(source + b"/" + path if path else source) as entries:
                there = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        except OSError as err:
            if err.errno in OURS:
                raise
            continue
        for name, is_dir in there:
            looked += 1
            if looked == PAUSE or time.monotonic() >= pause_at:
                yield None
                looked, pause_at = 0, time.monotonic() + SLICE
            found = prefix + name
            if excluded(found, is_dir):
                continue
            changed = _ctime(source + b"/" + found) >= since
            if is_dir:
                left.append((found, moved or (later and changed), changed))
            elif moved or changed:
                yield found


def _ctime(path: bytes) -> float:
    try:
        return os.lstat(path).st_ctime
    except OSError:
        return -math.inf
