"""How many inotify watches a source needs, and how many the kernel allows."""

from __future__ import annotations

import os
from typing import Callable

MAX_USER_WATCHES = "/proc/sys/fs/inotify/max_user_watches"


def allowed() -> int:
    """Watches that one user may have, all of its processes together.  Raises OSError where /proc does not say."""
    with open(MAX_USER_WATCHES, encoding="ascii") as file:
        return int(file.read())


def needed(source: bytes, excluded: Callable[[bytes, bool], bool]) -> int:
    """Directories at and below a source, but those excluded: each needs a watch.  The unreadable count as empty."""
    count = 0
    left = [b""]
    while left:
        path = left.pop()
        count += 1
        prefix = path + b"/" if path else b""
        try:
            with os.scandir(source + b"/" + path if path else source) as entries:
                left += [
                    prefix + entry.name
                    for entry in entries
                    if entry.is_dir(follow_symlinks=False) and not excluded(prefix + entry.name, True)
                ]
        except OSError:
            continue
    return count


def shortage(wanted: int, limit: int) -> str:
    """The sentence for too few watches: how many are needed, how many allowed, and what raises them."""
    return (
        f"{wanted:,} inotify watches are needed and {limit:,} are allowed: raise fs.inotify.max_user_watches "
        "(variable inotify_limits_max_user_watches)"
    )
