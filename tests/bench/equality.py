"""When a target has become equal to its source, seen from outside and cheaply enough not to slow down who does it."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Callable, Optional

from bench.place import BenchError

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))

from trees import differences

RESERVED = frozenset({b".lockstep"})  # the one name on a target that is the watcher's own
_WALK_EVERY = 10.0  # seconds; a walk takes time from those who work
_FEW = 200


def inodes_used(folder: Path) -> int:
    """How many files and directories there are on this folder's whole file system; 0 where it does not count them."""
    space = os.statvfs(folder)  # f_files is 0 for both counts where there is no limit
    return space.f_files - space.f_ffree


Known = tuple[int, ...]


def _known(status: os.stat_result) -> Known:
    """Type, and for all but directories mode, size and time (ns)."""
    if stat.S_ISDIR(status.st_mode):
        return (stat.S_IFDIR,)
    return (status.st_mode, status.st_size, status.st_mtime_ns)


def sketch(top: Path) -> dict[str, Known]:
    """What is known of every path below."""
    found: dict[str, Known] = {}
    left = [""]
    while left:
        below = left.pop()
        with contextlib.suppress(FileNotFoundError), os.scandir(top / below) as entries:  # it may go while we look
            for entry in entries:
                path = f"{below}{entry.name}"
                found[path] = _known(entry.stat(follow_symlinks=False))
                if found[path] == (stat.S_IFDIR,):
                    left.append(path + "/")
    return found


def differing(wanted: Mapping[str, Known], seen: Mapping[str, Known]) -> list[str]:
    """Every path that is missing, not wanted, or not as wanted."""
    wrong = [path for path, known in wanted.items() if seen.get(path) != known]
    return wrong + [path for path in seen if path not in wanted]


def _still(top: Path, path: str, known: Optional[Known]) -> bool:
    """Whether this path is not as wanted (None: gone)."""
    try:
        return _known(os.lstat(top / path)) != known
    except (FileNotFoundError, NotADirectoryError):
        return known is not None


def wait_equal(
    source: Path,
    target: Path,
    seconds: float,
    ready: Optional[Callable[[], bool]] = None,
    pause: float = 0.05,
    walk_every: float = _WALK_EVERY,
) -> float:
    """The moment (time.perf_counter) at which they were equal but for the times of directories.

    `ready` is asked first and costs next to nothing.  When it says so, and now and then, both trees are walked; until
    the next walk some of the paths that differ are looked at.  The source must not change any more.
    Raises BenchError when `seconds` are over.
    """
    until = time.monotonic() + seconds
    walk_at = time.monotonic() + walk_every
    wanted: dict[str, Known] = {}
    few: list[str] = []
    while True:
        moment = time.perf_counter()
        few = [path for path in few if _still(target, path, wanted.get(path))]
        over = time.monotonic() > until
        if over or (not few and (ready is None or ready())) or time.monotonic() > walk_at:
            wanted = wanted or sketch(source)
            wrong = differing(wanted, sketch(target))
            if not wrong:
                return moment
            if over:
                raise BenchError(f"not equal within {seconds:g} s: {len(wrong)} names of {len(wanted)} differ")
            few, walk_at = wrong[:_FEW], time.monotonic() + walk_every
        time.sleep(pause)


def strictly(source: Path, target: Path, seconds: float) -> int:
    """In how many ways the trees still differ after at most so long, by content and all that rsync -a keeps."""
    until = time.monotonic() + seconds
    while found := differences(source, target, leave_out=RESERVED):
        if time.monotonic() > until:
            break
        time.sleep(0.5)
    return len(found)
