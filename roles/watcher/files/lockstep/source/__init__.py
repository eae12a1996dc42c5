"""Where changes come from: a source says which paths may have changed, never what to do about it.

An event is a hint.  What a reading names is looked at again on the disk before anything is sent or deleted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol


class Seen(IntEnum):
    """What was seen of one path (relative to the source, bytes, no leading slash; b"" is the source itself)."""

    WRITTEN = 1  # a regular file was made or written, and not closed yet
    CLOSED = 2  # closed by somebody who could write
    COMPLETE = 3  # there at once: renamed to this name, a link, a device
    FOUND = 4  # a file that stood in a directory before the directory was watched
    ATTRIBUTES = 5
    GONE = 6
    DIRECTORY_GONE = 7
    DIRECTORY_NEW = 8
    DIRECTORY_ATTRIBUTES = 9
    REWRITTEN = 10  # WRITTEN, and then CLOSED


@dataclass
class Reading:
    """What one read of a source brought: (what, path) in the order in which it happened, and what went wrong.

    `origins` tells what was renamed, and not from an excluded name: its position in `seen` (COMPLETE or DIRECTORY_NEW)
    → its old name, as it was then.  Like all of this it is a hint: two names that change places at once look like a
    rename there and back.
    """

    seen: list[tuple[Seen, bytes]] = field(default_factory=list)
    origins: dict[int, bytes] = field(default_factory=dict)
    events: int = 0
    more: bool = False  # events still wait: what they tell may be as old as what this tells
    overflow: bool = False  # the kernel dropped events: only a reconcile can tell what changed
    lost_root: bool = False  # the source's root was moved, deleted or unmounted
    unmounted: bool = False  # a file system at or below the source was unmounted


class EventSource(Protocol):
    """What the rest of the watcher knows of a source."""

    def fileno(self) -> int: ...

    def read(self) -> Reading: ...

    def close(self) -> None: ...
